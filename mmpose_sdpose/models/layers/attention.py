from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ...arguments import check_counts


class TokenAttention(nn.Module):
    """Multi-head self-attention over tokens, fused where nobody asks for the attention map.

    Args:
        embed_dims: Token width D.
        num_heads: Number of heads; must divide ``embed_dims``.

    Shape:
        (B, N, D) -> (B, N, D)

    Raises:
        TypeError, ValueError: If one is no count, or ``embed_dims`` no multiple of ``num_heads``.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.layers import TokenAttention
        >>> tokens, attention_map = TokenAttention(embed_dims=32, num_heads=4).with_map(
        ...     torch.rand(1, 10, 32)
        ... )
        >>> tokens.shape, attention_map.shape
        (torch.Size([1, 10, 32]), torch.Size([1, 4, 10, 10]))
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        check_counts(embed_dims=embed_dims, num_heads=num_heads)
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims ({embed_dims}) must be a multiple of num_heads ({num_heads})'
            )
        self.num_heads = num_heads
        self.scale = (embed_dims // num_heads) ** -0.5
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims, bias=False)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self._split(tokens)
        return self._merge(F.scaled_dot_product_attention(query, key, value))

    def with_map(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the attention map (B, heads, N, N), whose rows sum to one."""
        query, key, value = self._split(tokens)
        attention_map = (self.scale * query @ key.transpose(-2, -1)).softmax(-1)
        return self._merge(attention_map @ value), attention_map

    def _split(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """(B, N, D) -> query, key and value, each (B, heads, N, D / heads)."""
        batch, length, _ = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, length, 3, self.num_heads, -1)
        return qkv.permute(2, 0, 3, 1, 4).unbind(0)

    def _merge(self, heads: Tensor) -> Tensor:
        """(B, heads, N, D / heads) -> (B, N, D)."""
        return self.proj(heads.transpose(1, 2).flatten(2))
