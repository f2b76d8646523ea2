"""People in images, as a COCO file annotates them and as a top-down test pipeline takes them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from .annotations import WrongFile, is_box, load_json
from .findings import short


class CocoPeople:
    """The people of a COCO annotation file, by the image file they are on.

    An image is known by the path that the file gives it: ``clip1/0001.jpg`` is not ``clip2/0001.jpg``,
    while a bare ``0001.jpg`` is any of that name, but only one of them.

    Args:
        path: JSON with ``images`` and ``annotations``; these with ``bbox``, perhaps ``keypoints``.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such JSON.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        #: How many have no box, and are passed over.
        self.without_box = 0
        content = load_json(path)
        try:
            self.names = {
                image['id']: PurePosixPath(image['file_name'].replace('\\', '/'))
                for image in content['images']
            }
            if len(self.names) < len(content['images']):
                raise WrongFile(f'{path}: image ids stand more than once, number the images anew')
            self.people: dict[Any, list[dict]] = {number: [] for number in self.names}
            for person in content['annotations']:
                self._add(person)
        except (KeyError, TypeError, AttributeError) as error:
            raise WrongFile(
                f'{path} is no COCO annotation file, which has images (id, file_name) and annotations '
                f'(image_id, bbox): {type(error).__name__} {error}'
            ) from error
        self._ids: dict[str, list[Any]] = {}
        for number, name in self.names.items():
            self._ids.setdefault(name.name, []).append(number)
        self._taken: dict[Any, Path] = {}

    def _add(self, person: dict) -> None:
        box, who = person.get('bbox'), f'{self.path}: annotation {short(person.get("id"))}'
        if 'bbox' not in person:
            self.without_box += 1
        elif not is_box(box):
            raise WrongFile(f'{who} has {short(box)} as bbox: wanted are x, y, width, height')
        elif person['image_id'] not in self.people:
            raise WrongFile(
                f'{who} is on image {short(person["image_id"])}, which the file does not list'
            )
        elif person.get('iscrowd', 0) == 0 and min(box[2:]) > 0:
            self.people[person['image_id']].append(person)

    def on(self, image: str | Path) -> list[dict] | None:
        """The people of an image, None if the file does not know it.

        Raises:
            ValueError: If it may be several images of the file, or another one was taken for the same.
        """
        path = Path(os.path.abspath(image))
        known = self._ids.get(path.name, [])
        fitting = [number for number in known if self._is_end_of(number, path)]
        if not fitting:
            return None
        longest = max(len(self.names[number].parts) for number in fitting)
        best = [number for number in fitting if len(self.names[number].parts) == longest]
        if len(best) > 1:
            raise ValueError(
                f'{self.path} has {len(best)} images called {self.names[best[0]]}, so that nobody '
                f'knows which of them {image} is: give each a path of its own'
            )
        other = self._taken.setdefault(best[0], path)
        if other != path:
            raise ValueError(
                f'{path} and {other} would both be {self.names[best[0]]} of {self.path}: write the '
                'folder into its file_name'
            )
        return self.people[best[0]]

    def _is_end_of(self, number: Any, path: Path) -> bool:
        parts = self.names[number].parts
        return path.parts[-len(parts) :] == parts

    def of(self, image: str | Path, limit: int) -> list[dict]:
        """The largest people of an image.

        Raises:
            ValueError: If the file does not know the image, or not for sure, or has nobody in it.
        """
        people = self.on(image)
        if not people:
            what = 'nobody in' if people == [] else 'no image'
            names = sorted(map(str, self.names.values()))
            raise ValueError(
                f'{self.path} has {what} {Path(image).name}: of its {len(names)} images the first are '
                f'{", ".join(names[:3])}'
            )
        return sorted(people, key=lambda person: -person['bbox'][2] * person['bbox'][3])[:limit]


def read_image(path: str | Path) -> np.ndarray:
    """An image, BGR.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is no image.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no image at {path}')
    encoded = np.fromfile(path, np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if image is None:
        raise OSError(f'{path} is no readable image')
    return image


def to_sample(image: np.ndarray, person: dict | None, metainfo: dict[str, Any]) -> dict[str, Any]:
    """What a test pipeline starts from.

    Args:
        image: BGR.
        person: A COCO annotation; None: the whole image is one person.
        metainfo: Of the data set that the config tests on.

    Raises:
        ValueError: If the annotation has another number of keypoints than the data set, or what is none.
    """
    left, top, width, height = person['bbox'] if person else (0, 0, *image.shape[1::-1])
    keypoints = np.zeros((metainfo['num_keypoints'], 3), np.float32)
    if person and person.get('keypoints'):
        keypoints = np.array(person['keypoints'], np.float32).reshape(-1, 3)
        if len(keypoints) != metainfo['num_keypoints']:
            raise ValueError(
                f"the annotations have {len(keypoints)} keypoints, the config's data "
                f'{metainfo["num_keypoints"]}: use boxes and a config of the same skeleton'
            )
        if not np.isfinite(keypoints).all():
            raise ValueError(
                f'annotation {short(person.get("id"))} has keypoints that are no numbers: write 0, 0, 0 '
                'where one is not labelled'
            )
    return dict(
        metainfo,
        img=image,
        bbox=np.array([[left, top, left + width, top + height]], np.float32),
        bbox_score=np.ones(1, np.float32),
        keypoints=keypoints[None, :, :2],
        keypoints_visible=np.minimum(1, keypoints[None, :, 2]),
    )
