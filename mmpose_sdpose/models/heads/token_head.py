from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.models.heads.base_head import BaseHead
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...arguments import check_counts, check_sizes, check_weights
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

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.configs import build_model
        >>> head = build_model('td-hm_sdpose-n_2xb16-16e_synthpose-128x96').head
        >>> isinstance(head, TokenHead)
        True
        >>> first, second = head.run_cycles((torch.rand(1, 128, 8, 6),), num_cycles=2)
        >>> first.tokens.keypoint.shape
        torch.Size([1, 17, 128])
    """

    # The parts that a head's constructor builds.
    out_channels: int  # K
    mct: MultiCycleTransformer
    mlp: nn.Module  # from a keypoint token to its prediction
    num_cycles: int
    cycle_weights: tuple[float, ...]
    between_cycles: CycleDistillation

    @property
    @abstractmethod
    def predicts(self) -> tuple[str, ...]:
        """Names of the quantities in what :meth:`read` returns."""

    @abstractmethod
    def outputs_of(self, keypoint_tokens: Tensor) -> Tensor:
        """(B, K, D) -> what :attr:`Cycle.output` holds."""

    @abstractmethod
    def read(self, output: Tensor) -> dict[str, Tensor]:
        """What an output says: quantities by name."""

    @abstractmethod
    def loss_of_cycles(
        self, cycles: list[Cycle], samples: list[PoseDataSample], train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Losses of every cycle and between cycles, and the first cycle's accuracy."""

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
        """:meth:`loss_of_cycles` of all cycles, which are run here."""
        layers = self.between_cycles.map_layers(self.num_cycles)
        cycles = self.run_cycles(feats, self.num_cycles, layers)
        return self.loss_of_cycles(cycles, batch_data_samples, train_cfg)

    def supervised(self, cycles: list[Cycle]) -> Iterator[tuple[int, float, Tensor]]:
        """Number, weight and output of each cycle that the ground truth trains."""
        for number, (cycle, weight) in enumerate(zip(cycles, self.cycle_weights), start=1):
            if weight:
                yield number, weight, cycle.output

    def check_keypoints(self, found: int) -> None:
        """Compare the data's number of keypoints with the head's.

        Raises:
            ValueError: If they differ.
        """
        if found != self.out_channels:
            raise ValueError(
                f'the head predicts {self.out_channels} keypoints, but the data has {found}: set '
                f'model.head.out_channels={found} (of a student model.student.head.out_channels), or '
                'use the config for this data set'
            )

    def check_samples(self, samples: list[PoseDataSample]) -> None:
        """:meth:`check_keypoints` for samples without annotations."""
        for sample in samples:
            if 'flip_indices' in sample.metainfo:
                self.check_keypoints(len(sample.metainfo['flip_indices']))


def keypoint_weights(samples: list[PoseDataSample]) -> Tensor:
    """Weight of each joint of each sample in the losses: (B, K)."""
    return torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])


def token_mlp(embed_dims: int, hidden_dims: int | None, outputs: int) -> nn.Sequential:
    """LayerNorm and Linear, once or with a hidden layer between; no activation (as official)."""
    if hidden_dims is None:
        return nn.Sequential(nn.LayerNorm(embed_dims), nn.Linear(embed_dims, outputs))
    check_counts(hidden_dims=hidden_dims)
    return nn.Sequential(
        nn.LayerNorm(embed_dims),
        nn.Linear(embed_dims, hidden_dims),
        nn.LayerNorm(hidden_dims),
        nn.Linear(hidden_dims, outputs),
    )


def check_codec(
    codec: BaseKeypointCodec | None, target: str, in_featuremap_size: tuple[int, int]
) -> None:
    """Whether a head's codec makes the target that the head learns, for cells of whole pixels.

    Raises:
        TypeError, ValueError: If not.
    """
    tables = (getattr(codec, f'{kind}_mapping_table', {}) for kind in ('label', 'field'))
    sizes = ('input_size', 'heatmap_size') if target == 'heatmaps' else ('input_size',)
    makes_target = any(target in table for table in tables)
    if codec is None or not makes_target or not all(hasattr(codec, size) for size in sizes):
        raise ValueError(
            f'decoder is a {type(codec).__name__}: the head needs a codec that makes {target} and has '
            f'{" and ".join(sizes)}'
        )
    check_sizes(in_featuremap_size=in_featuremap_size)
    for name, size, cells in zip(('width', 'height'), codec.input_size, in_featuremap_size):
        if size % cells:
            raise ValueError(
                f"the input {name} ({size}) is no multiple of the feature map's ({cells}): "
                f'input_size={tuple(codec.input_size)} and in_featuremap_size='
                f'{tuple(in_featuremap_size)} must differ by the stride of the backbone'
            )


def check_cycles(num_cycles: int, weights: Sequence[float] | None) -> tuple[float, ...]:
    """The weight of each cycle's losses, 1 for all where none are given.

    Raises:
        TypeError, ValueError: If ``num_cycles`` is no count, or ``weights`` are not as many, or all 0.
    """
    check_counts(num_cycles=num_cycles)
    if weights is None:
        return (1.0,) * num_cycles
    if not isinstance(weights, Sequence) or isinstance(weights, str):
        raise TypeError(f'cycle_weights ({weights!r}) must be a list of numbers')
    for weight in weights:
        check_weights(cycle_weights=weight)
    if len(weights) != num_cycles or not any(weights):
        raise ValueError(
            f'cycle_weights {tuple(weights)} must hold {num_cycles} numbers (num_cycles), one of them '
            'not 0'
        )
    return tuple(weights)
