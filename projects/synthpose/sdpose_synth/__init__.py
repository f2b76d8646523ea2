"""SynthPose: an offline data set of drawn people in the COCO and CrowdPose formats.

Needs NumPy and OpenCV alone, so that worker processes start fast.
"""

from .contact_sheet import contact_sheet, write_contact_sheet
from .sample import SPLITS, Sample, make_sample
from .settings import Settings
from .writer import OutputFolderError, default_workers, is_complete, write_dataset

__all__ = [
    'SPLITS',
    'OutputFolderError',
    'Sample',
    'Settings',
    'contact_sheet',
    'default_workers',
    'is_complete',
    'make_sample',
    'write_contact_sheet',
    'write_dataset',
]
