from __future__ import annotations

import math

import torch
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import Features
from torch import Tensor

from .token_head import TokenHead


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

    learns = 'heatmaps'
    default_loss = dict(type='KeypointMSELoss', use_target_weight=True)
    predicts = ('heatmaps',)

    @property
    def heatmap_size(self) -> tuple[int, int]:
        """Columns and rows."""
        width, height = self.decoder.heatmap_size
        return int(width), int(height)

    @property
    def num_outputs(self) -> int:
        return math.prod(self.heatmap_size)

    @property
    def softmax_scale(self) -> float | None:
        """What turns a softmax over cells into a heatmap with peak 1: the mass of the target Gaussian.

        None where the loss compares heatmaps as they are.
        """
        if not getattr(self.loss_module, 'expects_logits', False):
            return None
        return 2 * math.pi * float(self.decoder.sigma) ** 2

    def arrange(self, numbers: Tensor) -> Tensor:
        """Heatmaps, or logits of heatmaps, as the loss wants them: (B, K, H, W)."""
        width, height = self.heatmap_size
        return numbers.unflatten(2, (height, width))

    def read(self, output: Tensor) -> dict[str, Tensor]:
        if self.softmax_scale is not None:
            softmax = output.flatten(2).softmax(-1).unflatten(2, output.shape[2:])
            output = self.softmax_scale * softmax
        return dict(heatmaps=output)

    def raw(self, output: Tensor) -> Tensor:
        """Heatmaps: (B, K, H, W)."""
        return self.read(output)['heatmaps']

    def predict_people(
        self, feats: Features, samples: list[PoseDataSample], test_cfg: dict
    ) -> list:
        return HeatmapHead.predict(self, feats, samples, test_cfg)

    def target_of(self, samples: list[PoseDataSample]) -> Tensor:
        return torch.stack([sample.gt_fields.heatmaps for sample in samples])

    def losses_of(self, output: Tensor, target: Tensor, weights: Tensor) -> dict[str, Tensor]:
        return dict(heatmap=self.loss_module(output, target, weights))

    def accuracy_of(self, output: Tensor, target: Tensor, weights: Tensor) -> float:
        _, accuracy, _ = pose_pck_accuracy(
            output=to_numpy(output.float()), target=to_numpy(target), mask=to_numpy(weights) > 0
        )
        return accuracy
