"""What a distillation learns besides the student: adapting losses, and the student's average.

It is no part of the state dict, which is the plain student's; ``DistillerStateHook`` keeps it in a
checkpoint under a key of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...checkpoint import list_unusable, unusable_weights

if TYPE_CHECKING:
    from .topdown_distiller import TopdownDistiller

LOSSES = 'distillation_losses.'


def keep_to_the_student(distiller: TopdownDistiller) -> None:
    """State dicts of a distiller neither hold nor want what its losses learn.

    The losses stay submodules, so that the optimizer, data parallelism and casts reach them.
    """
    distiller._register_state_dict_hook(_leave_out)
    distiller._register_load_state_dict_pre_hook(_put_in, with_module=True)


def _leave_out(module: TopdownDistiller, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    for key in [key for key in state if key.startswith(prefix + LOSSES)]:
        del state[key]


def _put_in(module: TopdownDistiller, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """What a loss has counts as there, or it would be missing."""
    for key, value in _whole_state(module.distillation_losses).items():
        state.setdefault(prefix + LOSSES + key, value)


def _whole_state(losses: nn.Module) -> dict[str, Tensor]:
    return losses.state_dict()


class MovingAverage:
    """Has a teacher be the average of its student: teacher += momentum * (student - teacher).

    Before each training step, so that a step learns from the average of all steps before it. The first
    one copies the student. Integers, such as the batches that norms count, are copied.

    Args:
        momentum: Share of the student, above 0, at most 1.

    Raises:
        ValueError: If it is no such number.
    """

    def __init__(self, momentum: float) -> None:
        number = isinstance(momentum, Real) and not isinstance(momentum, bool)
        if not number or not 0 < momentum <= 1:
            raise ValueError(
                f'ema_momentum ({momentum!r}) is the share of the student in its average: above 0, at '
                'most 1'
            )
        self.momentum = momentum
        self.started = False

    @torch.no_grad()
    def update(self, teacher: nn.Module, student: nn.Module) -> None:
        found = student.state_dict()
        for name, value in teacher.state_dict().items():
            if self.started and value.is_floating_point():
                value.lerp_(found[name], self.momentum)
            else:
                value.copy_(found[name])
        self.started = True


def choose_average(
    teacher: dict | str,
    checkpoint: str | None,
    momentum: float | None,
    start_from_teacher: Mapping[str, str],
) -> MovingAverage | None:
    """The average that is the teacher, with ``teacher='ema'``; None with another.

    Raises:
        ValueError: If the other arguments are for a teacher of another kind.
    """
    if teacher != 'ema':
        if momentum is not None:
            raise ValueError("ema_momentum is for teacher='ema': leave it out with another teacher")
        return None
    if checkpoint is not None or start_from_teacher:
        raise ValueError(
            "teacher='ema' is the average of the student itself: leave teacher_ckpt and "
            'start_from_teacher out, and start the student from weights with load_from'
        )
    return MovingAverage(0.0002 if momentum is None else momentum)


def collect_state(distiller: TopdownDistiller) -> dict[str, dict[str, Tensor]]:
    """What is to be kept beside the student's weights; empty if nothing is."""
    parts = dict(losses=_whole_state(distiller.distillation_losses))
    average = distiller.average
    if average is not None and average.started:
        parts['teacher'] = distiller.teacher.state_dict()
    return {name: state for name, state in parts.items() if state}


def restore_state(distiller: TopdownDistiller, state: Mapping[str, Any]) -> None:
    """The other way.

    Raises:
        ValueError: If it is that of another distillation.
    """
    wanted = dict(losses=_whole_state(distiller.distillation_losses))
    if distiller.average is not None:
        wanted['teacher'] = distiller.teacher.state_dict()
    if isinstance(state, Mapping) and state.get('teacher') and distiller.average is None:
        raise ValueError(
            "it is of a distillation by teacher='ema', and the model has another teacher: resume with "
            'the config it was trained with, or start from its weights with load_from'
        )
    for part, own in wanted.items():
        found = state.get(part, {}) if isinstance(state, Mapping) else None
        if not isinstance(found, Mapping):
            raise ValueError(
                f'its distillation state ({part}) is no dict of weights: start from its weights with '
                'load_from'
            )
        if faults := list_unusable(found):
            raise ValueError(unusable_weights(f'its distillation state ({part})', faults))
        differing = sorted(
            key
            for key in {*own, *found}
            if key not in own or key not in found or own[key].shape != found[key].shape
        )
        if differing:
            raise ValueError(
                f"its {part} of the distillation differ from the model's in {differing[:3]}: resume "
                'with the config it was trained with, or start from its weights with load_from'
            )
    distiller.distillation_losses.load_state_dict(state.get('losses', {}))
    if distiller.average is not None and 'teacher' in state:
        distiller.teacher.load_state_dict(state['teacher'])
        distiller.average.started = True
