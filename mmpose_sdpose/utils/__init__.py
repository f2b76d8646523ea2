"""Helpers. What needs PyTorch is imported when asked for: the runtime uses ``files`` without it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .files import whole_file

_IN_CHECKPOINT = (
    'READS_SAFELY',
    'fetch_state_dict',
    'list_misfits',
    'read_checkpoint',
    'read_state_dict',
    'write_checkpoint',
)

__all__ = [*_IN_CHECKPOINT, 'whole_file']


def __getattr__(name: str) -> Any:
    if name in _IN_CHECKPOINT:
        return getattr(import_module('.checkpoint', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
