"""How many loader workers keep a device busy: a config's training with each of several numbers of them.

Data set, loader, model and optimizer are the config's; weights are random, and nothing is saved. Beside
it, the same step with a batch that is on the device already, which no loader beats.

    python .dev_scripts/measure_loaders.py CONFIG --amp --batch 64 --workers 0 1 2 4 8 14 [--csv FILE]
        [--cfg-options train_dataloader.dataset.data_root=data/coco/]

A worker that keeps its pictures (PackPersonCrop) is faster once it has seen all of them: of a large data
set the first epoch is measured, of a small one the later ones.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from timeit import default_timer
from typing import Any

from mmpose_sdpose.benchmark.report import Row, describe_machine, read_rows, write_rows
from mmpose_sdpose.benchmark.run import be_quiet
from mmpose_sdpose.benchmark.spec import CannotMeasure, Spec, open_config
from mmpose_sdpose.benchmark.training import optim_wrapper, training_step
from mmpose_sdpose.tools.console import count, fail

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.benchmark import timer
from torch.utils.data import DataLoader

COLUMNS = (
    'config', 'device', 'amp', 'batch', 'workers', 'steps', 'images_per_s', 'share_waiting',
    'on_device_images_per_s', 'share_of_on_device', 'cores', 'torch', 'machine', 'command',
)  # fmt: skip
#: Steps before those that count, beside the batches that are loaded ahead.
WARMUP = 5
#: Batches that a worker loads ahead: PyTorch's default.
AHEAD = 2

Train = Callable[[Any], object]


@dataclass(frozen=True)
class Speed:
    """Of the steps of a training that count.

    Args:
        steps: How many.
        seconds: Until the device was done with the last one.
        waiting: Seconds of these in which the next batch was waited for. The device may have worked on
            the step before in the meantime: how much it is idle, the speed says.
    """

    steps: int
    seconds: float
    waiting: float

    def images_per_s(self, batch: int) -> float:
        return batch * self.steps / self.seconds


def measure(batches: Iterable, train: Train, steps: int, warmup: int, limit: float) -> Speed:
    """Train with one batch after another.

    Args:
        batches: At least ``warmup + steps``.
        train: Takes a step.
        steps: That count.
        warmup: Steps before them.
        limit: Seconds after which the former and the latter end, though there are steps left.
    """
    iterator = iter(batches)
    _take_steps(iterator, train, warmup, limit)
    return _take_steps(iterator, train, steps, limit)


def _take_steps(batches: Iterator, train: Train, steps: int, limit: float) -> Speed:
    begin, waiting, done = timer(), 0.0, 0  # PyTorch's timer waits for the device
    while done < steps and (not done or default_timer() - begin < limit):
        asked = default_timer()
        batch = next(batches)
        waiting += default_timer() - asked
        train(batch)
        done += 1
    return Speed(done, timer() - begin, waiting)


class Trainer:
    """A config's model and optimizer on a device, from random weights.

    Args:
        source: Name or path of the config.
        config: The same with options merged.
        device: ``cpu`` or ``cuda``.
        amp: Mixed precision, as ``mim train --amp``.
    """

    def __init__(self, source: str, config: Config, device: str, amp: bool) -> None:
        spec = Spec(source, scope='training', device=device)
        self.model = training_step(spec, config).model
        self.optimizer = optim_wrapper(config, self.model, amp)

    def train(self, batch: dict) -> None:
        self.model.train_step(batch, self.optimizer)

    def on_device(self, batch: dict) -> dict:
        """The batch, where the model is."""
        return self.model.data_preprocessor.cast_data(batch)


def loader_of(config: Config, batch: int, workers: int) -> DataLoader:
    """The config's loader of training data, without end."""
    settings = dict(
        config.train_dataloader,
        batch_size=batch,
        num_workers=workers,
        persistent_workers=False,
        sampler=dict(type='InfiniteSampler', shuffle=True),
    )
    if workers:
        settings['prefetch_factor'] = AHEAD
    return Runner.build_dataloader(settings, seed=0)


