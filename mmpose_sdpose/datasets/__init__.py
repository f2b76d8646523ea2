"""Data sets registered into ``mmpose.registry.DATASETS``."""

from .checked_datasets import CheckedCocoDataset, CheckedCrowdPoseDataset

__all__ = ['CheckedCocoDataset', 'CheckedCrowdPoseDataset']
