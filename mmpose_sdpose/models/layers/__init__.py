from .attention import TokenAttention
from .channel_attention_unit import ChannelAttentionUnit
from .multi_cycle_transformer import AttentionLayout, AttentionMaps, MultiCycleTransformer, Tokens
from .position import sine_position_table
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
    'sine_position_table',
]
