"""What lets features of two models be compared: one width, and one grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import at_least_float32


class FeatureAlignment(nn.Module):
    """Brings a student's features to the teacher's width, and the teacher's to the student's grid.

    The student's pass a 1x1 convolution, the connector, where widths differ (a linear layer where they
    are tokens): it is trained with the student. The teacher's are resampled where grids differ, each
    cell the mean of the cells it covers, or interpolated to a finer grid. No gradient reaches them.

    Shape:
        student (B, C, H, W), teacher (B, C', H', W') -> both (B, C', H, W), or
        student (B, N, D), teacher (B, N, D') -> both (B, N, D'); half precision becomes float32
    """

    def __init__(self) -> None:
        super().__init__()
        self.connector: nn.Module = nn.Identity()

    def fit(self, student: Tensor, teacher: Tensor) -> None:
        """Make the connector for features like these.

        Raises:
            ValueError: If they are not both feature maps, or both as many tokens.
        """
        check_features(student, teacher)
        width, wanted = _width(student), _width(teacher)
        if width == wanted:
            return
        connector = nn.Conv2d(width, wanted, 1) if student.ndim == 4 else nn.Linear(width, wanted)
        self.connector = connector.to(student.device)

    def forward(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        student = at_least_float32(self.connector(student))
        teacher = at_least_float32(teacher.detach())
        if student.ndim == 4:
            teacher = _resample(teacher, student.shape[2:])
        if student.shape != teacher.shape:
            raise ValueError(
                f'features of {describe(student)} cannot be compared with {describe(teacher)}: call '
                'fit() with what student and teacher give, once, before training'
            )
        return student, teacher


def check_features(student: Tensor, teacher: Tensor) -> None:
    """Whether both are feature maps, or both as many tokens.

    Raises:
        ValueError: If they are not; names both shapes and what to do.
    """
    shapes = f'the student gives {describe(student)}, the teacher {describe(teacher)}'
    kinds = [getattr(features, 'ndim', 0) for features in (student, teacher)]
    if not {3, 4}.issuperset(kinds):
        raise ValueError(
            f'feature maps (B, C, H, W) or tokens (B, N, D) are compared, but {shapes}: choose '
            'modules that give such, or another loss'
        )
    if kinds[0] != kinds[1]:
        raise ValueError(
            f'{shapes}: one is a feature map, the other tokens; choose modules that give the same, or '
            'say the grid of the tokens'
        )
    if kinds[0] == 3 and student.shape[1] != teacher.shape[1]:
        raise ValueError(
            f'{shapes}: tokens are compared one by one; choose modules with as many tokens, or say '
            'both grids, so that maps are compared'
        )


def describe(quantity: object) -> str:
    """The shape of one image's part of a batch, in words."""
    if isinstance(quantity, Tensor):
        return f'(B, {", ".join(map(str, quantity.shape[1:]))})'
    if isinstance(quantity, (tuple, list)):
        return ' and '.join(describe(part) for part in quantity)
    return f'a {type(quantity).__name__}'


def _width(features: Tensor) -> int:
    return features.shape[1 if features.ndim == 4 else -1]


def _resample(maps: Tensor, grid: torch.Size) -> Tensor:
    if maps.shape[2:] == grid:
        return maps
    if all(wanted <= given for wanted, given in zip(grid, maps.shape[2:])):
        return F.interpolate(maps, grid, mode='area')
    return F.interpolate(maps, grid, mode='bilinear', align_corners=False)
