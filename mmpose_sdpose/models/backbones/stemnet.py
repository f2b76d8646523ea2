from __future__ import annotations

from mmpose.models.backbones.resnet import Bottleneck, ResLayer
from mmpose.registry import MODELS
from torch import Tensor

from ...arguments import check_counts
from .channels_last import channels_last
from .stem import ConvStem


@MODELS.register_module()
@channels_last
class StemNet(ConvStem):
    """The first stage of a ResNet at stride 4: two stride-2 convolutions, then bottlenecks.

    The backbone of SDPose-T/-S, TokenPose-S and DistilPose-S. Parameter names are those of the
    official code (https://github.com/MartyrPenink/SDPose), so backbone weights carry over as they are.

    Args:
        in_channels: Channels of the image.
        stem_channels: Width of the two stride-2 convolutions.
        out_channels: Width of the feature map; the bottlenecks are a quarter of it.
        num_blocks: Number of bottlenecks.
        init_cfg: MMEngine initialisation; default: convolutions normal with std 0.001.

    Shape:
        (B, in_channels, H, W) -> ((B, out_channels, H / 4, W / 4),)

    Raises:
        TypeError, ValueError: If a number is no count, or ``out_channels`` no multiple of 4.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import StemNet
        >>> (feature,) = StemNet()(torch.rand(1, 3, 256, 192))
        >>> feature.shape
        torch.Size([1, 256, 64, 48])
    """

    def __init__(
        self,
        in_channels: int = 3,
        stem_channels: int = 64,
        out_channels: int = 256,
        num_blocks: int = 4,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(in_channels, stem_channels, init_cfg)
        check_counts(out_channels=out_channels, num_blocks=num_blocks)
        if out_channels % 4:
            raise ValueError(f'out_channels ({out_channels}) must be a multiple of 4')
        self.layer1 = ResLayer(Bottleneck, num_blocks, stem_channels, out_channels)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.layer1(self.stem(image)),)
