"""What is looked at before a run: files, people, images, and settings that must agree."""

from .check_data import STAGES, Leaf, check_data, leaves_of
from .findings import DataError, Finding, raise_errors

__all__ = [
    'STAGES',
    'DataError',
    'Finding',
    'Leaf',
    'check_data',
    'leaves_of',
    'raise_errors',
]
