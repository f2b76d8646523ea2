"""People in images, as a COCO file annotates them and as a top-down test pipeline takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np


class CocoPeople:
    """The people of a COCO annotation file, by file name of their image.

    Args:
        path: JSON with ``images`` and ``annotations``; these with ``bbox``, perhaps ``keypoints``.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such JSON.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
            files = {image['id']: Path(image['file_name']).name for image in content['images']}
            self.by_file: dict[str, list[dict]] = {name: [] for name in files.values()}
            for person in content['annotations']:
                if person.get('iscrowd', 0) == 0 and min(person['bbox'][2:]) > 0:
                    self.by_file[files[person['image_id']]].append(person)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f'{path} is no JSON: {error}') from error
        except (KeyError, TypeError) as error:
            raise ValueError(
                f'{path} is no COCO annotation file, which has images (id, file_name) and annotations '
                f'(image_id, bbox): {type(error).__name__} {error}'
            ) from error

    def of(self, image: str | Path, limit: int) -> list[dict]:
        """The largest people of an image.

        Raises:
            ValueError: If the file does not know the image, or has nobody in it.
        """
        people = self.by_file.get(Path(image).name)
        if not people:
            what = 'nobody in' if people == [] else 'no image'
            raise ValueError(
                f'{self.path} has {what} {Path(image).name}: of its {len(self.by_file)} images the '
                f'first are {", ".join(sorted(self.by_file)[:3])}'
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
        ValueError: If the annotation has another number of keypoints than the data set.
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
    return dict(
        metainfo,
        img=image,
        bbox=np.array([[left, top, left + width, top + height]], np.float32),
        bbox_score=np.ones(1, np.float32),
        keypoints=keypoints[None, :, :2],
        keypoints_visible=np.minimum(1, keypoints[None, :, 2]),
    )
