"""One run of a study, in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.engine.hooks.plain_model import plain_model
from mmpose_sdpose.evaluation.complexity import measure_complexity

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from sdpose_runtime.files import whole_file

from .plan import RESULT, WEIGHTS

LOG = 'log.txt'


class _FollowHook(Hook):
    """Tells how much of the training is done, from 0 to 1, and keeps the last evaluation."""

    priority = 'LOWEST'  # other hooks may add to the metrics

    def __init__(self, tell: Callable[[float], None]) -> None:
        self.tell = tell
        self.metrics: dict | None = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        self.tell((runner.iter + 1) / runner.max_iters)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self.metrics = metrics


def train(config: Config, tell: Callable[[float], None], threads: int = 1) -> None:
    """Train and evaluate; the folder's ``result.json`` appears once all of it is done.

    Everything printed goes to the folder's ``log.txt``. A run that was cut off goes on where it was.
    Exits the process with status 1 after an error, which is then the log's last line.

    Args:
        config: With ``work_dir``.
        tell: Is told the share done.
        threads: Threads for PyTorch on the CPU.
    """
    folder = Path(config.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOG, 'a', encoding='utf-8') as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    torch.set_num_threads(threads)
    try:
        result = _run(config, tell)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # the parent reads the log; what it has imported is not to be torn down here
    with whole_file(folder / RESULT) as file:
        file.write(json.dumps(result, indent=1).encode())


def _run(config: Config, tell: Callable[[float], None]) -> dict:
    folder = Path(config.work_dir)
    config.dump(folder / 'config.py')
    config.resume = (folder / 'last_checkpoint').is_file()
    began = time.monotonic()
    runner = Runner.from_cfg(config)
    follow = _FollowHook(tell)
    runner.register_hook(follow)
    runner.train()
    seconds = time.monotonic() - began
    metrics = follow.metrics or runner.val()  # cut off between the last epoch and the result
    model = plain_model(runner)
    write_checkpoint(dict(state_dict=model.state_dict()), folder / WEIGHTS, overwrite=True)
    cost = measure_complexity(model, tuple(config.codec.input_size))
    return dict(
        metrics={key: float(value) for key, value in metrics.items()},
        steps=runner.max_iters,
        batch=config.train_dataloader.batch_size,
        params=cost.params,
        flops=cost.published_flops,
        flops_with_attention=cost.flops_with_attention,
        seconds=round(seconds, 1),
        resumed=config.resume,
        torch=torch.__version__,
        device=str(next(model.parameters()).device),
    )
