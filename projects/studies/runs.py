"""Runs of a study, several at once, each in a process; one that fails takes only those that need it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import TYPE_CHECKING

from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.engine import newest_checkpoint
from mmpose_sdpose.engine.hooks.plain_model import plain_model
from mmpose_sdpose.evaluation.complexity import measure_complexity

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from sdpose_runtime.files import whole_file

from .jobs import RESULT, WEIGHTS, Job

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, SpawnContext  # Windows cannot fork

WAIT_S = 0.5
LOG = 'log.txt'


@dataclass
class Event:
    """What happened to a job: 'running' (with the share done), 'done' or 'failed' (with why)."""

    job: Job
    kind: str
    share: float = 0.0
    why: str = ''


@dataclass
class _Worker:
    job: Job
    process: BaseProcess
    share: Synchronized[float]


def run_jobs(jobs: list[Job], at_once: int = 1, threads: int = 1) -> Iterator[Event]:
    """Run what is not done yet; yields what happens until all has ended.

    When the caller stops iterating, what runs is ended; it goes on from its last checkpoint the next
    time.

    Args:
        jobs: Those that others need come first.
        at_once: Runs at the same time.
        threads: CPU threads of each.
    """
    context = _context()
    waiting = [job for job in jobs if not job.done]
    failed: set[Path] = set()
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            yield from _drop_hopeless(waiting, failed)
            for job in [job for job in waiting if all(need.done for need in job.needs)]:
                if len(workers) == at_once:
                    break
                share = context.Value('d', 0.0)
                process = context.Process(target=_work, args=(job, share, threads))  # has loaders
                process.start()
                workers.append(_Worker(job, process, share))
                waiting.remove(job)
            time.sleep(WAIT_S)
            for worker in list(workers):
                if worker.process.is_alive():
                    yield Event(worker.job, 'running', worker.share.value)
                    continue
                workers.remove(worker)
                if worker.job.done:
                    yield Event(worker.job, 'done', 1.0)
                else:
                    failed.add(worker.job.folder)
                    yield Event(worker.job, 'failed', why=_why(worker))
    finally:
        for worker in workers:
            worker.process.terminate()
            worker.process.join()


def _context() -> ForkContext | SpawnContext:
    """Forked processes share one import of PyTorch, but have no CUDA once their parent asked for it."""
    can_fork = 'fork' in multiprocessing.get_all_start_methods()
    if can_fork and not torch.cuda.is_available():
        return multiprocessing.get_context('fork')
    return multiprocessing.get_context('spawn')


def _drop_hopeless(waiting: list[Job], failed: set[Path]) -> Iterator[Event]:
    for job in list(waiting):
        lost = [need.name for need in job.needs if need.folder in failed]
        if lost:
            waiting.remove(job)
            failed.add(job.folder)
            yield Event(job, 'failed', why=f'needs {lost[0]}, which failed')


def _why(worker: _Worker) -> str:
    """The last line that a failed run wrote."""
    path = worker.job.folder / LOG
    code = worker.process.exitcode
    if code is not None and code < 0:
        return f'ended by signal {-code} (out of memory?); see {path}'
    log = path.read_text(encoding='utf-8', errors='replace') if path.is_file() else ''
    last = next((line for line in reversed(log.splitlines()) if line.strip()), 'no output')
    return f'{last.strip()} (see {path})'


def _work(job: Job, share: Synchronized[float], threads: int) -> None:
    """What a process does."""

    def tell(value: float) -> None:
        share.value = value

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what the caller may have set for itself
    with _alone(job.folder):
        if not job.done:  # another process may have finished it meanwhile
            train(job.config, tell, threads)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process works in the folder; where files cannot be locked, does not."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / '.lock', 'wb') as file:
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
    except Exception:  # whatever it is, the log says it and the other runs go on
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # the parent reads the log; what it has imported is not to be torn down here
    with whole_file(folder / RESULT) as file:
        file.write(json.dumps(result, indent=1).encode())


def _run(config: Config, tell: Callable[[float], None]) -> dict:
    folder = Path(config.work_dir)
    config.dump(folder / 'config.py')
    newest = newest_checkpoint(folder)
    config.resume = newest is not None
    if newest:
        config.load_from = str(newest)
    began = time.monotonic()
    runner = Runner.from_cfg(config)
    follow = _FollowHook(tell)
    runner.register_hook(follow)
    runner.train()
    seconds = time.monotonic() - began
    metrics = follow.metrics or runner.val()  # cut off between the last epoch and the result
    model = plain_model(runner)
    weights = {name: weight.cpu() for name, weight in model.state_dict().items()}
    write_checkpoint(dict(state_dict=weights), folder / WEIGHTS, overwrite=True)
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
