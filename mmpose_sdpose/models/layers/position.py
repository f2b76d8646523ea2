from __future__ import annotations

import math

import torch
from torch import Tensor

from ...arguments import check_counts, check_positive


def sine_position_table(
    height: int, width: int, embed_dims: int, temperature: float = 10000.0
) -> Tensor:
    """Fixed two-dimensional sine position code, as TokenPose and SDPose use it.

    The first half of the dimensions encodes the row, the second half the column; in each half sine
    and cosine alternate. Rows and columns count from 1 and are scaled to a full turn.

    Args:
        height: Number of token rows.
        width: Number of token columns.
        embed_dims: Token width D; must be a multiple of 4.
        temperature: Base of the geometric series of frequencies.

    Shape:
        (1, height * width, D), tokens row by row

    Raises:
        TypeError, ValueError: If a size is no count, ``embed_dims`` no multiple of 4, or
            ``temperature`` not above 0.

    Examples:
        >>> from mmpose_sdpose.models.layers import sine_position_table
        >>> sine_position_table(height=16, width=12, embed_dims=192).shape
        torch.Size([1, 192, 192])
    """
    check_counts(height=height, width=width, embed_dims=embed_dims)
    check_positive(temperature=temperature)
    if embed_dims % 4:
        raise ValueError(f'embed_dims ({embed_dims}) must be a multiple of 4')
    half = embed_dims // 2
    rows = _sine_code(height, half, temperature)[:, None].expand(height, width, half)
    columns = _sine_code(width, half, temperature)[None].expand(height, width, half)
    return torch.cat([rows, columns], dim=-1).reshape(1, height * width, embed_dims)


def _sine_code(length: int, dims: int, temperature: float) -> Tensor:
    """(length, dims): sine and cosine of 1..length at ``dims / 2`` frequencies, interleaved."""
    index = torch.arange(1, length + 1, dtype=torch.float32) / (length + 1e-6) * 2 * math.pi
    exponent = 2 * torch.arange(dims // 2, dtype=torch.float32) / dims
    angle = index[:, None] / temperature**exponent
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
