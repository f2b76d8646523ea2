from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import Features
from torch import Tensor, nn

from ...arguments import check_configs, check_counts
from ..layers import MultiCycleTransformer
from .cycle_distillation import CycleDistillation
from .token_head import Cycle, TokenHead, check_codec, check_cycles, keypoint_weights, token_mlp


@MODELS.register_module()
class MCTHead(TokenHead, HeatmapHead):
    """Token heatmap head with a Multi-Cycled Transformer; with one cycle it is TokenPose's head.

    SDPose, Chen et al., CVPR 2024, https://arxiv.org/abs/2404.03518.

    Args:
        in_channels: Channels of the feature map.
        out_channels: Number of keypoints K.
        in_featuremap_size: Width and height of the feature map: the input size over the stride.
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
        TypeError, ValueError: If an argument is illegal by itself, or sizes, cycles, weights or layers
            do not fit together.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import MCTHead
        >>> codec = dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
        >>> head = MCTHead(
        ...     in_channels=128,
        ...     out_channels=17,
        ...     in_featuremap_size=(6, 8),
        ...     patch_size=(1, 1),
        ...     encoder=dict(embed_dims=128, depth=4, num_heads=4),
        ...     num_cycles=2,
        ...     decoder=codec,
        ... )
        >>> head((torch.rand(1, 128, 8, 6),)).shape
        torch.Size([1, 17, 32, 24])
    """

    predicts = ('heatmaps',)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        in_featuremap_size: tuple[int, int],
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
        check_counts(out_channels=out_channels)
        check_configs(decoder=decoder, loss=loss)
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            deconv_out_channels=None,
            deconv_kernel_sizes=None,
            final_layer=None,
            loss=loss or dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=decoder,
            init_cfg=init_cfg,
        )
        check_codec(self.decoder, 'heatmaps', in_featuremap_size)
        self.heatmap_size = tuple(int(size) for size in self.decoder.heatmap_size)
        self.softmax_scale = _softmax_scale(self.loss_module, self.decoder)
        self.mct = MultiCycleTransformer(
            in_channels, in_featuremap_size, patch_size, out_channels, encoder
        )
        self.mlp = token_mlp(self.mct.encoder.embed_dims, hidden_dims, math.prod(self.heatmap_size))
        self.cycle_weights = check_cycles(num_cycles, cycle_weights)
        self.num_cycles = num_cycles
        self.between_cycles = CycleDistillation(
            self.mct.attention_layout, visual_token_loss, keypoint_token_loss, attention_loss
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
        feats: Features,
        batch_data_samples: list[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list:
        """Decoded keypoints of the first cycle; see :meth:`mmpose.models.HeatmapHead.predict`."""
        if not batch_data_samples:
            return []
        self.check_samples(batch_data_samples)
        return HeatmapHead.predict(self, feats, batch_data_samples, test_cfg or {})

    def loss_of_cycles(
        self, cycles: list[Cycle], samples: list[PoseDataSample], train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        weights = keypoint_weights(samples)
        self.check_keypoints(weights.shape[1])
        target = torch.stack([sample.gt_fields.heatmaps for sample in samples])
        losses = {
            f'loss_heatmap_cycle{number}': weight * self.loss_module(output, target, weights)
            for number, weight, output in self.supervised(cycles)
        }
        losses.update(self.between_cycles([cycle.tokens for cycle in cycles]))
        if (train_cfg or {}).get('compute_acc', True):
            losses['acc_pose'] = _accuracy(cycles[0].output, target, weights)
        return losses


def _accuracy(heatmaps: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """PCK at 0.05 of the input size, over joints with weight."""
    _, accuracy, _ = pose_pck_accuracy(
        output=to_numpy(heatmaps.float()), target=to_numpy(target), mask=to_numpy(weights) > 0
    )
    return torch.tensor(accuracy, device=heatmaps.device)


def _softmax_scale(loss: nn.Module, codec: BaseKeypointCodec) -> float | None:
    """What turns a softmax over cells into a heatmap with peak 1: the mass of the target Gaussian.

    None where the loss compares heatmaps as they are.
    """
    if not getattr(loss, 'expects_logits', False):
        return None
    return 2 * math.pi * float(codec.sigma) ** 2
