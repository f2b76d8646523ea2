from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor, nn

from .cycle_distillation import CycleDistillation
from .token_head import TokenHead


@MODELS.register_module()
class MCTHead(TokenHead, HeatmapHead):
    """Token heatmap head with a Multi-Cycled Transformer; with one cycle it is TokenPose's head.

    SDPose, Chen et al., CVPR 2024, https://arxiv.org/abs/2404.03518.

    Args:
        in_channels: Channels of the feature map.
        in_featuremap_size: Width and height of the feature map: the input size over the stride.
        num_keypoints: Number of keypoints K.
        decoder: Heatmap codec; also gives the heatmap size.
        patch_size: Rows and columns of a patch, in cells of the feature map.
        encoder: Arguments of :class:`~mmpose_sdpose.models.layers.TokenEncoder`.
        hidden_dims: Hidden width of the MLP from keypoint token to heatmap; None for a single layer.
        num_cycles: Cycles while training.
        loss: Heatmap loss of every cycle: any registered loss of (output, target, weights).
        cycle_weights: Weight of the heatmap loss in each cycle; default: 1 for all. A weight of 0
            leaves a cycle unsupervised.
        visual_token_loss: Distance between neighbouring cycles' visual tokens; None for none.
        keypoint_token_loss: The same for keypoint tokens.
        attention_loss: How the last cycle's attention teaches the first one's; None for none.
        init_cfg: MMEngine initialisation; default: truncated normal with std 0.02, biases zero.

    Shape:
        ((B, C, H, W),) -> (B, K, heatmap rows, heatmap columns)

    Raises:
        ValueError: If sizes, cycles, weights or layers do not fit together.
    """

    predicts = ('heatmaps',)

    def __init__(
        self,
        in_channels: int,
        in_featuremap_size: tuple[int, int],
        num_keypoints: int,
        decoder: dict,
        patch_size: tuple[int, int] = (4, 3),
        encoder: dict | None = None,
        hidden_dims: int | None = 384,
        num_cycles: int = 1,
        loss: dict | None = None,
        cycle_weights: Sequence[float] | None = None,
        visual_token_loss: dict | None = None,
        keypoint_token_loss: dict | None = None,
        attention_loss: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            out_channels=num_keypoints,
            deconv_out_channels=None,
            deconv_kernel_sizes=None,
            final_layer=None,
            loss=loss or dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=decoder,
            init_cfg=init_cfg,
        )
        self.heatmap_size = tuple(int(size) for size in self.decoder.heatmap_size)
        self.softmax_scale = _softmax_scale(self.loss_module, self.decoder)
        self.build_tokens(
            in_channels,
            in_featuremap_size,
            patch_size,
            num_keypoints,
            encoder,
            hidden_dims,
            math.prod(self.heatmap_size),
            num_cycles,
            cycle_weights,
            CycleDistillation(visual_token_loss, keypoint_token_loss, attention_loss),
        )

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Heatmaps of the first cycle, the deployed one: (B, K, H, W)."""
        return self.read(self.run_cycles(feats, num_cycles=1)[0].output)['heatmaps']

    def outputs_of(self, keypoint_tokens: Tensor) -> Tensor:
        """Heatmaps, or logits of heatmaps, as the loss wants them: (B, K, H, W)."""
        width, height = self.heatmap_size
        return self.mlp(keypoint_tokens).unflatten(2, (height, width))

    def read(self, output: Tensor) -> dict[str, Tensor]:
        if self.softmax_scale is not None:
            softmax = output.flatten(2).softmax(-1).unflatten(2, output.shape[2:])
            output = self.softmax_scale * softmax
        return dict(heatmaps=output)

    def predict(
        self,
        feats: tuple[Tensor, ...] | list[tuple[Tensor, ...]],
        batch_data_samples: list[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list:
        """Decoded keypoints of the first cycle; see :meth:`mmpose.models.HeatmapHead.predict`."""
        self.check_samples(batch_data_samples)
        return HeatmapHead.predict(self, feats, batch_data_samples, test_cfg or {})

    def output_losses(
        self, output: Tensor, samples: list[PoseDataSample], weights: Tensor
    ) -> dict[str, Tensor]:
        return dict(heatmap=self.loss_module(output, _target(samples), weights))

    def accuracy(self, output: Tensor, samples: list[PoseDataSample], weights: Tensor) -> Tensor:
        _, accuracy, _ = pose_pck_accuracy(
            output=to_numpy(output.float()),
            target=to_numpy(_target(samples)),
            mask=to_numpy(weights) > 0,
        )
        return torch.tensor(accuracy, device=output.device)


def _target(samples: list[PoseDataSample]) -> Tensor:
    return torch.stack([sample.gt_fields.heatmaps for sample in samples])


def _softmax_scale(loss: nn.Module, codec: object) -> float | None:
    """What turns a softmax over cells into a heatmap with peak 1: the mass of the target Gaussian.

    None where the loss compares heatmaps as they are.
    """
    if not getattr(loss, 'expects_logits', False):
        return None
    return 2 * math.pi * float(codec.sigma) ** 2
