from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import keypoint_pck_accuracy
from mmpose.models.losses import RLELoss
from mmpose.models.utils.tta import flip_coordinates
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from mmpose.utils.typing import Features
from torch import Tensor

from ...arguments import check_configs, check_counts
from ..layers import MultiCycleTransformer, at_least_float32
from .cycle_distillation import CycleDistillation
from .token_head import Cycle, TokenHead, check_codec, check_cycles, keypoint_weights, token_mlp


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
        super().__init__(init_cfg or self.default_init_cfg)
        check_counts(out_channels=out_channels)
        check_configs(decoder=decoder, loss=loss, score_loss=score_loss)
        self.out_channels = out_channels
        self.decoder = decoder and KEYPOINT_CODECS.build(decoder)
        check_codec(self.decoder, 'keypoint_labels', in_featuremap_size)
        self.loss_module = MODELS.build(loss or dict(type='SmoothL1Loss', use_target_weight=True))
        self.score_loss = None if score_loss is None else MODELS.build(score_loss)
        self.mct = MultiCycleTransformer(
            in_channels, in_featuremap_size, patch_size, out_channels, encoder
        )
        self.mlp = token_mlp(self.mct.encoder.embed_dims, hidden_dims, outputs=5)
        self.cycle_weights = check_cycles(num_cycles, cycle_weights)
        self.num_cycles = num_cycles
        self.between_cycles = CycleDistillation(
            self.mct.attention_layout, visual_token_loss, keypoint_token_loss, attention_loss
        )

    @property
    def learns_residual(self) -> bool:
        """Whether the sigmas are those of the residual likelihood."""
        return isinstance(self.loss_module, RLELoss)

    @property
    def predicts(self) -> tuple[str, ...]:
        return ('coordinates', 'scores') + ('sigmas',) * (not self.learns_residual)

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """x, y and score of the first cycle, the deployed one: (B, K, 3)."""
        output = self.run_cycles(feats, num_cycles=1)[0].output
        return torch.cat([output[..., :2].sigmoid(), output[..., 2:3]], dim=-1)

    def outputs_of(self, keypoint_tokens: Tensor) -> Tensor:
        """x, y, score and two sigmas before their activations: (B, K, 5)."""
        return at_least_float32(self.mlp(keypoint_tokens))

    def read(self, output: Tensor) -> dict[str, Tensor]:
        """Coordinates (B, K, 2) in units of the input size, scores (B, K), sigmas (B, K, 2)."""
        quantities = dict(coordinates=output[..., :2].sigmoid(), scores=output[..., 2])
        if not self.learns_residual:
            quantities['sigmas'] = F.softplus(output[..., 3:])
        return quantities

    def predict(
        self,
        feats: Features,
        batch_data_samples: list[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list[InstanceData]:
        """Decoded keypoints of the first cycle.

        Args:
            feats: Feature maps; with ``flip_test`` a list of those of the image and of its mirror.
            batch_data_samples: B samples.
            test_cfg: ``flip_test``: average with the mirror's prediction, left and right swapped back
                in coordinates and scores. ``shift_coords``: move the mirror's by a pixel first;
                default: no, as official.
        """
        if not batch_data_samples:
            return []
        test_cfg = test_cfg or {}
        self.check_samples(batch_data_samples)
        if test_cfg.get('flip_test', False):
            metainfo = batch_data_samples[0].metainfo
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

    def loss_of_cycles(
        self, cycles: list[Cycle], samples: list[PoseDataSample], train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        weights = keypoint_weights(samples)
        self.check_keypoints(weights.shape[1])
        # (B, K, 2), x and y in units of the input size
        target = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])
        losses = {}
        for number, weight, output in self.supervised(cycles):
            coordinates, scores = output[..., :2].sigmoid(), output[..., 2]
            if self.learns_residual:
                value = self.loss_module(coordinates, output[..., 3:], target, weights[..., None])
            else:
                value = self.loss_module(coordinates, target, weights)
            losses[f'loss_coordinate_cycle{number}'] = weight * value
            if self.score_loss is not None:
                value = self.score_loss(coordinates, scores, target, weights)
                losses[f'loss_score_cycle{number}'] = weight * value
        losses.update(self.between_cycles([cycle.tokens for cycle in cycles]))
        if (train_cfg or {}).get('compute_acc', True):
            losses['acc_pose'] = _accuracy(cycles[0].output, target, weights)
        return losses


def _accuracy(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """PCK at 0.05 of the input size, over joints with weight."""
    _, accuracy, _ = keypoint_pck_accuracy(
        pred=to_numpy(output[..., :2].sigmoid()),
        gt=to_numpy(target),
        mask=to_numpy(weights) > 0,
        thr=0.05,
        norm_factor=np.ones((len(output), 2), dtype=np.float32),
    )
    return torch.tensor(accuracy, device=output.device)
