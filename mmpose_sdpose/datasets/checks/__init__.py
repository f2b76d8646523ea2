"""What is looked at before a run: files, people, images, and settings that must agree."""

from .check_data import STAGES, check_data
from .findings import DataError, Finding, raise_errors

__all__ = ['STAGES', 'DataError', 'Finding', 'check_data', 'raise_errors']
