from .channels_last_hook import ChannelsLastHook
from .checkpoint_guard_hook import CheckpointGuardHook

__all__ = ['ChannelsLastHook', 'CheckpointGuardHook']
