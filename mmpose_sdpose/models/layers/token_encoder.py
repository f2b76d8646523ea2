from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from ...arguments import check_counts, check_positive
from .attention import TokenAttention


class TokenEncoderLayer(nn.Module):
    """Pre-norm transformer layer: attention, then an MLP with exact GELU, both residual.

    Args:
        embed_dims: Token width D.
        num_heads: Number of attention heads; must divide ``embed_dims``.
        mlp_ratio: Hidden width of the MLP in units of D.

    Shape:
        (B, N, D) -> (B, N, D)

    Raises:
        TypeError, ValueError: If ``mlp_ratio`` leaves no hidden unit, or from the attention.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.layers import TokenEncoderLayer
        >>> TokenEncoderLayer(embed_dims=32, num_heads=4, mlp_ratio=3)(torch.rand(1, 10, 32)).shape
        torch.Size([1, 10, 32])
    """

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float) -> None:
        super().__init__()
        check_counts(embed_dims=embed_dims)
        check_positive(mlp_ratio=mlp_ratio)
        hidden_dims = int(embed_dims * mlp_ratio)
        if hidden_dims < 1:
            raise ValueError(f'mlp_ratio ({mlp_ratio}) must leave at least one hidden unit')
        self.norm1 = nn.LayerNorm(embed_dims)
        self.attn = TokenAttention(embed_dims, num_heads)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dims, hidden_dims), nn.GELU(), nn.Linear(hidden_dims, embed_dims)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))

    def with_map(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the layer's attention map (B, heads, N, N)."""
        attended, attention_map = self.attn.with_map(self.norm1(tokens))
        tokens = tokens + attended
        return tokens + self.mlp(self.norm2(tokens)), attention_map


class TokenEncoder(nn.Module):
    """A stack of encoder layers that re-adds the position before every layer but the first.

    The position goes onto the residual stream and accumulates there ("sine-full" of the official
    TokenPose and SDPose code). There is no norm after the last layer.

    Args:
        embed_dims: Token width D.
        depth: Number of layers.
        num_heads: Number of attention heads; must divide ``embed_dims``.
        mlp_ratio: Hidden width of the MLPs in units of D.

    Shape:
        tokens (B, N, D), position (1, N, D) -> (B, N, D)

    Raises:
        TypeError, ValueError: If ``depth`` is no count, or from the layers.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.layers import TokenEncoder, sine_position_table
        >>> encoder = TokenEncoder(embed_dims=32, depth=2, num_heads=4)
        >>> encoder(torch.rand(1, 12, 32), sine_position_table(3, 4, 32)).shape
        torch.Size([1, 12, 32])
    """

    layers: Sequence[TokenEncoderLayer]  # a ModuleList, which does not say of what

    def __init__(
        self, embed_dims: int = 192, depth: int = 12, num_heads: int = 8, mlp_ratio: float = 3.0
    ) -> None:
        super().__init__()
        check_counts(depth=depth)
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        layers = (TokenEncoderLayer(embed_dims, num_heads, mlp_ratio) for _ in range(depth))
        self.layers = cast('Sequence[TokenEncoderLayer]', nn.ModuleList(layers))

    def forward(self, tokens: Tensor, position: Tensor) -> Tensor:
        return self.with_maps(tokens, position, ())[0]

    def with_maps(
        self, tokens: Tensor, position: Tensor, map_layers: Sequence[int]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The same, and the attention maps (B, heads, N, N) of the layers asked for, counted from 1."""
        maps: dict[int, Tensor] = {}
        for number, layer in enumerate(self.layers, start=1):
            if number > 1:
                tokens = tokens + position
            if number in map_layers:
                tokens, maps[number] = layer.with_map(tokens)
            else:
                tokens = layer(tokens)
        return tokens, maps
