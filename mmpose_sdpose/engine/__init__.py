"""Hooks registered into ``mmpose.registry.HOOKS``, and where files come from and go to."""

from .atomic_backend import AtomicLocalBackend
from .hooks import ChannelsLastHook, CheckpointGuardHook, LossWeightHook
from .packaged_weights import load_packaged_weights

__all__ = [
    'AtomicLocalBackend',
    'ChannelsLastHook',
    'CheckpointGuardHook',
    'LossWeightHook',
    'load_packaged_weights',
]
