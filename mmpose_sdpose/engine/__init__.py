"""Hooks registered into ``mmpose.registry.HOOKS``, and where files come from and go to."""

from .atomic_backend import AtomicLocalBackend
from .hooks import (
    AttentionVisualizationHook,
    CheckpointGuardHook,
    CostHook,
    LossWeightHook,
)
from .packaged_weights import load_packaged_weights

__all__ = [
    'AtomicLocalBackend',
    'AttentionVisualizationHook',
    'CheckpointGuardHook',
    'CostHook',
    'LossWeightHook',
    'load_packaged_weights',
]
