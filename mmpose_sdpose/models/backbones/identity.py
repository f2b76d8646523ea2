from __future__ import annotations

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class IdentityBackbone(BaseModule):
    """The image itself as the feature map, for models that cut patches from raw pixels.

    This is the "backbone" of TokenPose-T (Li et al., ICCV 2021, https://arxiv.org/abs/2104.03516).

    Shape:
        (B, 3, H, W) -> ((B, 3, H, W),)

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import IdentityBackbone
        >>> image = torch.rand(1, 3, 256, 192)
        >>> IdentityBackbone()(image)[0] is image
        True
    """

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (image,)
