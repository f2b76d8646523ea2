"""A student that starts from its teacher's weights: whole parts, single layers or single weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmpose.models import TopdownPoseEstimator
from torch import Tensor, nn

from ...arguments import near
from ...checkpoint import TRAINING_ONLY
from ...keypoint_weights import keypoint_axis, put_keypoints
from ..heads import innermost, num_keypoints_of


def read_parts(given: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Paths of the student's parts and of the teacher's, from ``start_from_teacher``.

    Raises:
        TypeError: If it is neither a list of paths nor a dict of them.
        ValueError: If a part of the student is named twice, or lies inside another.
    """
    if not isinstance(given, (Mapping, list, tuple)):
        raise TypeError(
            f"start_from_teacher ({given!r}) must be a list of paths, ['backbone'], or a dict from the "
            "student's to the teacher's: {'head.mct.encoder.layers.0': 'head.mct.encoder.layers.1'}"
        )
    pairs = list(given.items()) if isinstance(given, Mapping) else [(path, path) for path in given]
    parts: dict[str, str] = {}
    for pair in pairs:
        ours, theirs = map(_dotted, pair)
        for other in parts:
            _check_apart(ours, other)
        parts[ours] = theirs
    return parts


def _dotted(path: Any) -> str:
    """``layers[0]``, as modules' paths are written elsewhere, is ``layers.0``."""
    if not isinstance(path, str):
        raise TypeError(
            f'start_from_teacher: {path!r} must be the path of a part, such as backbone.layer1; a dict '
            'says another one of the teacher'
        )
    return re.sub(r'\[(\d+)\]', r'.\1', path)


def _check_apart(one: str, other: str) -> None:
    inner, outer = sorted((one, other), key=len, reverse=True)
    if inner == outer:
        raise ValueError(f'start_from_teacher names {inner} of the student twice: once is enough')
    if inner.startswith(f'{outer}.'):
        raise ValueError(
            f'start_from_teacher: {inner} of the student is a part of {outer}: name one of the two, or '
            f'the parts of {outer} one by one'
        )


class StartFromTeacher:
    """Which weights of a student start as which of its teacher's.

    A module starts with all its weights; that of the teacher may have more. Weights that belong to
    single keypoints go by keypoint where the two models have others.

    Args:
        parts: As :func:`read_parts` gives it.
        joints: Indices of the joints that both have, student's and teacher's; None where all are, in one
            order.

    Raises:
        ValueError: If there is no such part, or one does not fit.
    """

    def __init__(
        self,
        student: TopdownPoseEstimator,
        teacher: TopdownPoseEstimator,
        parts: Mapping[str, str],
        joints: tuple[Tensor, Tensor] | None,
    ) -> None:
        self.parts = dict(parts)
        self._joints = joints
        self._keypoints = tuple(num_keypoints_of(innermost(m.head)) for m in (student, teacher))
        self._weights: dict[str, str] = {}
        ours, theirs = student.state_dict(), teacher.state_dict()
        for path, other in self.parts.items():
            wanted = _weights_of('student', ours, path)
            _weights_of('teacher', theirs, other)  # says so if there are none
            misfits = [
                misfit
                for suffix, name in wanted.items()
                if (misfit := self._pair(name, ours, f'{other}{suffix}', theirs))
            ]
            if misfits:
                raise ValueError(
                    f"start_from_teacher: the student's {_described(student, path)} does not fit the "
                    f"teacher's {_described(teacher, other)}, {len(misfits)} of {len(wanted)} weights: "
                    f'{"; ".join(misfits[:3])}{" …" * (len(misfits) > 3)}; leave it out, or name parts '
                    'that fit'
                )

    def _pair(
        self, name: str, ours: Mapping[str, Tensor], other: str, theirs: Mapping[str, Tensor]
    ) -> str:
        """Have a weight start as another of the teacher; says why, if it cannot."""
        if other not in theirs:
            return f'{name}: the teacher has no {other}'
        own, value = ours[name], theirs[other]
        if own.shape != value.shape and self._rows(name, own, value) is None:
            shapes = tuple(own.shape), tuple(value.shape)
            return f'{name}: {shapes[0]} in the student, {shapes[1]} in the teacher'
        self._weights[name] = other
        return ''

    def __bool__(self) -> bool:
        return bool(self.parts)

    @torch.no_grad()
    def load(self, student: nn.Module, teacher: nn.Module) -> None:
        """Give the student its weights."""
        ours, theirs = student.state_dict(), teacher.state_dict()
        for name, other in self._weights.items():
            own, value = ours[name], theirs[other]
            rows = self._rows(name, own, value)
            own.copy_(value if rows is None else put_keypoints(value, own, *rows))
        print_log(
            f'distillation: {len(self._weights)} of the {len(ours)} weights of the student start from '
            f"the teacher's: {', '.join(self.parts)}",
            'current',
        )

    def _rows(self, name: str, own: Tensor, found: Tensor) -> tuple[int, Tensor, Tensor] | None:
        """Axis, teacher's and student's rows of a weight whose rows are keypoints, if they differ."""
        axis = keypoint_axis(name)
        if self._joints is None or axis is None or own.ndim != found.ndim:
            return None
        sizes = list(own.shape), list(found.shape)
        counts = tuple(size.pop(axis) for size in sizes)
        if counts != self._keypoints or sizes[0] != sizes[1]:
            return None
        ours, theirs = self._joints
        return axis, theirs, ours


def _weights_of(role: str, state: Mapping[str, Tensor], path: str) -> dict[str, str]:
    """Names of a part's weights by what follows its path: nothing, where it is a single weight.

    Those that only training uses are not among them: a teacher is loaded without.
    """
    names = [name for name in state if not name.startswith(TRAINING_ONLY)]
    found = {n[len(path) :]: n for n in names if n == path or n.startswith(f'{path}.')}
    if found:
        return found
    if any(name.startswith(f'{path}.') for name in state):
        raise ValueError(
            f"start_from_teacher: {path} of the {role} is for training alone, and a teacher's weights "
            'are read without: leave it out'
        )
    words = [name.split('.') for name in names]
    parts = {'.'.join(word[: end + 1]) for word in words for end in range(len(word))}
    depth = path.count('.')
    likely = [part for part in parts if part.count('.') <= depth or part.endswith(f'.{path}')]
    raise ValueError(
        f'start_from_teacher: the {role} has no part with weights {path!r}{near(path, likely)}'
    )


def _described(model: nn.Module, path: str) -> str:
    module = dict(model.named_modules()).get(path)
    return path if module is None else f'{path} ({type(module).__name__})'
