from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from ...arguments import check_counts


def stem_init_cfg() -> list[dict]:
    """How the official code starts convolutions and norms of a backbone without a checkpoint."""
    return [
        dict(type='Normal', layer='Conv2d', std=0.001),
        dict(type='Constant', layer='BatchNorm2d', val=1),
    ]


class ConvStem(BaseModule):
    """How our light backbones begin: two stride-2 convolutions, from the image to stride 4.

    A parent, not a part: its parameters carry no prefix, so that those of the official code
    (https://github.com/MartyrPenink/SDPose) fit by name.

    Args:
        in_channels: Channels of the image.
        stem_channels: Width of the two convolutions.
        init_cfg: MMEngine initialisation; default: convolutions normal with std 0.001.

    Raises:
        TypeError, ValueError: If a width is no count.
    """

    def __init__(
        self, in_channels: int, stem_channels: int, init_cfg: dict | list[dict] | None
    ) -> None:
        super().__init__(init_cfg or stem_init_cfg())
        check_counts(in_channels=in_channels, stem_channels=stem_channels)
        self.conv1 = nn.Conv2d(in_channels, stem_channels, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_channels)
        self.conv2 = nn.Conv2d(stem_channels, stem_channels, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem_channels)
        self.relu = nn.ReLU(inplace=True)

    def stem(self, image: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, stem_channels, H / 4, W / 4)."""
        x = self.relu(self.bn1(self.conv1(image)))
        return self.relu(self.bn2(self.conv2(x)))
