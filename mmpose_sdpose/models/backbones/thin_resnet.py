from __future__ import annotations

from mmpose.models.backbones import ResNet
from mmpose.registry import MODELS

from ...arguments import check_counts, check_flags
from .channels_last import channels_last


@MODELS.register_module()
@channels_last
class ThinResNet(ResNet):
    """MMPose's ResNet, of half the width and three stages: a feature map at stride 16.

    The backbone of SDPose-N and the other small models. Parameter names are those of
    :class:`mmpose.models.ResNet`.

    Args:
        depth: As ResNet's: 18, 34, 50, 101 or 152.
        base_channels: Width of the stem and of the first stage's blocks; each later stage has twice the
            width of the one before. The standard ResNet has 64.
        num_stages: 1 to 4 stages; all but the first halve the feature map.
        in_channels: Channels of the image.
        norm_eval: Keep normalisation layers in evaluation mode while training.
        init_cfg: MMEngine initialisation; default: ResNet's own (Kaiming).

    Shape:
        (B, in_channels, H, W) -> ((B, C, H / S, W / S),) with S = 2 ** (num_stages + 1), and C =
        base_channels * 2 ** (num_stages - 1), four times that from depth 50 on

    Raises:
        TypeError, ValueError: If a number is no count, or not one of a ResNet's.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import ThinResNet
        >>> (feature,) = ThinResNet()(torch.rand(1, 3, 128, 96))
        >>> feature.shape
        torch.Size([1, 128, 8, 6])
    """

    def __init__(
        self,
        depth: int = 18,
        base_channels: int = 32,
        num_stages: int = 3,
        in_channels: int = 3,
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        check_counts(
            depth=depth, base_channels=base_channels, num_stages=num_stages, in_channels=in_channels
        )
        check_flags(norm_eval=norm_eval)
        if depth not in self.arch_settings:
            raise ValueError(f'depth ({depth}) must be one of {sorted(self.arch_settings)}')
        if num_stages > 4:
            raise ValueError(f'num_stages ({num_stages}) must be at most 4')
        super().__init__(
            depth,
            in_channels=in_channels,
            stem_channels=base_channels,
            base_channels=base_channels,
            num_stages=num_stages,
            strides=(1, 2, 2, 2)[:num_stages],
            dilations=(1,) * num_stages,
            out_indices=(num_stages - 1,),
            norm_eval=norm_eval,
            **({} if init_cfg is None else dict(init_cfg=init_cfg)),
        )
