from .checkpoint import read_checkpoint, read_state_dict, write_checkpoint
from .files import whole_file

__all__ = ['read_checkpoint', 'read_state_dict', 'whole_file', 'write_checkpoint']
