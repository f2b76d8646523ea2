from __future__ import annotations

import math

from torch import Tensor, nn

from ...arguments import check_counts


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what a two-layer MLP makes of all channel means.

    Hu et al., CVPR 2018, https://arxiv.org/abs/1709.01507. The MLP is two biased linear layers, so
    a backbone's initialisation of its convolutions leaves it alone.

    Args:
        channels: Width of the feature map.
        reduction: ``channels`` over the hidden width of the MLP; must divide ``channels``.

    Shape:
        (B, channels, H, W) -> (B, channels, H, W)

    Raises:
        TypeError, ValueError: If one is no count, or ``reduction`` does not divide ``channels``.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        check_counts(channels=channels, reduction=reduction)
        if channels % reduction:
            raise ValueError(f'channels ({channels}) must be a multiple of reduction ({reduction})')
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.relu = nn.ReLU(inplace=True)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3))
        weights = self.excite(self.relu(self.squeeze(means))).sigmoid()
        return x * weights[:, :, None, None]


class EfficientChannelAttention(nn.Module):
    """Weigh each channel by a 1-D convolution over its own mean and its neighbours'.

    Wang et al., CVPR 2020, https://arxiv.org/abs/1910.03151. The kernel spans
    :func:`eca_kernel_size` channels; beyond the first and last channel there are zeros.

    Args:
        channels: Width of the feature map.

    Shape:
        (B, channels, H, W) -> (B, channels, H, W)

    Raises:
        TypeError, ValueError: If ``channels`` is no count.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel_size = eca_kernel_size(channels)
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3))
        weights = self.conv(means[:, None]).sigmoid()
        return x * weights[:, 0, :, None, None]


def eca_kernel_size(channels: int) -> int:
    """ECA-Net's kernel: the odd number nearest to ``(log2(channels) + 1) / 2``, up on a tie."""
    check_counts(channels=channels)
    return 2 * math.floor((math.log2(channels) + 1) / 4) + 1


def channel_gate(gate: str | None, channels: int, reduction: int = 16) -> nn.Module:
    """The channel gate of that name.

    Args:
        gate: 'se' for :class:`SqueezeExcitation`, 'eca' for :class:`EfficientChannelAttention`,
            None for a module that returns its input.
        channels: Width of the feature map.
        reduction: Of squeeze-excitation; the others have none.

    Raises:
        TypeError, ValueError: If there is no gate of that name, or from the gate.
    """
    if gate is None:
        return nn.Identity()
    if gate == 'se':
        return SqueezeExcitation(channels, reduction)
    if gate == 'eca':
        return EfficientChannelAttention(channels)
    raise ValueError(f"gate ({gate!r}) must be 'se', 'eca' or None")
