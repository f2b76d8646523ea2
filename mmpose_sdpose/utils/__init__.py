from .checkpoint import read_checkpoint, read_state_dict, write_checkpoint

__all__ = ['read_checkpoint', 'read_state_dict', 'write_checkpoint']
