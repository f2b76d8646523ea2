from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...arguments import check_counts
from ...visualization import AttentionChoice, check_choice, draw_attention
from .plain_model import plain_model


@HOOKS.register_module()
class AttentionVisualizationHook(Hook):
    """Draw what keypoints look at, on the same few people of the validation set each time.

    Every config takes it by one line; a distiller is drawn beside its teacher::

        custom_hooks = [*_base_.custom_hooks, dict(type='AttentionVisualizationHook')]

    The pictures go to the visualizer: with MMPose's ``LocalVisBackend`` they are
    ``WORK_DIR/TIME/vis_data/vis_image/attention_person1_EPOCH.png``, with ``TensorboardVisBackend`` they
    are in TensorBoard. A training draws people of its validation data; a test draws its own once.

    Args:
        people: How many, evenly spread over the data, or their indices.
        interval: Epochs between two pictures; the last epoch is drawn in any case.
        keypoints, layers, teacher_layers, heads: As of
            :class:`~mmpose_sdpose.visualization.AttentionChoice`.
        cycles: Likewise; default: all that the model trains.

    Raises:
        TypeError, ValueError: If ``people`` or ``interval`` is no count; from the run, before it trains,
            if the model or the data does not have what is to be drawn.

    Examples:
        >>> from mmpose_sdpose.engine import AttentionVisualizationHook
        >>> hook = AttentionVisualizationHook(people=2, interval=10, keypoints=['nose', 'left_wrist'])
        >>> hook.choice.keypoints
        ['nose', 'left_wrist']
    """

    priority = 'LOW'

    def __init__(
        self,
        people: int | Sequence[int] = 3,
        interval: int = 1,
        keypoints: Sequence[str] | None = None,
        layers: Sequence[int] | None = None,
        teacher_layers: Sequence[int] | None = None,
        cycles: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
    ) -> None:
        check_counts(interval=interval)
        if isinstance(people, int) and people < 1:
            raise ValueError(f'people ({people}) must be at least 1, or a list of indices')
        self.people, self.interval = people, interval
        self.choice = AttentionChoice(keypoints, layers, teacher_layers, cycles, heads)

    def before_train(self, runner: Runner) -> None:
        if runner.val_loop is None:
            raise ValueError(
                'AttentionVisualizationHook draws people of the validation data, but the config trains '
                'without: give it a val_dataloader, val_cfg and val_evaluator'
            )
        self._check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        self._check(runner, runner.test_dataloader.dataset)

    def after_train_epoch(self, runner: Runner) -> None:
        if self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner):
            self._draw(runner, runner.val_dataloader.dataset, runner.epoch + 1)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._draw(runner, runner.test_dataloader.dataset, 0)

    def _check(self, runner: Runner, dataset: BaseDataset) -> None:
        """What could not be drawn is said before anything has run."""
        self._indices(dataset)
        check_choice(plain_model(runner), dataset.metainfo, self._choice(runner))

    @master_only
    def _draw(self, runner: Runner, dataset: BaseDataset, epoch: int) -> None:
        choice = self._choice(runner)
        for number, index in enumerate(self._indices(dataset), start=1):
            caption = (
                f'validation person {index}, after epoch {epoch}'
                if epoch
                else f'test person {index}'
            )
            picture = draw_attention(
                plain_model(runner), [dataset[index]], dataset.metainfo, choice, caption
            )
            runner.visualizer.add_image(f'attention_person{number}', picture, step=epoch)

    def _choice(self, runner: Runner) -> AttentionChoice:
        head = getattr(plain_model(runner), 'head', None)
        every = range(1, getattr(head, 'num_cycles', 1) + 1)
        return replace(self.choice, cycles=self.choice.cycles or every)

    def _indices(self, dataset: BaseDataset) -> list[int]:
        last = len(dataset) - 1
        if isinstance(self.people, int):
            return sorted({round(index) for index in np.linspace(0, last, self.people)})
        wrong = [index for index in self.people if not 0 <= index <= last]
        if wrong:
            raise ValueError(f'no people {wrong}: the data has people 0 to {last}')
        return list(self.people)
