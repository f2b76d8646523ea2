from .topdown_distiller import TopdownDistiller

__all__ = ['TopdownDistiller']
