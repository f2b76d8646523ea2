from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_counts
from ..layers import ChannelAttentionUnit
from .channels_last import channels_last
from .stem import ConvStem


@MODELS.register_module()
@channels_last
class CAUNet(ConvStem):
    """Two stride-2 convolutions, then Channel-Attention-Units at stride 4: LADPose's backbone.

    A re-interpretation of Wei & Hu, Pattern Recognition Letters 185 (2024),
    https://doi.org/10.1016/j.patrec.2024.08.009, whose text beyond the abstract is not public: the
    abstract names group convolution and attention, the defaults here are chosen to meet its
    parameters and GFLOPs. The stem is :class:`StemNet`'s, name by name.

    Args:
        in_channels: Channels of the image.
        stem_channels: Width of the two stride-2 convolutions.
        mid_channels: Width of the grouped convolutions.
        out_channels: Width of the feature map.
        num_units: Number of units.
        groups: Convolution groups; must divide ``mid_channels``.
        gate: Channel gate of the units: 'se', 'eca' or None.
        reduction: Of the 'se' gate; must divide ``out_channels``.
        init_cfg: MMEngine initialisation; default: convolutions normal with std 0.001, gates as
            PyTorch starts them.

    Shape:
        (B, in_channels, H, W) -> ((B, out_channels, H / 4, W / 4),)

    Raises:
        TypeError, ValueError: If ``num_units`` is no count, or from the stem or the units.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import CAUNet
        >>> (feature,) = CAUNet(out_channels=64, gate='eca')(torch.rand(1, 3, 256, 192))
        >>> feature.shape
        torch.Size([1, 64, 64, 48])
    """

    def __init__(
        self,
        in_channels: int = 3,
        stem_channels: int = 64,
        mid_channels: int = 128,
        out_channels: int = 256,
        num_units: int = 4,
        groups: int = 8,
        gate: str | None = 'se',
        reduction: int = 16,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(in_channels, stem_channels, init_cfg)
        check_counts(num_units=num_units)
        widths = [stem_channels] + [out_channels] * (num_units - 1)
        self.units = nn.Sequential(
            *(
                ChannelAttentionUnit(width, mid_channels, out_channels, groups, gate, reduction)
                for width in widths
            )
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.units(self.stem(image)),)
