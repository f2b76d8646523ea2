"""What a distillation can compare, and what each comparison takes from student and teacher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Comparison:
    """Quantities that go into one loss, in the order of its arguments."""

    student: tuple[str, ...]
    teacher: tuple[str, ...]
    weighted: bool = True  # the weights of the joints (B, K) come last
    in_heatmaps: bool = False  # the student's coordinates are looked up in the teacher's heatmaps

    def __call__(
        self, loss: nn.Module, student: dict[str, Any], teacher: dict[str, Any], weights: Tensor
    ) -> Tensor:
        if self.in_heatmaps:
            student = {**student, 'coordinates': student['coordinates'] * teacher['frame']}
        arguments = [student[name] for name in self.student]
        arguments += [teacher[name] for name in self.teacher]
        return loss(*arguments, *([weights] if self.weighted else []))


COMPARISONS = {
    'heatmaps': Comparison(('heatmaps',), ('heatmaps',)),
    'coordinates': Comparison(('coordinates',), ('coordinates',)),
    'keypoint_tokens': Comparison(('keypoint_tokens',), ('keypoint_tokens',), weighted=False),
    'visual_tokens': Comparison(('visual_tokens',), ('visual_tokens',), weighted=False),
    'attention': Comparison(('attention',), ('attention',), weighted=False),
    # A student without heatmaps learns from the teacher's: how sure to be, and where and how widely.
    'scores': Comparison(('coordinates', 'scores'), ('heatmaps',), in_heatmaps=True),
    'simulated_heatmaps': Comparison(('coordinates', 'sigmas'), ('heatmaps',), in_heatmaps=True),
}


def asked(comparisons: Iterable[str]) -> tuple[set[str], set[str]]:
    """What comparisons take, by name: of the student, and of the teacher."""
    chosen = [COMPARISONS[name] for name in comparisons]
    student = {quantity for comparison in chosen for quantity in comparison.student}
    teacher = {quantity for comparison in chosen for quantity in comparison.teacher}
    if any(comparison.in_heatmaps for comparison in chosen):
        teacher.add('frame')
    return student, teacher
