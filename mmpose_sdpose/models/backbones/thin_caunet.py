from __future__ import annotations

from collections.abc import Sequence

from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_counts
from ..layers import ChannelAttentionUnit
from .channels_last import channels_last
from .stem import ConvStem


@MODELS.register_module()
@channels_last
class ThinCAUNet(ConvStem):
    """Channel-Attention-Units in stages as a ResNet has them: LADPose-N's backbone.

    :class:`CAUNet` has all units at stride 4, where each one's map is large: on a CPU it takes four
    times as long as :class:`ThinResNet`, which has more multiply-adds. Here most units are at strides 8
    and 16, and groups are as wide as the blocks in which ONNX Runtime computes; the cost is below
    ThinResNet's.

    Args:
        base_channels: Width of the stem and the first stage; each later stage has twice the width of
            the one before.
        num_units: Units of each stage; the first unit of all but the first stage halves the map.
        group_width: Channels of each group of the grouped convolutions; must divide ``base_channels``.
        gate: Channel gate of the units: 'se', 'eca' or None.
        reduction: Of the 'se' gate; must divide ``base_channels``.
        in_channels: Channels of the image.
        init_cfg: MMEngine initialisation; default: convolutions by Kaiming's rule, as in a ResNet, gates
            as PyTorch starts them.

    Shape:
        (B, in_channels, H, W) -> ((B, C, H / S, W / S),) with S = 2 ** (stages + 1), and C =
        base_channels * 2 ** (stages - 1)

    Raises:
        TypeError, ValueError: If a number is no count, ``num_units`` no sequence of counts, or a width
            no multiple of what must divide it.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import ThinCAUNet
        >>> (feature,) = ThinCAUNet()(torch.rand(1, 3, 128, 96))
        >>> feature.shape
        torch.Size([1, 128, 8, 6])
    """

    def __init__(
        self,
        base_channels: int = 32,
        num_units: Sequence[int] = (2, 4, 6),
        group_width: int = 16,
        gate: str | None = 'se',
        reduction: int = 16,
        in_channels: int = 3,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        check_counts(base_channels=base_channels, group_width=group_width)
        if not isinstance(num_units, Sequence) or isinstance(num_units, str) or not num_units:
            raise TypeError(f'num_units ({num_units!r}) must be a whole number for each stage')
        for count in num_units:
            check_counts(num_units=count)
        if base_channels % group_width:
            raise ValueError(
                f'base_channels ({base_channels}) must be a multiple of group_width ({group_width})'
            )
        kaiming: list[dict] = [
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', layer='BatchNorm2d', val=1),
        ]
        super().__init__(in_channels, base_channels, init_cfg or kaiming)
        units, width = [], base_channels
        for stage, count in enumerate(num_units):
            channels = base_channels * 2**stage
            for index in range(count):
                stride = 2 if stage and not index else 1
                groups = channels // group_width
                units.append(
                    ChannelAttentionUnit(width, channels, channels, groups, gate, reduction, stride)
                )
                width = channels
        self.units = nn.Sequential(*units)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.units(self.stem(image)),)
