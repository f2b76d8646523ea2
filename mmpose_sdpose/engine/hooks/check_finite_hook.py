from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor

from ...checkpoint import list_unusable
from ..resume import newest_checkpoint


@HOOKS.register_module()
class CheckFiniteHook(Hook):
    """Stop a training whose loss or weights are no finite numbers any more.

    The loss is looked at in every step, the weights before they are saved: no file of a training that
    went wrong takes the place of a good one.

    Raises:
        FloatingPointError: From the run; names the losses, the images and the checkpoint to go on from.

    Examples:
        >>> from types import SimpleNamespace
        >>> import torch
        >>> from mmpose_sdpose.engine import CheckFiniteHook
        >>> runner = SimpleNamespace(epoch=0, iter=7, work_dir='work_dirs/none')
        >>> CheckFiniteHook().after_train_iter(runner, 0, outputs=dict(loss=torch.tensor(float('nan'))))
        Traceback (most recent call last):
        FloatingPointError: training stopped in epoch 1, step 8: loss is no finite number...
    """

    priority = 'LOW'  # after the moving average of weights, before checkpoints

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        losses = {name: value for name, value in (outputs or {}).items() if 'loss' in name}
        bad = [name for name, value in losses.items() if not _is_finite(value)]
        if bad:
            raise FloatingPointError(
                f'training stopped in epoch {runner.epoch + 1}, step {runner.iter + 1}: '
                f'{", ".join(bad)} is no finite number. {_suspects(data_batch)} {_way_out(runner)}'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        weights = {**checkpoint['state_dict'], **checkpoint.get('ema_state_dict', {})}
        if faults := list_unusable(weights):
            raise FloatingPointError(
                f'training stopped at step {runner.iter}: weights are no finite numbers '
                f'({len(faults)}), {faults[0]}; they are not saved. {_way_out(runner)}'
            )


def _way_out(runner: Runner) -> str:
    newest = newest_checkpoint(runner.work_dir)
    resume = (
        f'--resume goes on from {newest}, with its own learning rate'
        if newest
        else 'No checkpoint was saved before'
    )
    return (
        f'{resume}; with the same data it may happen again: set '
        'optim_wrapper.clip_grad.max_norm=1, or begin with load_from and a lower '
        'optim_wrapper.optimizer.lr.'
    )


def _suspects(data_batch: Mapping[str, Any] | None) -> str:
    """Which images of a batch have pixels or labels that are no numbers, else which are in it."""
    samples = list((data_batch or {}).get('data_samples', []))
    inputs = list((data_batch or {}).get('inputs', []))
    guilty = [
        sample
        for number, sample in enumerate(samples)
        if not all(map(_is_finite, [*_arrays(sample), *inputs[number : number + 1]]))
    ]
    if guilty:
        return f'Pixels or labels of {_images(guilty)} are no numbers: mend or remove their annotation.'
    return f'Pixels and labels of the batch are finite ({_images(samples)}).' if samples else ''


def _arrays(sample: Any) -> Iterator[Any]:
    """Everything numeric that a data sample holds for the losses."""
    for part in ('gt_instances', 'gt_instance_labels', 'gt_fields'):
        if part in sample:
            yield from getattr(sample, part).values()


def _images(samples: Sequence[Any], shown: int = 4) -> str:
    paths = [str(sample.get('img_path', 'an image without a path')) for sample in samples]
    return ', '.join(paths[:shown] + [f'and {len(paths) - shown} more'] * (len(paths) > shown))


def _is_finite(value: Any) -> bool:
    """Of a number, an array or a tensor; what is none of them passes."""
    if isinstance(value, (int, float, Tensor)):
        value = torch.as_tensor(value)
        return not value.is_floating_point() or bool(torch.isfinite(value).all())
    if not isinstance(value, np.ndarray) or value.dtype.kind != 'f':
        return True
    return bool(np.isfinite(value).all())
