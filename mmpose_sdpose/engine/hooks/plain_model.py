from __future__ import annotations

from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn


def plain_model(runner: Runner) -> nn.Module:
    """The model that a runner trains, without the wrapper of distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def is_training(runner: Runner) -> bool:
    """MMEngine builds the training loop, a plain dict until then, only in ``runner.train()``."""
    return isinstance(runner._train_loop, BaseLoop)
