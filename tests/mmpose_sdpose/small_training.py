"""Trainings of a second: a line is fitted to noisy points, and scored as a test says."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mmpose_sdpose  # noqa: F401  registers the package

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils.data import Dataset

COUNT = itertools.count()


class Points(Dataset):
    """Eight points; how they are seen is drawn anew each time, as augmentation does."""

    metainfo: dict[str, Any] = {}

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Any]:
        noise = np.random.rand(3).astype(np.float32) + random.random()
        sample = BaseDataElement(metainfo=dict(img_path=f'photo{index}.jpg'))
        return dict(inputs=torch.from_numpy(index + noise), data_samples=sample)


class Line(BaseModel):
    """Predicts the sum; drops values while training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.dropout = nn.Dropout(0.2)

    def forward(self, inputs: list[Tensor], data_samples: list[Any], mode: str) -> Any:
        points = torch.stack(list(inputs))
        if mode != 'loss':
            return data_samples
        return dict(
            loss_line=(self.layer(self.dropout(points)) - points.sum(1, True)).square().mean()
        )


class Scores(BaseMetric):
    """Gives the scores that a test wants, one for each epoch, whatever was predicted."""

    default_prefix = 'toy'

    def __init__(self, scores: Sequence[float]) -> None:
        super().__init__()
        self.scores = list(scores)
        self.runner: Runner | None = None

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list) -> dict[str, float]:
        return dict(AP=self.scores[self.runner.epoch - 1])


def small_runner(
    folder: Path | str,
    hooks: Sequence[Any] = (),
    scores: Sequence[float] = (1.0, 2.0, 1.0, 3.0),
    workers: int = 0,
    checkpoint: dict | None = None,
    kind: type[Runner] = Runner,
    **options: Any,
) -> Runner:
    """A training of as many epochs as there are scores; the same seed always."""
    metric = Scores(scores)
    batches = dict(batch_size=4, num_workers=workers, persistent_workers=workers > 0)
    loader = dict(dataset=Points(), sampler=dict(type='DefaultSampler', shuffle=True), **batches)
    still = dict(loader, num_workers=0, persistent_workers=False)
    saving = dict(
        type='SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=1,
        save_best='toy/AP',
        rule='greater',
        backend_args=dict(backend='atomic'),
    )
    settings = dict(
        work_dir=str(folder),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=len(scores), val_interval=1),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        param_scheduler=dict(type='MultiStepLR', milestones=[2]),
        val_dataloader=still,
        val_cfg=dict(),
        val_evaluator=[metric],
        default_hooks=dict(checkpoint={**saving, **(checkpoint or {})}),
        custom_hooks=list(hooks),
        default_scope='mmpose',
        experiment_name=f'small_{next(COUNT)}',
        log_level='WARNING',
        randomness=dict(seed=1),
    )
    torch.manual_seed(0)
    metric.runner = kind(model=Line(), **{**settings, **options})
    return metric.runner


def weights(runner: Runner) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in runner.model.state_dict().items()}


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class Killer:
    """Ends the process just before the n-th time that a file gets its name or goes."""

    def __init__(self, moment: int) -> None:
        self.moment, self.count = moment, 0
        self.saved: list[str] = []

    def wrap(self, function: Callable) -> Callable:
        def wrapped(path: Any, *args: Any, **kwargs: Any) -> None:
            self.count += 1
            if self.count == self.moment:
                raise Killed
            function(path, *args, **kwargs)
            self.saved += [os.path.basename(name) for name in args]

        return wrapped
