"""Data sets and transforms registered into ``mmpose.registry``."""

from .checked_datasets import CheckedCocoDataset, CheckedCrowdPoseDataset
from .transforms import RandomBodyCut, RandomLowResolution, RandomOccluder

__all__ = [
    'CheckedCocoDataset',
    'CheckedCrowdPoseDataset',
    'RandomBodyCut',
    'RandomLowResolution',
    'RandomOccluder',
]
