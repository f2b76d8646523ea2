from __future__ import annotations

from mmpose.models.backbones import HRNet
from mmpose.registry import MODELS
from torch import nn

from ...arguments import check_counts, check_flags
from .channels_last import channels_last


@MODELS.register_module()
@channels_last
class HRNetThreeStage(HRNet):
    """MMPose's HRNet without its fourth stage, returning the stride-4 branch alone.

    The backbone of SDPose-B and TokenPose-B. The last module of stage 3 fuses into the first branch
    only. Parameter names are a subset of :class:`mmpose.models.HRNet`'s, so its ImageNet weights load
    (``init_cfg=dict(type='Pretrained', ...)``; what does not fit is logged and skipped).

    Args:
        channels: Width of the stride-4 branch: 32 for HRNet-W32; the others have 2 and 4 times it.
        stage1_channels: Bottleneck width of stage 1. The standard HRNet has 64; the official configs
            of SDPose-B and TokenPose-B set 32, which is what their published 13.2 M parameters mean.
        in_channels: Channels of the image.
        norm_eval: Keep normalisation layers in evaluation mode while training.
        init_cfg: MMEngine initialisation; default: HRNet's own (normal with std 0.001).

    Shape:
        (B, in_channels, H, W) -> ((B, channels, H / 4, W / 4),)

    Raises:
        TypeError, ValueError: If a width is no count.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import HRNetThreeStage
        >>> (feature,) = HRNetThreeStage(channels=8)(torch.rand(1, 3, 64, 64))
        >>> feature.shape
        torch.Size([1, 8, 16, 16])
    """

    def __init__(
        self,
        channels: int = 32,
        stage1_channels: int = 64,
        in_channels: int = 3,
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        check_counts(channels=channels, stage1_channels=stage1_channels, in_channels=in_channels)
        check_flags(norm_eval=norm_eval)
        widths = [channels, 2 * channels, 4 * channels]
        extra = dict(
            stage1=_stage(1, 'BOTTLENECK', [stage1_channels]),
            stage2=_stage(1, 'BASIC', widths[:2]),
            stage3=dict(_stage(4, 'BASIC', widths), multiscale_output=False),
            # An empty stage with one branch: HRNet's forward passes the stride-4 branch through it.
            stage4=_stage(0, 'BASIC', widths[:1]),
        )
        super().__init__(
            extra,
            in_channels=in_channels,
            norm_eval=norm_eval,
            **({} if init_cfg is None else dict(init_cfg=init_cfg)),
        )

    def _make_stage(
        self, layer_config: dict, in_channels: list[int], multiscale_output: bool = True
    ) -> tuple[nn.Sequential, list[int]]:
        """As the parent does, but any stage may say that it ends in one branch."""
        multiscale_output = layer_config.get('multiscale_output', multiscale_output)
        return super()._make_stage(layer_config, in_channels, multiscale_output)


def _stage(num_modules: int, block: str, num_channels: list[int]) -> dict:
    """One stage in the words of MMPose's HRNet: four blocks in every branch."""
    return dict(
        num_modules=num_modules,
        num_branches=len(num_channels),
        block=block,
        num_blocks=[4] * len(num_channels),
        num_channels=num_channels,
    )
