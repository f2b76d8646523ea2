from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_flags, check_sizes, check_weights
from ..layers import AttentionLayout, AttentionMaps, at_least_float32


@MODELS.register_module()
class AttentionTransferLoss(nn.Module):
    """L_A: the student's keypoint tokens learn to look where the teacher's look.

    Of an attention map it compares the rows of the keypoint tokens over the columns of the visual
    tokens, averaged over heads and normalised to sum to one: KL divergence from teacher to student,
    summed over pairs of layers, averaged over samples and joints. No gradient reaches the teacher. A
    teacher's map on another grid is resampled to the student's.

    A re-interpretation of the attention loss of Wei & Hu, Pattern Recognition Letters 185 (2024), doi
    10.1016/j.patrec.2024.08.009, whose formula is not public.

    Args:
        layer_pairs: Student's and teacher's layer, counted from 1, of every pair.
        distance: 'kl', or 'mse': mean squared difference times the number of columns, squared, so that
            uniform attention counts as one.
        each_head: Compare head by head instead of their mean; the numbers of heads must be equal.
        whole_map: Compare every row over every column; the grids must be equal.
        loss_weight: Factor.

    Shape:
        student, teacher: maps (B, heads, K + N, K + N), of their own heads and N -> ()

    Raises:
        TypeError, ValueError: If an option is unknown or no such thing, or from :meth:`check`.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.layers import AttentionMaps
        >>> from mmpose_sdpose.models.losses import AttentionTransferLoss
        >>> maps = AttentionMaps({1: torch.rand(2, 4, 9, 9).softmax(-1)}, grid_size=(2, 3))
        >>> round(AttentionTransferLoss(layer_pairs=[(1, 1)])(maps, maps).item(), 4)
        0.0
    """

    compares = 'attention'

    def __init__(
        self,
        layer_pairs: Sequence[tuple[int, int]] = ((3, 4), (6, 8), (9, 12)),
        distance: str = 'kl',
        each_head: bool = False,
        whole_map: bool = False,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if distance not in sorted(_DISTANCES):
            raise ValueError(f'distance ({distance!r}) must be one of {sorted(_DISTANCES)}')
        check_flags(each_head=each_head, whole_map=whole_map)
        check_weights(loss_weight=loss_weight)
        self.layer_pairs = _pairs(layer_pairs)
        self.distance = _DISTANCES[distance]
        self.each_head = each_head
        self.whole_map = whole_map
        self.loss_weight = loss_weight

    @property
    def student_layers(self) -> list[int]:
        return [student for student, _ in self.layer_pairs]

    @property
    def teacher_layers(self) -> list[int]:
        return [teacher for _, teacher in self.layer_pairs]

    def check(self, student: AttentionLayout, teacher: AttentionLayout) -> None:
        """Whether the two have what the loss compares, before anything runs.

        Raises:
            ValueError: If a layer does not exist, or heads or grids differ where they must not.
        """
        asked = (
            ('student', student, self.student_layers),
            ('teacher', teacher, self.teacher_layers),
        )
        for role, layout, layers in asked:
            if max(layers) > layout.depth:
                raise ValueError(
                    f'layer_pairs {self.layer_pairs} asks for layer {max(layers)} of the {role}, '
                    f'which has {layout.depth}'
                )
        if self.each_head and student.num_heads != teacher.num_heads:
            raise ValueError(
                f'each_head compares head by head, but the student has {student.num_heads} heads '
                f'and the teacher {teacher.num_heads}: use each_head=False'
            )
        if self.whole_map and student.grid_size != teacher.grid_size:
            raise ValueError(
                f'whole_map needs equal grids, but the student has {student.grid_size} visual '
                f'tokens (rows, columns) and the teacher {teacher.grid_size}: use whole_map=False'
            )

    def forward(self, student: AttentionMaps, teacher: AttentionMaps) -> Tensor:
        distances = [self._of_layers(student, teacher, *pair) for pair in self.layer_pairs]
        return self.loss_weight * reduce(torch.add, distances)

    def _of_layers(
        self,
        student: AttentionMaps,
        teacher: AttentionMaps,
        student_layer: int,
        teacher_layer: int,
    ) -> Tensor:
        ours = self._select(student.layers[student_layer], student.grid_size)
        with torch.no_grad():
            theirs = self._select(teacher.layers[teacher_layer], teacher.grid_size)
            if teacher.grid_size != student.grid_size:
                theirs = _resample(theirs, teacher.grid_size, student.grid_size)
            theirs = _normalise(theirs)
        return self.distance(_normalise(ours.clamp(min=_LEAST)), theirs)

    def _select(self, maps: Tensor, grid_size: tuple[int, int]) -> Tensor:
        """What is compared of (B, heads, K + N, K + N) maps: (B, heads or 1, rows, columns)."""
        num_keypoints = maps.shape[-1] - grid_size[0] * grid_size[1]
        if not self.whole_map:
            maps = maps[..., :num_keypoints, num_keypoints:]
        maps = at_least_float32(maps)
        return maps if self.each_head else maps.mean(1, keepdim=True)


# A student's attention below this counts as this: of smaller values, which softmax gives until it
# underflows, the gradients of logarithm and quotient are beyond float32.
_LEAST = 1e-30


def _pairs(layer_pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    wrong = f'layer_pairs ({layer_pairs!r}) must hold pairs (student, teacher) counted from 1'
    if not isinstance(layer_pairs, Sequence) or not layer_pairs:
        raise ValueError(wrong)
    try:
        for pair in layer_pairs:
            check_sizes(layer_pairs=pair)
    except (TypeError, ValueError) as error:
        raise ValueError(wrong) from error
    return [(student, teacher) for student, teacher in layer_pairs]


def _normalise(maps: Tensor) -> Tensor:
    return maps / maps.sum(-1, keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)


def _resample(maps: Tensor, grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """Columns on one grid -> columns on another, each cell the mean of the cells it covers."""
    resampled = F.interpolate(maps.flatten(0, 1).unflatten(-1, grid), wanted, mode='area')
    return resampled.flatten(2).unflatten(0, maps.shape[:2])


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    """Divergence from teacher to student; a column the teacher never looks at counts nothing."""
    ratio = teacher.clamp(min=torch.finfo(teacher.dtype).tiny).log() - student.log()
    return (teacher * ratio).sum(-1).mean()


def _mse(student: Tensor, teacher: Tensor) -> Tensor:
    return F.mse_loss(student, teacher) * student.shape[-1] ** 2


_DISTANCES = {'kl': _kl, 'mse': _mse}
