from __future__ import annotations

import math
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.registry import HOOKS
from torch import nn

from ...arguments import check_weights
from .plain_model import plain_model


@HOOKS.register_module()
class LossWeightHook(Hook):
    """Change the weights of a distillation's losses from epoch to epoch.

    A schedule gives the factor by which a loss is multiplied, besides its own ``loss_weight``::

        dict(type='LossWeightHook', schedules=dict(attention=dict(type='cosine', end=0, until=200)))

    The factor is ``start`` up to epoch ``begin`` and ``end`` from epoch ``until`` on; between them it
    moves on a straight line, or on half a cosine. It depends on the epoch alone, so that a resumed
    training goes on where it was.

    Args:
        schedules: Comparison of the distiller -> its schedule: ``type`` ('constant', 'linear' or
            'cosine'), ``start`` (default 1), and unless constant ``end``, ``begin`` (default 0) and
            ``until``, in epochs.

    Raises:
        TypeError, ValueError: If a schedule cannot be; from the run, if the distiller has no such loss.

    Examples:
        >>> from mmpose_sdpose.engine.hooks import LossWeightHook
        >>> from mmpose_sdpose.engine.hooks.loss_weight_hook import factor_at
        >>> fading = dict(type='cosine', end=0, until=200)
        >>> hook = LossWeightHook(schedules=dict(attention=fading))
        >>> [round(factor_at(fading, epoch), 3) for epoch in (0, 100, 200, 300)]
        [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, schedules: dict[str, dict]) -> None:
        if not isinstance(schedules, Mapping):
            raise TypeError(f'schedules ({schedules!r}) must be a dict: a loss -> its schedule')
        for name, schedule in schedules.items():
            _check(name, schedule)
        self.schedules = schedules

    def check_losses(self, model: nn.Module) -> None:
        """Whether a model compares all that is scheduled.

        Raises:
            ValueError: If it does not.
        """
        factors = getattr(model, 'loss_factors', {})
        unknown = sorted(set(self.schedules) - set(factors))
        if unknown:
            raise ValueError(
                f'LossWeightHook schedules {unknown}, which the model does not compare; it compares '
                f'{sorted(factors) or "nothing: it is no distiller"}'
            )

    def before_train(self, runner: Runner) -> None:
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                f'LossWeightHook counts epochs, which a {type(runner.train_loop).__name__} has not: '
                'train by epochs'
            )
        self.check_losses(plain_model(runner))
        for name, schedule in self.schedules.items():
            if schedule.get('until', 0) > runner.max_epochs:
                last = factor_at(schedule, runner.max_epochs - 1)
                runner.logger.warning(
                    f'the schedule of {name} ends at epoch {schedule["until"]}, the training at epoch '
                    f'{runner.max_epochs}: in its last epoch the factor is {last:.3g}, not '
                    f'{schedule["end"]}; set until={runner.max_epochs} to get there'
                )

    def before_train_epoch(self, runner: Runner) -> None:
        factors = _factors(runner)
        for name, schedule in self.schedules.items():
            factors[name] = factor_at(schedule, runner.epoch)
            runner.message_hub.update_scalar(f'train/factor_{name}', factors[name])


def factor_at(schedule: dict, epoch: int) -> float:
    """The factor of a schedule in an epoch, counted from 0."""
    start = schedule.get('start', 1.0)
    if schedule['type'] == 'constant':
        return start
    begin = schedule.get('begin', 0)
    done = min(max((epoch - begin) / (schedule['until'] - begin), 0.0), 1.0)
    if schedule['type'] == 'cosine':
        done = (1 - math.cos(math.pi * done)) / 2
    return start + done * (schedule['end'] - start)


def _factors(runner: Runner) -> dict[str, float]:
    return getattr(plain_model(runner), 'loss_factors', {})


_NEEDED = {'constant': set(), 'linear': {'end', 'until'}, 'cosine': {'end', 'until'}}
_OPTIONAL = {'constant': {'start'}, 'linear': {'start', 'begin'}, 'cosine': {'start', 'begin'}}


def _check(name: str, schedule: dict) -> None:
    if not isinstance(schedule, Mapping):
        raise TypeError(
            f"the schedule of {name} ({schedule!r}) must be a dict: dict(type='linear', end=0, until=9)"
        )
    kind = schedule.get('type')
    if kind not in list(_NEEDED):
        raise ValueError(f'the schedule of {name} is {kind!r}: choose from {sorted(_NEEDED)}')
    given = set(schedule) - {'type'}
    if _NEEDED[kind] - given or given - _NEEDED[kind] - _OPTIONAL[kind]:
        raise ValueError(
            f'the {kind} schedule of {name} has {sorted(given)}: it needs {sorted(_NEEDED[kind])} and '
            f'may have {sorted(_OPTIONAL[kind])}'
        )
    for option in given:  # factors, and epochs
        check_weights(**{f'the {option} of the schedule of {name}': schedule[option]})
    if kind != 'constant' and schedule['until'] <= schedule.get('begin', 0):
        raise ValueError(
            f'the schedule of {name} ends at epoch {schedule["until"]}, not after it begins '
            f'({schedule.get("begin", 0)})'
        )
