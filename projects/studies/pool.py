"""Several runs at once, each in a process; one that fails takes only those with it that need it."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from .plan import Job
from .training import LOG, train

WAIT_S = 0.5


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
    share: Any  # a shared double


def run_jobs(jobs: list[Job], at_once: int = 1, threads: int = 1) -> Iterator[Event]:
    """Run what is not done yet; yields what happens until all has ended.

    Processes are forked where that is possible, so that all share one import of PyTorch. When the caller
    stops iterating, what runs is ended; it goes on from its last checkpoint the next time.

    Args:
        jobs: Those that others need come first.
        at_once: Runs at the same time.
        threads: CPU threads of each.
    """
    context = multiprocessing.get_context(
        'fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn'
    )
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


def _drop_hopeless(waiting: list[Job], failed: set[Path]) -> Iterator[Event]:
    for job in list(waiting):
        lost = [need.name for need in job.needs if need.folder in failed]
        if lost:
            waiting.remove(job)
            failed.add(job.folder)
            yield Event(job, 'failed', why=f'needs {lost[0]}, which failed')


def _work(job: Job, share: Any, threads: int) -> None:
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
    with open(folder / '.lock', 'w') as file:
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _why(worker: _Worker) -> str:
    """The last line that a failed run wrote."""
    path = worker.job.folder / LOG
    code = worker.process.exitcode
    if code is not None and code < 0:
        return f'ended by signal {-code} (out of memory?); see {path}'
    lines = path.read_text(errors='replace').split('\n') if path.is_file() else []
    last = next((line for line in reversed(lines) if line.strip()), 'no output')
    return f'{last.strip()} (see {path})'
