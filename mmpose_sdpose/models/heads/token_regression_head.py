from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import keypoint_pck_accuracy
from mmpose.models.losses import RLELoss
from mmpose.models.utils.tta import flip_coordinates
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import Features
from torch import Tensor

from ...arguments import check_configs
from ..layers import at_least_float32
from .token_head import TokenHead


@MODELS.register_module()
class TokenRegressionHead(TokenHead):
    """Reads coordinates, a score and two sigmas off each keypoint token.

    The head of DistilPose (Ye et al., CVPR 2023, https://arxiv.org/abs/2303.02455) and, trained with
    several cycles and :class:`mmpose.models.losses.RLELoss`, of SDPose-Reg (Chen et al., CVPR 2024,
    https://arxiv.org/abs/2404.03518). x and y pass a sigmoid, sigmas a softplus; the score is used as
    it is. With ``RLELoss`` the sigmas belong to the residual likelihood instead, which brings its own
    activation.

    Args:
        in_channels: Channels of the feature map.
        out_channels: Number of keypoints K.
        in_featuremap_size: Width and height of the feature map: the input size over the stride.
        decoder: Regression codec.
        patch_size: Rows and columns of a patch, in cells of the feature map.
        encoder: Arguments of :class:`~mmpose_sdpose.models.layers.TokenEncoder`.
        hidden_dims: Hidden width of the MLP from keypoint token to outputs; None for a single layer.
        num_cycles: Cycles while training.
        loss: Coordinate loss of every cycle: ``RLELoss``, or any registered loss of (output, target,
            weights).
        score_loss: Loss of (coordinates, scores, target, weights) that trains the scores where no
            teacher does; None leaves them to a distiller.
        cycle_weights: Weight of a cycle's losses; default: 1 for all.
        visual_token_loss: Distance between neighbouring cycles' visual tokens; None for none.
        keypoint_token_loss: The same for keypoint tokens.
        attention_loss: How the last cycle's attention teaches the first one's; None for none.
        init_cfg: MMEngine initialisation; default: truncated normal with std 0.02, biases zero.

    Shape:
        ((B, C, H, W),) -> (B, K, 3): x and y in units of the input size, and the score

    Raises:
        TypeError, ValueError: If an argument is illegal by itself, or sizes, cycles, weights or layers
            do not fit together.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models import TokenRegressionHead
        >>> head = TokenRegressionHead(
        ...     in_channels=128,
        ...     out_channels=17,
        ...     in_featuremap_size=(6, 8),
        ...     patch_size=(1, 1),
        ...     encoder=dict(embed_dims=128, depth=4, num_heads=4),
        ...     decoder=dict(type='RegressionLabel', input_size=(96, 128)),
        ... )
        >>> head((torch.rand(1, 128, 8, 6),)).shape
        torch.Size([1, 17, 3])
    """

    learns = 'keypoint_labels'
    default_loss = dict(type='SmoothL1Loss', use_target_weight=True)
    num_outputs = 5  # x, y, score and two sigmas

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        in_featuremap_size: tuple[int, int],
        decoder: dict,
        patch_size: tuple[int, int] = (4, 3),
        encoder: dict | None = None,
        hidden_dims: int | None = None,
        num_cycles: int = 1,
        loss: dict | None = None,
        score_loss: dict | None = None,
        cycle_weights: Sequence[float] | None = None,
        visual_token_loss: dict | None = None,
        keypoint_token_loss: dict | None = None,
        attention_loss: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            in_featuremap_size,
            decoder,
            patch_size,
            encoder,
            hidden_dims,
            num_cycles,
            loss,
            cycle_weights,
            visual_token_loss,
            keypoint_token_loss,
            attention_loss,
            init_cfg,
        )
        check_configs(score_loss=score_loss)
        self.score_loss = None if score_loss is None else MODELS.build(score_loss)

    @property
    def learns_residual(self) -> bool:
        """Whether the sigmas are those of the residual likelihood."""
        return isinstance(self.loss_module, RLELoss)

    @property
    def predicts(self) -> tuple[str, ...]:
        return ('coordinates', 'scores') + ('sigmas',) * (not self.learns_residual)

    def arrange(self, numbers: Tensor) -> Tensor:
        """x, y, score and two sigmas before their activations: (B, K, 5)."""
        return at_least_float32(numbers)

    def raw(self, output: Tensor) -> Tensor:
        """x, y and score: (B, K, 3)."""
        return torch.cat([output[..., :2].sigmoid(), output[..., 2:3]], dim=-1)

    def read(self, output: Tensor) -> dict[str, Tensor]:
        """Coordinates (B, K, 2) in units of the input size, scores (B, K), sigmas (B, K, 2)."""
        quantities = dict(coordinates=output[..., :2].sigmoid(), scores=output[..., 2])
        if not self.learns_residual:
            quantities['sigmas'] = F.softplus(output[..., 3:])
        return quantities

    def predict_people(
        self, feats: Features, samples: list[PoseDataSample], test_cfg: dict
    ) -> list[InstanceData]:
        """With ``flip_test`` the mean of both predictions, left and right swapped back in the mirror's.

        ``shift_coords`` moves the mirror's by a pixel first; default: no, as official.
        """
        if test_cfg.get('flip_test', False):
            metainfo = samples[0].metainfo
            upright, mirrored = (self.forward(feat) for feat in feats)
            mirrored = flip_coordinates(
                mirrored,
                flip_indices=metainfo['flip_indices'],
                shift_coords=test_cfg.get('shift_coords', False),
                input_size=metainfo['input_size'],
            )
            prediction = (upright + mirrored) / 2
        else:
            prediction = self.forward(feats)
        instances = self.decode(prediction[:, None, :, :2])
        for instance, scores in zip(instances, to_numpy(prediction[..., 2])):
            instance.keypoint_scores = scores[None]
        return instances

    def target_of(self, samples: list[PoseDataSample]) -> Tensor:
        """x and y in units of the input size: (B, K, 2)."""
        return torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])

    def losses_of(self, output: Tensor, target: Tensor, weights: Tensor) -> dict[str, Tensor]:
        coordinates, scores = output[..., :2].sigmoid(), output[..., 2]
        if self.learns_residual:
            value = self.loss_module(coordinates, output[..., 3:], target, weights[..., None])
        else:
            value = self.loss_module(coordinates, target, weights)
        losses = dict(coordinate=value)
        if self.score_loss is not None:
            losses['score'] = self.score_loss(coordinates, scores, target, weights)
        return losses

    def accuracy_of(self, output: Tensor, target: Tensor, weights: Tensor) -> float:
        _, accuracy, _ = keypoint_pck_accuracy(
            pred=to_numpy(output[..., :2].sigmoid()),
            gt=to_numpy(target),
            mask=to_numpy(weights) > 0,
            thr=0.05,
            norm_factor=np.ones((len(output), 2), dtype=np.float32),
        )
        return accuracy
