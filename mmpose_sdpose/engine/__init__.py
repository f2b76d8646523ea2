"""Hooks registered into ``mmpose.registry.HOOKS``."""

from .hooks import ChannelsLastHook, CheckpointGuardHook

__all__ = ['ChannelsLastHook', 'CheckpointGuardHook']
