from .attention import TokenAttention
from .multi_cycle_transformer import MultiCycleTransformer
from .position import sine_position_table
from .token_encoder import TokenEncoder, TokenEncoderLayer

__all__ = [
    'MultiCycleTransformer',
    'TokenAttention',
    'TokenEncoder',
    'TokenEncoderLayer',
    'sine_position_table',
]
