from __future__ import annotations

import functools
import os
import time
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable

import pytest
import torch
from mmengine.config import utils
from mmengine.dataset import base_dataset
from mmengine.runner import loops
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter as Workers

torch.set_num_threads(1 if 'PYTEST_XDIST_WORKER' in os.environ else 2)


# What MMEngine does again and again, a fifth of a second each time: it reads MMPose's index of models
# for every config with a base in it, and collects garbage for every data set.
utils.load = functools.cache(utils.load)
base_dataset.gc = SimpleNamespace(collect=lambda: 0)


@pytest.fixture
def no_pause_between_passes(monkeypatch) -> None:
    """A loop that counts iterations waits two seconds whenever its data begin anew."""
    without = SimpleNamespace(**{**vars(time), 'sleep': lambda seconds: None})
    monkeypatch.setattr(loops, 'time', without)


@pytest.fixture(autouse=True)
def no_loader_outlives_its_test(monkeypatch) -> Iterator[None]:
    """Ends the loaders' processes that a test leaves behind.

    A runner is garbage in a cycle. When it is collected, in whatever test, the queues of its loaders are
    closed first, so that each process hears nothing and is waited for 5 seconds.
    """
    begun: list[weakref.ref[Workers]] = []
    begin = Workers.__init__

    def remember(self, loader) -> None:
        begin(self, loader)
        begun.append(weakref.ref(self))

    monkeypatch.setattr(Workers, '__init__', remember)
    yield
    for found in begun:
        if (workers := found()) is not None:
            workers._shutdown_workers()
