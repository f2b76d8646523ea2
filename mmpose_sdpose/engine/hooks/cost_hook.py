from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import nn

from ...evaluation.complexity import measure_complexity
from .plain_model import plain_model


@HOOKS.register_module()
class CostHook(Hook):
    """Add a model's cost to what a test reports, by one line in the config of any top-down model.

    ::

        default_hooks = dict(cost=dict(type='CostHook'))

    or by an option: ``mim test … --cfg-options default_hooks.cost.type=CostHook``.

    The log, ``--out`` and the visualisation backends then have among the metrics ``cost/params_M``,
    ``cost/GFLOPs`` (as the papers count) and ``cost/GFLOPs_with_attention``, both of one image and one
    pass, and ``cost/FPS``: images a second of one process at the test's batch size
    (``cost/batch_size``), from the loaded batch to keypoints in the image: normalisation, network (twice
    with flip test) and decoding, not loading and not evaluation. ``mim run mmpose_sdpose benchmark``
    measures more carefully.

    Args:
        warmup: Batches at the beginning that are not timed, where there are more.

    Raises:
        ValueError: If ``warmup`` is negative.

    Examples:
        >>> from mmpose.registry import HOOKS
        >>> hook = HOOKS.build(dict(type='CostHook', warmup=5))
        >>> hook.warmup
        5
    """

    priority = 'HIGHEST'  # before those who log the metrics

    def __init__(self, warmup: int = 2) -> None:
        if warmup < 0:
            raise ValueError(f'warmup ({warmup}) must be 0 or more')
        self.warmup = warmup

    def before_test(self, runner: Runner) -> None:
        self.batches: list[tuple[int, float]] = []  # images, seconds
        self.handle = plain_model(runner).register_forward_hook(self._after_forward)

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        self.images = data_batch['inputs'] if data_batch else []
        _wait()
        self.begin = time.perf_counter()

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self.handle.remove()
        if metrics is not None and self.batches:
            metrics.update(self._cost(plain_model(runner)))

    def _after_forward(self, module: nn.Module, inputs: Any, output: Any) -> None:
        _wait()
        self.batches.append((len(self.images), time.perf_counter() - self.begin))

    def _cost(self, model: nn.Module) -> dict[str, float]:
        height, width = self.images[0].shape[-2:]
        cost = measure_complexity(model, (width, height))
        timed = self.batches[self.warmup :] or self.batches
        return {
            'cost/params_M': cost.params / 1e6,
            'cost/GFLOPs': cost.published_flops / 1e9,
            'cost/GFLOPs_with_attention': cost.flops_with_attention / 1e9,
            'cost/FPS': images_a_second(timed),
            'cost/batch_size': float(max(images for images, _ in timed)),
        }


def images_a_second(batches: Sequence[tuple[int, float]]) -> float:
    """All images by all seconds."""
    return sum(images for images, _ in batches) / sum(seconds for _, seconds in batches)


def _wait() -> None:
    """Until the accelerator is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
