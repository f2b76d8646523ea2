from . import adapters, quantities  # noqa: F401  register what there is
from .registries import Lacking, refuse_heads, register_adapter, register_quantity
from .sides import Side
from .topdown_distiller import TopdownDistiller

__all__ = [
    'Lacking',
    'Side',
    'TopdownDistiller',
    'refuse_heads',
    'register_adapter',
    'register_quantity',
]
