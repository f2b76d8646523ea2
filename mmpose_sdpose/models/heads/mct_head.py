from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor, nn

from ..layers import MultiCycleTransformer


@dataclass
class Cycle:
    """What one pass through the shared encoder leaves behind."""

    heatmaps: Tensor  # (B, K, H, W), as the loss wants them (logits or heatmaps)
    keypoint_tokens: Tensor  # (B, K, D)
    visual_tokens: Tensor  # (B, N, D)


@MODELS.register_module()
class MCTHead(HeatmapHead):
    """Token heatmap head with a Multi-Cycled Transformer; with one cycle it is TokenPose's head.

    While training, the tokens pass the encoder ``num_cycles`` times, every cycle is supervised, and
    each cycle learns from the next one's tokens. Prediction and ``mode='tensor'`` run one cycle.
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
        init_cfg: MMEngine initialisation; default: truncated normal with std 0.02, biases zero.

    Shape:
        ((B, C, H, W),) -> (B, K, heatmap rows, heatmap columns)

    Raises:
        ValueError: If sizes, cycles or weights do not fit together.
    """

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
        _check_stride(self.decoder.input_size, in_featuremap_size)
        self.num_cycles = num_cycles
        self.cycle_weights = _check_cycles(num_cycles, cycle_weights)
        self.mct = MultiCycleTransformer(
            in_channels, in_featuremap_size, patch_size, num_keypoints, encoder or {}
        )
        self.heatmap_size = tuple(int(size) for size in self.decoder.heatmap_size)
        self.heatmap_mlp = _heatmap_mlp(
            self.mct.encoder.embed_dims, hidden_dims, math.prod(self.heatmap_size)
        )
        self.softmax_scale = _softmax_scale(self.loss_module, self.decoder)
        self.visual_token_loss = visual_token_loss and MODELS.build(visual_token_loss)
        self.keypoint_token_loss = keypoint_token_loss and MODELS.build(keypoint_token_loss)

    @property
    def default_init_cfg(self) -> list[dict]:
        return [
            dict(type='TruncNormal', layer=['Linear', 'Conv2d'], std=0.02),
            dict(type='Constant', layer='LayerNorm', val=1),
        ]

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Heatmaps of the first cycle, the deployed one: (B, K, H, W)."""
        heatmaps = self.run_cycles(feats, num_cycles=1)[0].heatmaps
        if self.softmax_scale is None:
            return heatmaps
        return self.softmax_scale * heatmaps.flatten(2).softmax(-1).unflatten(2, heatmaps.shape[2:])

    def run_cycles(self, feats: tuple[Tensor, ...], num_cycles: int) -> list[Cycle]:
        """Heatmaps and tokens of each cycle."""
        cycles = []
        for tokens in self.mct(feats[-1], num_cycles):
            keypoint, visual = tokens.tensor_split([self.mct.num_keypoints], dim=1)
            width, height = self.heatmap_size
            heatmaps = self.heatmap_mlp(keypoint).unflatten(2, (height, width))
            cycles.append(Cycle(heatmaps, keypoint, visual))
        return cycles

    def loss(
        self,
        feats: tuple[Tensor, ...],
        batch_data_samples: list[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Heatmap loss of every cycle, token distances between neighbours, first cycle's accuracy."""
        target = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        weights = torch.cat(
            [sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples]
        )
        self._check_keypoints(target.shape[1])
        cycles = self.run_cycles(feats, self.num_cycles)
        losses = self._heatmap_losses(cycles, target, weights)
        losses.update(self._token_losses(cycles))
        if (train_cfg or {}).get('compute_acc', True):
            losses['acc_pose'] = _accuracy(cycles[0].heatmaps, target, weights)
        return losses

    def predict(
        self,
        feats: tuple[Tensor, ...] | list[tuple[Tensor, ...]],
        batch_data_samples: list[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list:
        """Decoded keypoints of the first cycle; see :meth:`mmpose.models.HeatmapHead.predict`."""
        for sample in batch_data_samples:
            if 'flip_indices' in sample.metainfo:
                self._check_keypoints(len(sample.metainfo['flip_indices']))
        return super().predict(feats, batch_data_samples, test_cfg or {})

    def _heatmap_losses(
        self, cycles: list[Cycle], target: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        return {
            f'loss_heatmap_cycle{index}': weight * self.loss_module(cycle.heatmaps, target, weights)
            for index, (cycle, weight) in enumerate(zip(cycles, self.cycle_weights), start=1)
            if weight
        }

    def _token_losses(self, cycles: list[Cycle]) -> dict[str, Tensor]:
        pairs = list(zip(cycles, cycles[1:]))
        losses = {}
        if pairs and self.visual_token_loss is not None:
            losses['loss_visual_token'] = sum(
                self.visual_token_loss(student.visual_tokens, teacher.visual_tokens)
                for student, teacher in pairs
            )
        if pairs and self.keypoint_token_loss is not None:
            losses['loss_keypoint_token'] = sum(
                self.keypoint_token_loss(student.keypoint_tokens, teacher.keypoint_tokens)
                for student, teacher in pairs
            )
        return losses

    def _check_keypoints(self, found: int) -> None:
        if found != self.mct.num_keypoints:
            raise ValueError(
                f'the head predicts {self.mct.num_keypoints} keypoints, but the data has {found}: '
                f'set model.head.num_keypoints={found}, or use the config for this data set'
            )


def _check_stride(input_size: tuple[int, int], in_featuremap_size: tuple[int, int]) -> None:
    for name, size, cells in zip(('width', 'height'), input_size, in_featuremap_size):
        if cells < 1 or size % cells:
            raise ValueError(
                f"the input {name} ({size}) is no multiple of the feature map's ({cells}): "
                f'input_size={tuple(input_size)} and in_featuremap_size='
                f'{tuple(in_featuremap_size)} must differ by the stride of the backbone'
            )


def _check_cycles(num_cycles: int, weights: Sequence[float] | None) -> tuple[float, ...]:
    if num_cycles < 1:
        raise ValueError(f'num_cycles ({num_cycles}) must be at least 1')
    weights = (1.0,) * num_cycles if weights is None else tuple(weights)
    if len(weights) != num_cycles or not any(weights):
        raise ValueError(
            f'cycle_weights {weights} must hold {num_cycles} numbers (num_cycles), one of them not 0'
        )
    return weights


def _heatmap_mlp(embed_dims: int, hidden_dims: int | None, cells: int) -> nn.Sequential:
    """LayerNorm and Linear, once or with a hidden layer between; no activation (as official)."""
    if hidden_dims is None:
        return nn.Sequential(nn.LayerNorm(embed_dims), nn.Linear(embed_dims, cells))
    return nn.Sequential(
        nn.LayerNorm(embed_dims),
        nn.Linear(embed_dims, hidden_dims),
        nn.LayerNorm(hidden_dims),
        nn.Linear(hidden_dims, cells),
    )


def _softmax_scale(loss: nn.Module, codec: object) -> float | None:
    """What turns a softmax over cells into a heatmap with peak 1: the mass of the target Gaussian.

    None where the loss compares heatmaps as they are.
    """
    if not getattr(loss, 'expects_logits', False):
        return None
    return 2 * math.pi * float(codec.sigma) ** 2


def _accuracy(heatmaps: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """PCK at 0.05 of the heatmap size, over joints with weight."""
    _, accuracy, _ = pose_pck_accuracy(
        output=to_numpy(heatmaps.float()), target=to_numpy(target), mask=to_numpy(weights) > 0
    )
    return torch.tensor(accuracy, device=target.device)
