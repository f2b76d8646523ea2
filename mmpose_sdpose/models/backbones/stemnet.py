from __future__ import annotations

from mmengine.model import BaseModule
from mmpose.models.backbones.resnet import Bottleneck, ResLayer
from mmpose.registry import MODELS
from torch import Tensor, nn


def stem_init_cfg() -> list[dict]:
    """How the official code starts convolutions and norms of a backbone without a checkpoint."""
    return [
        dict(type='Normal', layer='Conv2d', std=0.001),
        dict(type='Constant', layer='BatchNorm2d', val=1),
    ]


@MODELS.register_module()
class StemNet(BaseModule):
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
        ValueError: If ``out_channels`` is no multiple of 4 or a number is not positive.
    """

    def __init__(
        self,
        in_channels: int = 3,
        stem_channels: int = 64,
        out_channels: int = 256,
        num_blocks: int = 4,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or stem_init_cfg())
        sizes = dict(stem_channels=stem_channels, out_channels=out_channels, num_blocks=num_blocks)
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f'{name} ({value}) must be at least 1')
        if out_channels % 4:
            raise ValueError(f'out_channels ({out_channels}) must be a multiple of 4')
        self.conv1 = nn.Conv2d(in_channels, stem_channels, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_channels)
        self.conv2 = nn.Conv2d(stem_channels, stem_channels, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem_channels)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = ResLayer(Bottleneck, num_blocks, stem_channels, out_channels)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.relu(self.bn1(self.conv1(image)))
        x = self.relu(self.bn2(self.conv2(x)))
        return (self.layer1(x),)
