from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS


@DATASETS.register_module()
def KeepBoxes(dataset: dict[str, Any]) -> BaseCocoStyleDataset:  # noqa: N802  a type in configs
    """A COCO-style data set that keeps people who have a box and no keypoints.

    MMPose drops them. All their joints have weight 0: losses on labels leave them out, and a
    distillation whose loss has ``weights='all'`` or ``'teacher'`` learns from them too::

        dataset=dict(type='KeepBoxes', dataset=dict(type='CocoDataset', ...))

    Crowds, and boxes without area, are dropped as ever.

    Args:
        dataset: Config of the data set.

    Raises:
        ValueError: If it is of another style.
    """
    kind = dataset['type']
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    if not isinstance(kind, type) or not issubclass(kind, BaseCocoStyleDataset):
        raise ValueError(
            f'KeepBoxes is for data sets with COCO-style annotations, and {dataset["type"]} is none: '
            'put it around each of those that have them'
        )
    kept = DATASETS.build({**dataset, 'lazy_init': True})
    joints = kept.metainfo['num_keypoints']
    # On the object while it reads its file, and no longer: worker processes get it as it was.
    kept.parse_data_info = _with_joints(kept.parse_data_info, joints)
    kept._is_valid_instance = _with_box(kept._is_valid_instance)
    try:
        kept.full_init()
    finally:
        del kept.parse_data_info, kept._is_valid_instance
    return kept


def _with_joints(parse: Callable, joints: int) -> Callable:
    """Joints that are not labelled, where there are none."""

    def parse_person(raw: dict[str, Any]) -> dict[str, Any] | None:
        person = raw['raw_ann_info']
        if not person.get('keypoints'):
            unlabelled = dict(keypoints=[0] * (3 * joints), num_keypoints=0)
            raw = {**raw, 'raw_ann_info': {**person, **unlabelled}}
        return parse(raw)

    return parse_person


def _with_box(is_valid: Callable) -> Callable:
    """Valid is whoever would be, had he a joint."""

    def is_valid_person(person: dict[str, Any]) -> bool:
        return is_valid({**person, 'num_keypoints': 1, 'keypoints': np.ones((1, 1, 2))})

    return is_valid_person
