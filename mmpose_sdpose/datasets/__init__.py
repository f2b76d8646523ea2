"""What is looked at in the data before a run, and people in COCO files."""

from .check_data import check_data

__all__ = ['check_data']