def measure_all(config: Config, args: argparse.Namespace) -> Iterator[Row]:
    """A row for each number of workers, once it is measured."""
    set_multi_processing(**config.env_cfg.mp_cfg)  # as a training has it
    trainer = Trainer(args.config, config, args.device, args.amp)
    batch = trainer.on_device(next(iter(loader_of(config, args.batch, 0))))
    bound = measure(repeat(batch), trainer.train, args.steps, WARMUP, args.seconds)
    for workers in args.workers:
        # What was loaded ahead while the model waited would count as the loader's speed.
        warmup, steps = WARMUP + AHEAD * workers, max(args.steps, 2 * AHEAD * workers)
        loader = loader_of(config, args.batch, workers)
        speed = measure(loader, trainer.train, steps, warmup, args.seconds)
        _print_line(workers, speed, bound, args.batch)
        yield row_of(workers, speed, bound, args)


def _print_line(workers: int, speed: Speed, bound: Speed, batch: int) -> None:
    rate, most = speed.images_per_s(batch), bound.images_per_s(batch)
    print(
        f'{workers:3} workers: {rate:8.1f} images a second in {speed.steps} steps, waiting for data '
        f'{speed.waiting / speed.seconds:4.0%}; {rate / most:4.0%} of {most:.1f}, a batch on the device'
    )


def row_of(workers: int, speed: Speed, bound: Speed, args: argparse.Namespace) -> Row:
    rate, most = speed.images_per_s(args.batch), bound.images_per_s(args.batch)
    row = dict(
        config=args.config,
        device=args.device,
        amp=str(args.amp),
        batch=str(args.batch),
        on_device_images_per_s=f'{most:.1f}',
        cores=str(len(os.sched_getaffinity(0))),
        torch=torch.__version__,
        machine=describe_machine(args.device, torch.get_num_threads()),
        command=shlex.join(['python', *sys.argv]),
        workers=str(workers),
        steps=str(speed.steps),
        images_per_s=f'{rate:.1f}',
        share_waiting=f'{speed.waiting / speed.seconds:.3f}',
        share_of_on_device=f'{rate / most:.3f}',
    )
    return {name: row[name] for name in COLUMNS}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('config')
    parser.add_argument(
        '--workers', type=int, nargs='+', default=[0, 1, 2, 4, 8, 14], help='%(default)s'
    )
    parser.add_argument('--batch', type=count, default=64, help='images (%(default)s)')
    parser.add_argument(
        '--steps', type=count, default=30, help='that count, at least (%(default)s)'
    )
    parser.add_argument(
        '--seconds', type=float, default=6, help='of the steps of a number at most (%(default)s)'
    )
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', choices=['cpu', 'cuda'], default=device, help='%(default)s')
    parser.add_argument('--amp', action='store_true', help='mixed precision (cuda)')
    parser.add_argument('--csv', type=Path, help='add rows to this file')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    if min(args.workers) < 0:
        parser.error(f'--workers {min(args.workers)} is no number from 0 on')
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('there is no CUDA device here')
    if args.amp and args.device == 'cpu':
        parser.error('--amp needs --device cuda')
    return args


def main() -> int:
    args = parse_args()
    be_quiet()
    try:
        # Before a minute of measuring: whether the rows can be added there.
        rows = read_rows(args.csv, COLUMNS) if args.csv and args.csv.exists() else []
        config = open_config(args.config)
        config.merge_from_dict(args.cfg_options)
        for row in measure_all(config, args):
            rows.append(row)
            if args.csv:  # now: what is cut off later keeps what was measured
                write_rows(args.csv, COLUMNS, rows)
    except (CannotMeasure, AssertionError, OSError, ValueError) as error:  # asserted: by MMPose
        return fail('measure_loaders', error)
    return 0


if __name__ == '__main__':
    sys.exit(main())
