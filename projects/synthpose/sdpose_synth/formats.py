"""The official COCO and CrowdPose annotation formats.

https://cocodataset.org/#format-data and https://github.com/Jeff-sjtu/CrowdPose
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from .annotations import ImageRecord, PersonRecord
from .keypoints import COCO_KEYPOINTS, CROWDPOSE_KEYPOINTS

# Official pairs, counted from 1.
COCO_SKELETON = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9],
    [8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
CROWDPOSE_SKELETON = [
    [12, 10], [10, 8], [11, 9], [9, 7], [7, 8], [1, 7], [2, 8], [1, 2], [1, 3], [2, 4], [3, 5],
    [4, 6], [13, 14], [1, 14], [2, 14],
]  # fmt: skip


def image_name(image_id: int) -> str:
    """File name of an image, as in COCO."""
    return f'{image_id:012d}.jpg'


def coco_file(records: list[ImageRecord], size: int, info: dict) -> dict:
    """Content of a COCO keypoint file.

    Args:
        records: What images 1, 2, ... show.
        size: Height and width of the images in pixels.
        info: The file's ``info``.
    """
    images = [dict(license=1, **_image(number, size)) for number in _numbers(records)]
    category = _category(COCO_KEYPOINTS, COCO_SKELETON)
    return _file(records, info, images, category, coco_annotation)


def crowdpose_file(records: list[ImageRecord], size: int, info: dict) -> dict:
    """Content of a CrowdPose file; arguments as for :func:`coco_file`."""
    images = [
        dict(_image(number, size), crowdIndex=record.crowd_index)
        for number, record in zip(_numbers(records), records)
    ]
    category = _category(CROWDPOSE_KEYPOINTS, CROWDPOSE_SKELETON)
    return _file(records, info, images, category, crowdpose_annotation)


def coco_annotation(person: PersonRecord, image_id: int, number: int) -> dict:
    """A person as a COCO annotation with 17 keypoints."""
    return dict(
        segmentation=person.polygons,
        **_keypoint_fields(person.keypoints[:17]),
        area=person.area,
        iscrowd=0,
        image_id=image_id,
        bbox=person.bbox,
        category_id=1,
        id=number,
    )


def crowdpose_annotation(person: PersonRecord, image_id: int, number: int) -> dict:
    """A person as a CrowdPose annotation with 14 keypoints; the format has no area."""
    return dict(
        **_keypoint_fields(person.keypoints[5:]),
        iscrowd=0,
        image_id=image_id,
        bbox=person.bbox,
        category_id=1,
        id=number,
    )


def _category(keypoints: tuple[str, ...], skeleton: list[list[int]]) -> dict:
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(keypoints),
        skeleton=skeleton,
    )


def _keypoint_fields(keypoints: np.ndarray) -> dict:
    flat: list[float] = []
    for x, y, flag in keypoints.tolist():
        flat += [x, y, int(flag)] if flag else [0, 0, 0]
    return dict(num_keypoints=int(np.count_nonzero(keypoints[:, 2])), keypoints=flat)


def _file(
    records: list[ImageRecord],
    info: dict,
    images: list[dict],
    category: dict,
    annotate: Callable[[PersonRecord, int, int], dict],
) -> dict:
    people = [(p, number) for number, r in zip(_numbers(records), records) for p in r.people]
    return dict(
        info=info,
        licenses=[dict(id=1, name='Apache-2.0', url='https://www.apache.org/licenses/LICENSE-2.0')],
        images=images,
        annotations=[annotate(p, number, i) for i, (p, number) in enumerate(people, start=1)],
        categories=[category],
    )


def _numbers(records: list[ImageRecord]) -> range:
    return range(1, len(records) + 1)


def _image(number: int, size: int) -> dict:
    return dict(file_name=image_name(number), height=size, width=size, id=number)
