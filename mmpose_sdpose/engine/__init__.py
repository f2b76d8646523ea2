from .hooks import CheckpointGuardHook

__all__ = ['CheckpointGuardHook']
