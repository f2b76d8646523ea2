"""Hooks registered into ``mmpose.registry.HOOKS``, and the weights that come with the package."""

from .hooks import ChannelsLastHook, CheckpointGuardHook
from .packaged_weights import load_packaged_weights

__all__ = ['ChannelsLastHook', 'CheckpointGuardHook', 'load_packaged_weights']
