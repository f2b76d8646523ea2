"""Transforms for ``mmpose.registry``, people in COCO files, and what is looked at before a run."""

from .checks import check_data
from .transforms import RandomBodyCut, RandomLowResolution, RandomOccluder

__all__ = ['RandomBodyCut', 'RandomLowResolution', 'RandomOccluder', 'check_data']
