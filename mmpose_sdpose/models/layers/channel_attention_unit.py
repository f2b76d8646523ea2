from __future__ import annotations

from torch import Tensor, nn

from ...arguments import check_counts
from .channel_gates import channel_gate


class ChannelAttentionUnit(nn.Module):
    """Residual unit: grouped 3x3 convolution between two 1x1, re-weighted channel by channel.

    A ResNet bottleneck with groups and a gate before the sum. Group convolution and channel attention
    are what is public of the Channel-Attention-Unit of Wei & Hu, Pattern Recognition Letters 185
    (2024), https://doi.org/10.1016/j.patrec.2024.08.009; how they are joined here is our reading.

    Args:
        in_channels: Width of the input.
        mid_channels: Width of the grouped convolution.
        out_channels: Width of the output. Where it is not ``in_channels``, a 1x1 convolution and a
            norm lead the input past the unit; otherwise the input passes as it is.
        groups: Convolution groups; must divide ``mid_channels``.
        gate: Channel gate on the output channels: 'se', 'eca' or None; see
            :func:`~mmpose_sdpose.models.layers.channel_gates.channel_gate`.
        reduction: Of the 'se' gate; must divide ``out_channels``.
        stride: Of the grouped convolution, and where it is not 1, of a 1x1 convolution on the way past.

    Shape:
        (B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride), rounded up

    Raises:
        TypeError, ValueError: If one is no count, ``groups`` does not divide ``mid_channels``, or
            from the gate.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.layers import ChannelAttentionUnit
        >>> ChannelAttentionUnit(64, 128, 256)(torch.rand(1, 64, 16, 12)).shape
        torch.Size([1, 256, 16, 12])
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        groups: int = 8,
        gate: str | None = 'se',
        reduction: int = 16,
        stride: int = 1,
    ) -> None:
        super().__init__()
        check_counts(
            stride=stride,
            in_channels=in_channels,
            mid_channels=mid_channels,
            out_channels=out_channels,
            groups=groups,
            reduction=reduction,
        )
        if mid_channels % groups:
            raise ValueError(
                f'mid_channels ({mid_channels}) must be a multiple of groups ({groups})'
            )
        self.squeeze = _conv_norm(in_channels, mid_channels)
        self.group_conv = _conv_norm(mid_channels, mid_channels, 3, groups, stride)
        self.expand = _conv_norm(mid_channels, out_channels)
        self.gate = channel_gate(gate, out_channels, reduction)
        self.skip: nn.Module = nn.Identity()
        if in_channels != out_channels or stride > 1:
            self.skip = _conv_norm(in_channels, out_channels, stride=stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.squeeze(x))
        y = self.relu(self.group_conv(y))
        return self.relu(self.skip(x) + self.gate(self.expand(y)))


def _conv_norm(
    in_channels: int, out_channels: int, kernel_size: int = 1, groups: int = 1, stride: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size of the map or divides it by the stride, and its norm."""
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
    )
