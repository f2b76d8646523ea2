from . import adapters, quantities  # noqa: F401  register what there is
from .own_state import checksum, collect_state, restore_state
from .registries import Lacking, refuse_heads, register_adapter, register_quantity
from .sides import Side
from .topdown_distiller import TopdownDistiller

__all__ = [
    'Lacking',
    'Side',
    'TopdownDistiller',
    'checksum',
    'collect_state',
    'refuse_heads',
    'register_adapter',
    'register_quantity',
    'restore_state',
]
