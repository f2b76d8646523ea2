from .checkpoint import (
    READS_SAFELY,
    fetch_state_dict,
    list_misfits,
    read_checkpoint,
    read_state_dict,
    write_checkpoint,
)
from .files import whole_file

__all__ = [
    'READS_SAFELY',
    'fetch_state_dict',
    'list_misfits',
    'read_checkpoint',
    'read_state_dict',
    'whole_file',
    'write_checkpoint',
]
