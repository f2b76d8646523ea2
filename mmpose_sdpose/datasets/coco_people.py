"""People in images, as a COCO file annotates them and as a top-down test pipeline takes them."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from .checks.annotations import Annotations, WrongFile, load_json, look_at_images
from .checks.findings import as_id, is_box, short, some
from .checks.people import look_at_boxes

logger = logging.getLogger(__name__)


class CocoPeople:
    """The people of a COCO annotation file, by the image file they are on; rules as in the runtime.

    An image of the file is the one whose ``file_name`` the path ends with (``clip1/0001.jpg``), where
    there is none the one whose ``file_name`` ends with the path's own name. People are the category
    called person; where none is, the only category; of several, category 1.

    Args:
        path: JSON with ``images`` and ``annotations``; these with ``bbox``, perhaps ``keypoints``.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such JSON.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        #: Why annotations are left out -> how many.
        self.left_out: Counter[str] = Counter()
        content = load_json(path)
        try:
            self.names = {
                as_id(image['id']): PurePosixPath(image['file_name'].replace('\\', '/'))
                for image in content['images']
            }
            for kind in ('image', 'annotation'):
                _refuse_repeated(path, kind, content[f'{kind}s'])
            self.people: dict[str, list[dict]] = {number: [] for number in self.names}
            kinds = _categories_of_people(content)
            for person in content['annotations']:
                self._add(person, kinds)
        except (KeyError, TypeError, AttributeError) as error:
            raise WrongFile(
                f'{path} is no COCO annotation file, which has images (id, file_name) and annotations '
                f'(image_id, bbox): {type(error).__name__} {error}'
            ) from error
        self._taken: dict[str, Path] = {}
        self._say_doubts(content)

    def _add(self, person: dict, kinds: list[str]) -> None:
        who = f'{self.path}: annotation {short(person.get("id"))}'
        if 'bbox' not in person:
            self.left_out['without a box'] += 1
            return
        box = person['bbox']
        if not is_box(box):
            raise WrongFile(f'{who} has {short(box)} as bbox: wanted are x, y, width, height')
        if as_id(person['image_id']) not in self.people:
            raise WrongFile(
                f'{who} is on image {short(person["image_id"])}, which the file does not list'
            )
        if as_id(person.get('category_id', kinds[0])) not in kinds:
            self.left_out[f'of other categories than {some(kinds)}'] += 1
        elif person.get('iscrowd') or min(box[2:]) <= 0:
            self.left_out['crowds' if person.get('iscrowd') else 'without width or height'] += 1
        else:
            self.people[as_id(person['image_id'])].append(person)

    def _say_doubts(self, content: dict[str, Any]) -> None:
        found = Annotations(str(self.path))
        look_at_images(found, content['images'])
        look_at_boxes(found, content['annotations'])
        for finding in found.findings:
            if not finding.fatal:
                logger.warning(finding.text)
        if self.left_out:
            reasons = [f'{count} {reason}' for reason, count in self.left_out.items()]
            logger.warning('%s: left out are %s', self.path, ', '.join(reasons))

    def on(self, image: str | Path) -> list[dict] | None:
        """The people of an image, None if the file does not know it.

        Raises:
            ValueError: If it may be several images of the file, or another one was taken for the same.
        """
        path = Path(os.path.abspath(image))
        alike = [number for number, name in self.names.items() if name.name == path.name]
        lengths = {number: _common_end(self.names[number], path) for number in alike}
        whole = [number for number in alike if lengths[number] == len(self.names[number].parts)]
        longest = max((lengths[number] for number in whole), default=0)
        best = [number for number in whole if lengths[number] == longest] or alike
        if len(best) > 1:
            raise ValueError(
                f'{image} could be {len(best)} images of {self.path}: '
                f'{some([self.names[number] for number in best])}'
            )
        if not best:
            return None
        other = self._taken.setdefault(best[0], path)
        if other != path:
            raise ValueError(
                f'{path} and {other} would both be {self.names[best[0]]} of {self.path}: write the '
                'folder into its file_name'
            )
        return self.people[best[0]]

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


def _categories_of_people(content: dict[str, Any]) -> list[str]:
    listed = content.get('categories')
    listed = listed if isinstance(listed, list) else []
    called = [
        as_id(kind['id']) for kind in listed if str(kind.get('name')).strip().lower() == 'person'
    ]
    people = content['annotations']
    there = {as_id(person['category_id']) for person in people if 'category_id' in person}
    return called or (list(there) if len(there) == 1 else ['1'])


def _refuse_repeated(path: str | Path, kind: str, entries: list[dict]) -> None:
    """As in merged files, where one entry would be taken for the other."""
    counts = Counter(as_id(entry['id']) for entry in entries if 'id' in entry)
    repeated = [key for key, count in counts.items() if count > 1]
    if repeated:
        raise WrongFile(
            f'{path}: {kind} ids stand more than once ({some(repeated)}), number the {kind}s anew'
        )


def _common_end(name: PurePosixPath, path: Path) -> int:
    """How many parts two paths have in common, from the end."""
    pairs = zip(reversed(name.parts), reversed(path.parts))
    return next((count for count, (a, b) in enumerate(pairs) if a != b), len(name.parts))


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
