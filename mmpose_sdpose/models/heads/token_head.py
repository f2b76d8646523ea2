from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from mmpose.models.heads.base_head import BaseHead
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..layers import MultiCycleTransformer, Tokens
from .cycle_distillation import CycleDistillation


@dataclass
class Cycle:
    """What one pass through the shared encoder leaves behind."""

    output: Tensor  # (B, K, ...): of each keypoint token, as the head's last layer leaves it
    tokens: Tokens


class TokenHead(BaseHead):
    """What the heads share that read one prediction off each keypoint token.

    While training, the tokens pass the encoder ``num_cycles`` times, every cycle is supervised, and
    each cycle learns from the next one's tokens. Prediction and ``mode='tensor'`` run one cycle.
    """

    #: Names of the quantities in what :meth:`read` returns.
    predicts: tuple[str, ...]

    @abstractmethod
    def outputs_of(self, keypoint_tokens: Tensor) -> Tensor:
        """(B, K, D) -> what :attr:`Cycle.output` holds."""

    @abstractmethod
    def read(self, output: Tensor) -> dict[str, Tensor]:
        """What an output says: quantities by name."""

    @abstractmethod
    def output_losses(
        self, output: Tensor, samples: list[PoseDataSample], weights: Tensor
    ) -> dict[str, Tensor]:
        """Losses of one cycle against the ground truth, by name."""

    @abstractmethod
    def accuracy(self, output: Tensor, samples: list[PoseDataSample], weights: Tensor) -> Tensor:
        """PCK at 0.05 of the input size, over joints with weight."""

    def build_tokens(
        self,
        in_channels: int,
        in_featuremap_size: tuple[int, int],
        patch_size: tuple[int, int],
        num_keypoints: int,
        encoder: dict | None,
        hidden_dims: int | None,
        outputs: int,
        num_cycles: int,
        cycle_weights: Sequence[float] | None,
        between_cycles: CycleDistillation,
    ) -> None:
        """Check sizes and build what the heads share; constructors call it once there is a decoder."""
        _check_stride(self.decoder.input_size, in_featuremap_size)
        self.num_cycles = num_cycles
        self.cycle_weights = _check_cycles(num_cycles, cycle_weights)
        self.mct = MultiCycleTransformer(
            in_channels, in_featuremap_size, patch_size, num_keypoints, encoder or {}
        )
        self.mlp = _token_mlp(self.mct.encoder.embed_dims, hidden_dims, outputs)
        between_cycles.check(self.mct)
        self.between_cycles = between_cycles

    @property
    def default_init_cfg(self) -> list[dict]:
        return [
            dict(type='TruncNormal', layer=['Linear', 'Conv2d'], std=0.02),
            dict(type='Constant', layer='LayerNorm', val=1),
        ]

    def run_cycles(
        self,
        feats: tuple[Tensor, ...],
        num_cycles: int,
        map_layers: Mapping[int, Sequence[int]] | None = None,
    ) -> list[Cycle]:
        """Outputs and tokens of each cycle.

        Args:
            feats: Feature maps; the last one is used.
            num_cycles: Passes through the encoder.
            map_layers: Cycle -> layers whose attention maps are wanted, both counted from 1.
        """
        return [
            Cycle(self.outputs_of(tokens.keypoint), tokens)
            for tokens in self.mct(feats[-1], num_cycles, map_layers)
        ]

    def loss(
        self,
        feats: tuple[Tensor, ...],
        batch_data_samples: list[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Losses of every cycle and between cycles, and the first cycle's accuracy."""
        layers = self.between_cycles.map_layers(self.num_cycles)
        cycles = self.run_cycles(feats, self.num_cycles, layers)
        return self.loss_of_cycles(cycles, batch_data_samples, train_cfg)

    def loss_of_cycles(
        self, cycles: list[Cycle], samples: list[PoseDataSample], train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """:meth:`loss` of cycles that were already run."""
        weights = keypoint_weights(samples)
        self.check_keypoints(weights.shape[1])
        losses = {}
        for number, (cycle, weight) in enumerate(zip(cycles, self.cycle_weights), start=1):
            if weight:
                for name, value in self.output_losses(cycle.output, samples, weights).items():
                    losses[f'loss_{name}_cycle{number}'] = weight * value
        losses.update(self.between_cycles([cycle.tokens for cycle in cycles]))
        if (train_cfg or {}).get('compute_acc', True):
            losses['acc_pose'] = self.accuracy(cycles[0].output, samples, weights)
        return losses

    def check_keypoints(self, found: int) -> None:
        """Compare the data's number of keypoints with the head's.

        Raises:
            ValueError: If they differ.
        """
        if found != self.mct.num_keypoints:
            raise ValueError(
                f'the head predicts {self.mct.num_keypoints} keypoints, but the data has {found}: '
                f'set model.head.num_keypoints={found}, or use the config for this data set'
            )

    def check_samples(self, samples: list[PoseDataSample]) -> None:
        """:meth:`check_keypoints` for samples without annotations."""
        for sample in samples:
            if 'flip_indices' in sample.metainfo:
                self.check_keypoints(len(sample.metainfo['flip_indices']))


def keypoint_weights(samples: list[PoseDataSample]) -> Tensor:
    """Weight of each joint of each sample in the losses: (B, K)."""
    return torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])


def _token_mlp(embed_dims: int, hidden_dims: int | None, outputs: int) -> nn.Sequential:
    """LayerNorm and Linear, once or with a hidden layer between; no activation (as official)."""
    if hidden_dims is None:
        return nn.Sequential(nn.LayerNorm(embed_dims), nn.Linear(embed_dims, outputs))
    return nn.Sequential(
        nn.LayerNorm(embed_dims),
        nn.Linear(embed_dims, hidden_dims),
        nn.LayerNorm(hidden_dims),
        nn.Linear(hidden_dims, outputs),
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
