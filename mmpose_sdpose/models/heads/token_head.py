from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.model import Sequential
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils.typing import Features
from torch import Tensor, nn

from ...arguments import check_configs, check_counts, check_sizes, check_weights
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

    Args:
        in_channels: Channels of the feature map.
        out_channels: Number of keypoints K.
        in_featuremap_size: Width and height of the feature map: the input size over the stride.
        decoder: Codec that makes what the head learns.
        patch_size: Rows and columns of a patch, in cells of the feature map.
        encoder: Arguments of :class:`~mmpose_sdpose.models.layers.TokenEncoder`.
        hidden_dims: Hidden width of the MLP from keypoint token to output; None for a single layer.
        num_cycles: Cycles while training.
        loss: Loss of every cycle: any registered loss of (output, target, weights).
        cycle_weights: Weight of that loss in each cycle; default: 1 for all. A weight of 0 leaves a
            cycle unsupervised.
        visual_token_loss: Distance between neighbouring cycles' visual tokens; None for none.
        keypoint_token_loss: The same for keypoint tokens.
        attention_loss: How the last cycle's attention teaches the first one's; None for none.
        init_cfg: MMEngine initialisation; default: truncated normal with std 0.02, biases zero.

    Raises:
        TypeError, ValueError: If an argument is illegal by itself, or sizes, cycles, weights or layers
            do not fit together.

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

    #: What the codec makes that the head learns, and the loss where the config names none.
    learns: str
    default_loss: dict
    #: How the MLP begins, if not as the rest of the head.
    mlp_init_cfg: dict | None = None

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
        cycle_weights: Sequence[float] | None = None,
        visual_token_loss: dict | None = None,
        keypoint_token_loss: dict | None = None,
        attention_loss: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        # Not super(): a head of MMPose beside this class brings its prediction, no layers.
        BaseHead.__init__(self, init_cfg or self.default_init_cfg)
        check_counts(out_channels=out_channels)
        check_configs(decoder=decoder, loss=loss)
        self.out_channels = out_channels
        self.decoder: BaseKeypointCodec = decoder and KEYPOINT_CODECS.build(decoder)
        check_codec(self.decoder, self.learns, in_featuremap_size)
        self.loss_module = MODELS.build(loss or self.default_loss)
        self.mct = MultiCycleTransformer(
            in_channels, in_featuremap_size, patch_size, out_channels, encoder
        )
        self.mlp = token_mlp(
            self.mct.encoder.embed_dims, hidden_dims, self.num_outputs, self.mlp_init_cfg
        )
        self.cycle_weights = check_cycles(num_cycles, cycle_weights)
        self.num_cycles = num_cycles
        self.between_cycles = CycleDistillation(
            self.mct.attention_layout, visual_token_loss, keypoint_token_loss, attention_loss
        )

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """How many numbers are read off a keypoint token."""

    @property
    @abstractmethod
    def predicts(self) -> tuple[str, ...]:
        """Names of the quantities in what :meth:`read` returns."""

    @abstractmethod
    def arrange(self, numbers: Tensor) -> Tensor:
        """(B, K, :attr:`num_outputs`) -> what :attr:`Cycle.output` holds."""

    @abstractmethod
    def read(self, output: Tensor) -> dict[str, Any]:
        """What an output says: quantities by name."""

    @abstractmethod
    def raw(self, output: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What :meth:`forward` gives of an output, to be decoded."""

    @abstractmethod
    def target_of(self, samples: list[PoseDataSample]) -> Any:
        """What the codec made of the samples, as a batch."""

    @abstractmethod
    def losses_of(self, output: Tensor, target: Any, weights: Tensor) -> dict[str, Tensor]:
        """How far an output is from the target, by what is compared."""

    @abstractmethod
    def accuracy_of(self, output: Tensor, target: Any, weights: Tensor) -> float:
        """PCK at 0.05 of the input size, over joints with weight."""

    @abstractmethod
    def predict_people(
        self, feats: Features, samples: list[PoseDataSample], test_cfg: dict
    ) -> list:
        """Decoded keypoints of the first cycle, of one sample at least."""

    @property
    def default_init_cfg(self) -> list[dict]:
        return [
            dict(type='TruncNormal', layer=['Linear', 'Conv2d'], std=0.02),
            dict(type='Constant', layer='LayerNorm', val=1),
        ]

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        """What the first cycle says, the deployed one."""
        return self.raw(self.run_cycles(feats, num_cycles=1)[0].output)

    def outputs_of(self, keypoint_tokens: Tensor) -> Tensor:
        """(B, K, D) -> what :attr:`Cycle.output` holds."""
        return self.arrange(self.mlp(keypoint_tokens))

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

    def loss_of_cycles(
        self, cycles: list[Cycle], samples: list[PoseDataSample], train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Losses of every cycle and between cycles, and the first cycle's accuracy."""
        weights = keypoint_weights(samples)
        self.check_keypoints(weights.shape[1])
        target = self.target_of(samples)
        losses = {
            f'loss_{name}_cycle{number}': weight * value
            for number, weight, output in self.supervised(cycles)
            for name, value in self.losses_of(output, target, weights).items()
        }
        losses.update(self.between_cycles([cycle.tokens for cycle in cycles]))
        if (train_cfg or {}).get('compute_acc', True):
            accuracy = self.accuracy_of(cycles[0].output, target, weights)
            losses['acc_pose'] = torch.tensor(accuracy, device=weights.device)
        return losses

    def predict(
        self,
        feats: Features,
        batch_data_samples: list[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list:
        """Decoded keypoints of the first cycle.

        Args:
            feats: Feature maps; with ``flip_test`` a list of those of the image and of its mirror.
            batch_data_samples: B samples.
            test_cfg: ``flip_test``, and how the mirror's prediction is moved before both are averaged.
        """
        if not batch_data_samples:
            return []
        self.check_samples(batch_data_samples)
        return self.predict_people(feats, batch_data_samples, test_cfg or {})

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


def token_mlp(
    embed_dims: int, hidden_dims: int | None, outputs: int, init_cfg: dict | None = None
) -> Sequential:
    """LayerNorm and Linear, once or with a hidden layer between; no activation (as official)."""
    if hidden_dims is None:
        widths = [embed_dims, outputs]
    else:
        check_counts(hidden_dims=hidden_dims)
        widths = [embed_dims, hidden_dims, outputs]
    layers: list[nn.Module] = []
    for width, next_width in zip(widths, widths[1:]):
        layers += [nn.LayerNorm(width), nn.Linear(width, next_width)]
    return Sequential(*layers, init_cfg=init_cfg)


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
