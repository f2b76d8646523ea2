"""Hooks registered into ``mmpose.registry.HOOKS``, and where files come from and go to."""

from .atomic_backend import AtomicLocalBackend
from .hooks import (
    AttentionVisualizationHook,
    CheckDataHook,
    CheckFiniteHook,
    CheckpointGuardHook,
    CostHook,
    DistillerStateHook,
    EpochSeedHook,
    LossWeightHook,
    SafeCheckpointHook,
)
from .packaged_weights import load_from_package
from .resume import newest_checkpoint

__all__ = [
    'AtomicLocalBackend',
    'AttentionVisualizationHook',
    'CheckDataHook',
    'CheckFiniteHook',
    'CheckpointGuardHook',
    'CostHook',
    'DistillerStateHook',
    'EpochSeedHook',
    'LossWeightHook',
    'SafeCheckpointHook',
    'load_from_package',
    'newest_checkpoint',
]
