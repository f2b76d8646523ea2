from __future__ import annotations

import numpy as np
import torch
from mmpose.evaluation.functional import simcc_pck_accuracy
from mmpose.models.heads import RTMCCHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import Features
from torch import Tensor

from ..layers import at_least_float32
from .token_head import TokenHead

SimCC = tuple[Tensor, Tensor]


@MODELS.register_module()
class TokenSimCCHead(TokenHead):
    """Reads two distributions off each keypoint token, over the bins of x and over those of y.

    Ours: what RTMPose predicts (SimCC, Li et al., ECCV 2022, https://arxiv.org/abs/2107.03332), read off
    the keypoint tokens of SDPose. Where a heatmap has a cell for four pixels, an axis here has two bins
    for each pixel, and both together are fewer numbers. Trained and decoded as MMPose's ``RTMCCHead``.

    Args:
        in_channels: Channels of the feature map.
        out_channels: Number of keypoints K.
        in_featuremap_size: Width and height of the feature map: the input size over the stride.
        decoder: SimCC codec.
        patch_size: Rows and columns of a patch, in cells of the feature map.
        encoder: Arguments of :class:`~mmpose_sdpose.models.layers.TokenEncoder`.
        hidden_dims: Hidden width of the MLP from keypoint token to bins; None for a single layer.
        num_cycles: Cycles while training.
        loss: Loss of every cycle, of both axes: ``KLDiscretLoss``; default: as RTMPose has it.
        cycle_weights: Weight of that loss in each cycle; default: 1 for all. A weight of 0 leaves a
            cycle unsupervised.
        visual_token_loss: Distance between neighbouring cycles' visual tokens; None for none.
        keypoint_token_loss: The same for keypoint tokens.
        attention_loss: How the last cycle's attention teaches the first one's; None for none.
        init_cfg: MMEngine initialisation of all but the MLP, which begins normal with std 0.001;
            default: truncated normal with std 0.02, biases zero.

    Shape:
        ((B, C, H, W),) -> logits of x (B, K, Wx) and of y (B, K, Wy)

    Raises:
        TypeError, ValueError: If an argument is illegal by itself, or sizes, cycles, weights or layers
            do not fit together.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import TokenSimCCHead
        >>> head = TokenSimCCHead(
        ...     in_channels=128,
        ...     out_channels=17,
        ...     in_featuremap_size=(6, 8),
        ...     patch_size=(1, 1),
        ...     encoder=dict(embed_dims=128, depth=4, num_heads=4),
        ...     decoder=dict(type='SimCCLabel', input_size=(96, 128), simcc_split_ratio=2.0),
        ... )
        >>> [tuple(axis.shape) for axis in head((torch.rand(1, 128, 8, 6),))]
        [(1, 17, 192), (1, 17, 256)]
    """

    learns = 'keypoint_x_labels'
    default_loss = dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True)
    # The loss multiplies logits by ten, and what they begin with has to be unlearned first: loss of
    # held-out people after 80 steps 0.530 (Xavier), 0.489 (std 0.02), 0.464 (0.01), 0.447 (0.001).
    mlp_init_cfg = dict(type='Normal', layer='Linear', std=0.001)
    predicts = ('simcc',)

    @property
    def bins(self) -> tuple[int, int]:
        """Of x and of y."""
        width, height = self.decoder.input_size
        ratio = self.decoder.simcc_split_ratio
        return round(width * ratio), round(height * ratio)

    @property
    def num_outputs(self) -> int:
        return sum(self.bins)

    def arrange(self, numbers: Tensor) -> Tensor:
        """Logits of x and, behind them, of y: (B, K, Wx + Wy)."""
        return at_least_float32(numbers)

    def read(self, output: Tensor) -> dict[str, SimCC]:
        return dict(simcc=self.raw(output))

    def raw(self, output: Tensor) -> SimCC:
        """Logits of x (B, K, Wx) and of y (B, K, Wy)."""
        x, y = output.split(self.bins, dim=-1)
        return x, y

    def predict_people(
        self, feats: Features, samples: list[PoseDataSample], test_cfg: dict
    ) -> list:
        # It reads nothing of the head but what forward and decode give.
        return RTMCCHead.predict(self, feats, samples, test_cfg)

    def target_of(self, samples: list[PoseDataSample]) -> SimCC:
        labels = [sample.gt_instance_labels for sample in samples]
        return (
            torch.cat([label.keypoint_x_labels for label in labels]),
            torch.cat([label.keypoint_y_labels for label in labels]),
        )

    def losses_of(self, output: Tensor, target: SimCC, weights: Tensor) -> dict[str, Tensor]:
        return dict(simcc=self.loss_module(self.raw(output), target, weights))

    def accuracy_of(self, output: Tensor, target: SimCC, weights: Tensor) -> float:
        _, accuracy, _ = simcc_pck_accuracy(
            output=to_numpy(self.raw(output)),
            target=to_numpy(target),
            simcc_split_ratio=self.decoder.simcc_split_ratio,
            mask=to_numpy(weights) > 0,
            normalize=np.tile(np.float32(self.decoder.input_size), (len(output), 1)),
        )
        return accuracy
