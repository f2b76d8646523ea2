from .attention import TokenAttention
from .channel_attention_unit import ChannelAttentionUnit
from .constants import constants
from .multi_cycle_transformer import AttentionLayout, AttentionMaps, MultiCycleTransformer, Tokens
from .position import sine_position_table
from .precision import at_least_float32
from .token_encoder import TokenEncoder, TokenEncoderLayer

__all__ = [
    'AttentionLayout',
    'AttentionMaps',
    'ChannelAttentionUnit',
    'MultiCycleTransformer',
    'TokenAttention',
    'TokenEncoder',
    'TokenEncoderLayer',
    'Tokens',
    'at_least_float32',
    'constants',
    'sine_position_table',
]
