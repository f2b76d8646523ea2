from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...models.distillers import TopdownDistiller, collect_state, restore_state
from .plain_model import is_training, plain_model

KEY = 'distiller'


@HOOKS.register_module()
class DistillerStateHook(Hook):
    """Keep what a distillation learns besides its student, under ``distiller`` in each checkpoint.

    That is what losses adapt with (connectors) and, with ``teacher='ema'``, the student's average.
    A resumed training takes it from there; the plain student does not see it. Other models are left
    alone.

    Raises:
        ValueError: From a resumed run, if the checkpoint lacks it, or has another distillation's.

    Examples:
        >>> from mmpose.registry import HOOKS
        >>> hook = HOOKS.build(dict(type='DistillerStateHook'))  # the configs of distillations have it
    """

    def before_train(self, runner: Runner) -> None:
        model = plain_model(runner)
        if isinstance(model, TopdownDistiller):
            model.state_is_kept = True

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        model = plain_model(runner)
        state = collect_state(model) if isinstance(model, TopdownDistiller) else {}
        if state:
            checkpoint[KEY] = {
                part: {name: value.cpu() for name, value in tensors.items()}
                for part, tensors in state.items()
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        model, state = plain_model(runner), checkpoint.get(KEY, {})
        if not is_training(runner):
            return
        if not isinstance(model, TopdownDistiller):
            self._check_plain(runner, state)
            return
        try:
            restore_state(model, state)
        except ValueError as error:
            if runner._resume:
                raise ValueError(f'{runner._load_from} cannot be resumed: {error}') from error
            if state:
                runner.logger.warning(
                    f'{runner._load_from}: {error}; what its losses adapt with, or the average of its '
                    'student, begins anew'
                )

    def _check_plain(self, runner: Runner, state: Any) -> None:
        """A connector's weights are in the optimizer's state, too, and the student has none."""
        if runner._resume and isinstance(state, Mapping) and state.get('losses'):
            raise ValueError(
                f'{runner._load_from} cannot be resumed: it is of a distillation whose losses have '
                'weights of their own, and the model is the student alone; start from its weights with '
                f'--cfg-options load_from={runner._load_from}'
            )
