"""Transforms for ``mmpose.registry``, people in COCO files, and what is looked at before a run."""

from .checks import check_data
from .keep_boxes import KeepBoxes
from .kept_people import KeptPeople
from .person_crop import PackPersonCrop
from .transforms import RandomBodyCut, RandomLowResolution, RandomOccluder

__all__ = [
    'KeepBoxes',
    'KeptPeople',
    'PackPersonCrop',
    'RandomBodyCut',
    'RandomLowResolution',
    'RandomOccluder',
    'check_data',
]
