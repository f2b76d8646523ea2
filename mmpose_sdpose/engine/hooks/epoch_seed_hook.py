from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.registry import HOOKS
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

# Who draws: loading in the main process, the model, and each worker from here on.
_LOADING, _MODEL, _WORKERS = 0, 1, 2


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Random numbers of each epoch's own, so that a resumed training equals the uninterrupted one.

    MMEngine seeds loaders and model when a training starts: after ``--resume`` augmentation, shuffling
    and dropout would repeat the first epochs'. Here they hang on seed, epoch, process and worker; the
    first epoch is left as it is. Needs PyTorch 2; a training that counts iterations instead of epochs
    is left alone, and so is the shuffling of one with ``randomness.diff_rank_seed``.

    Examples:
        >>> from mmengine.config import Config
        >>> from mmpose_sdpose.configs import find_config
        >>> config = Config.fromfile(find_config('td-hm_sdpose-t_8xb64-300e_coco-256x192'))
        >>> dict(type='EpochSeedHook') in config.custom_hooks  # our configs have it
        True
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        loader = runner.train_dataloader
        sampler = loader.batch_sampler.sampler
        if runner._resume and not runner._randomness_cfg.get('diff_rank_seed'):
            # It was built before the file was read, with the seed of this start.
            sampler.seed = runner.seed
        #: In memory that worker processes share: those that persist see the next epoch.
        self.epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        # PyTorch's loader asks a data set for whole batches if it has this.
        loader.dataset.__getitems__ = _Reseeding(
            loader.dataset, self.epoch, runner.seed, get_rank()
        )

    def before_train_epoch(self, runner: Runner) -> None:
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and runner.epoch > 0:
            self.epoch.fill_(runner.epoch)
            _reseed(runner.seed, runner.epoch, get_rank(), _LOADING)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        # Not before: a loader draws a number when it starts its workers, which may be in any epoch.
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if by_epoch and runner.epoch > 0 and batch_idx == 0:
            _reseed(runner.seed, runner.epoch, get_rank(), _MODEL)


class _Reseeding:
    """Samples of a data set; in a worker, draws begin anew with the first batch of an epoch."""

    def __init__(self, dataset: Dataset, epoch: Tensor, seed: int, rank: int) -> None:
        self.dataset, self.epoch, self.seed, self.rank = dataset, epoch, seed, rank
        self.current = 0

    def __call__(self, indices: Sequence[int]) -> list[Any]:
        epoch, worker = int(self.epoch), get_worker_info()
        if epoch != self.current and worker is not None:
            _reseed(self.seed, epoch, self.rank, _WORKERS + worker.id)
        self.current = epoch
        return [self.dataset[index] for index in indices]


def _reseed(*numbers: int) -> None:
    state = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)
