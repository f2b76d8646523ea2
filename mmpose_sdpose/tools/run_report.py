"""What a run tells the terminal: what it will do, how far it is, what came out of it."""

from __future__ import annotations

import numbers
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from mmpose_sdpose.configs import configs_dir
from mmpose_sdpose.engine import newest_checkpoint
from mmpose_sdpose.engine.resume import checkpoint_times
from mmpose_sdpose.tools.run_summary import counts_epochs, shorten, sum_up_test, sum_up_training

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


class Meter:
    """How far something is: a bar on a terminal, elsewhere a line now and then.

    Args:
        console: Where to.
        total: Steps in all.
        done: Steps that an earlier run has done.
        period_s: A line comes so many seconds after the one before; a bar moves four times a second.
    """

    def __init__(self, console: Console, total: int, done: int = 0, period_s: float = 60) -> None:
        self.console, self.total, self.done = console, total, done
        self.began = self.spoke = self.drawn = time.monotonic()
        self.first: tuple[int, float] | None = None  # the first step starts the workers: not timed
        self.period_s = period_s
        self.bar: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            columns = TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn()
            # No thread of its own: data loaders' workers are forked from this process.
            self.bar = Progress(
                *columns, TextColumn('{task.fields[left]}'), console=console,
                auto_refresh=False, transient=True,
            )  # fmt: skip
            self.task = self.bar.add_task('', total=total, completed=done, left='')
            self.bar.start()

    def step(self, done: int, text: str) -> None:
        """So many steps are done; ``text`` says more."""
        self.done, now = done, time.monotonic()
        self.first = self.first or (done, now)
        if self.bar is None:
            if now - self.spoke >= self.period_s:
                self.say(f'{text}{self.left}')
        elif now - self.drawn >= 0.25:
            self.drawn = now
            self.bar.update(
                self.task, completed=done, description=text, left=self.left.lstrip(', ')
            )
            self.bar.refresh()

    @property
    def left(self) -> str:
        """The time left, by the mean speed so far; nothing at the beginning and at the end."""
        if self.first is None or self.first[0] == self.done or self.done >= self.total:
            return ''
        done, since = self.first
        seconds = (time.monotonic() - since) / (self.done - done) * (self.total - self.done)
        return f', {in_words(seconds)} left'

    def say(self, text: str) -> None:
        """A line that stays."""
        self.spoke = time.monotonic()
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


class RunReport(Hook):
    """Says in the terminal what a training or a test will do, how far it is, and what came out of it.

    On a terminal there is a bar; elsewhere a line for each validation, and otherwise now and then. Of
    several processes the first one speaks.

    Args:
        console: Where to.
        brief: Of a test, say how far it is and no more.
    """

    priority = 'LOWEST'

    def __init__(self, console: Console, brief: bool = False) -> None:
        self.console, self.brief = console, brief
        self.meter: Meter | None = None
        self.training: Runner | None = None
        self.earlier: dict[Path, int] = {}  # checkpoints that this training did not write
        self.was_complete = False
        self.best: float | None = None

    def close(self) -> None:
        """Take the bar away."""
        if self.meter is not None:
            self.meter.close()

    def interrupted(self) -> str:
        """What is to be said after Ctrl-C."""
        if self.training is None:
            return 'stopped'
        own, way_on = self._own_checkpoint(self.training), 'nothing was saved yet'
        if own is not None:
            # Without a name, --resume takes the newest of the folder.
            is_found = own == newest_checkpoint(self.training.work_dir)
            name = '' if is_found else f' {shorten(own)}'
            way_on = f'--resume{name} goes on from {shorten(own)}'
        return f'stopped at step {self.training.iter:,} of {self.training.max_iters:,}; {way_on}'

    def before_train(self, runner: Runner) -> None:
        if is_main_process():
            self.training = runner
            self.best = _best_score(runner)
            self.earlier = checkpoint_times(runner.work_dir)
            self.was_complete = _is_complete(runner)
            if not self.was_complete:
                self._begin(f'Training {_name(runner)}', self._summary(runner))
            self.meter = Meter(self.console, runner.max_iters, runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if self.meter is not None:
            done = runner.iter + 1
            self.meter.step(done, f'{_place(runner, done)}  {_loss(runner, 20)}')

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if self.meter is not None:
            batch = f'{batch_idx + 1}/{len(runner.val_dataloader)}'
            self.meter.step(self.meter.done, f'{_place(runner, runner.iter)}  validating {batch}')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if self.meter is None:
            return
        words = [_place(runner, runner.iter), _loss(runner, _steps_between(runner))]
        if metrics and (name := _main_metric(runner, metrics)):
            before, self.best = self.best, _best_score(runner)
            is_best = self.best not in (None, before)
            words.append(f'{name} {metrics[name]:.3f}' + ' (best so far)' * is_best)
        self.meter.say('  '.join(filter(None, words)) + self.meter.left)

    def after_train(self, runner: Runner) -> None:
        if self.meter is not None:
            self.meter.close()
            seconds = time.monotonic() - self.meter.began
            title = f'Trained in {in_words(seconds)}'
            if self.was_complete:
                title = _completeness(runner)
            self._say(title, dict(_outcome(runner, self._own_checkpoint(runner))))

    def before_test(self, runner: Runner) -> None:
        if is_main_process():
            if not self.brief:
                self._begin(f'Testing {_name(runner)}', sum_up_test(runner))
            self.meter = Meter(self.console, len(runner.test_dataloader))

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if self.meter is not None:
            self.meter.step(batch_idx + 1, f'batch {batch_idx + 1}/{self.meter.total}')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        if self.meter is not None:
            self.meter.close()
        if self.meter is not None and not self.brief:
            seconds = time.monotonic() - self.meter.began
            lines = {name: _rounded(value) for name, value in (metrics or {}).items()}
            tool = 'mim run mmpose_sdpose export_onnx'
            lines['next'] = f'{tool} {_name(runner)} {runner._load_from} model.onnx'
            self._say(f'Tested in {in_words(seconds)}', lines)

    def _summary(self, runner: Runner) -> dict[str, str]:
        lines = sum_up_training(runner)
        source = _resumed(runner)
        if self.earlier and source not in self.earlier:
            newest = newest_checkpoint(runner.work_dir) or max(
                self.earlier, key=self.earlier.__getitem__
            )
            lines['results in'] += (
                f', beside checkpoints of an earlier training (newest: {newest.name})'
            )
        return lines

    def _own_checkpoint(self, runner: Runner) -> Path | None:
        """The newest that this training wrote, else what it went on from."""
        return newest_checkpoint(runner.work_dir, self.earlier) or _resumed(runner)

    def _begin(self, title: str, lines: Mapping[str, str]) -> None:
        self._say(title, lines)
        self.console.print()

    def _say(self, title: str, lines: Mapping[str, str]) -> None:
        width = max(map(len, lines), default=0) + 2
        self.console.print(title, markup=False, soft_wrap=True, style='bold')
        for label, text in lines.items():
            self.console.print(f'  {label:{width}}{text}', markup=False, soft_wrap=True)


def in_words(seconds: float) -> str:
    """0:02:10"""
    return str(timedelta(seconds=round(seconds)))


def _name(runner: Runner) -> str:
    """The config, as a command finds it: one of ours by its name alone."""
    path = Path(runner.cfg.filename or runner.experiment_name)
    return path.name if configs_dir() in path.resolve().parents else shorten(path)


def _place(runner: Runner, done: int) -> str:
    """Where a training is after so many steps."""
    if not counts_epochs(runner):
        return f'step {done:,}/{runner.max_iters:,}'
    return f'epoch {-(-done // len(runner.train_dataloader))}/{runner.max_epochs}'


def _steps_between(runner: Runner) -> int:
    """Steps from one validation to the next."""
    steps = len(runner.train_dataloader) if counts_epochs(runner) else 1
    return steps * runner.val_interval


def _loss(runner: Runner, steps: int) -> str:
    """The mean loss of the last steps."""
    scalars = runner.message_hub.log_scalars
    if 'train/loss' not in scalars:
        return ''
    return f'loss {scalars["train/loss"].mean(steps):.4g}'


def _resumed(runner: Runner) -> Path | None:
    """What a training goes on from, None if it began."""
    return Path(runner._load_from) if runner._resume and runner._load_from else None


def _is_complete(runner: Runner) -> bool:
    """Whether a resumed training has nothing left to do."""
    done, of = _progress(runner)
    return _resumed(runner) is not None and done >= of


def _progress(runner: Runner) -> tuple[int, int]:
    """How many epochs are done, of how many; steps, where a training goes by these."""
    if counts_epochs(runner):
        return runner.epoch, runner.max_epochs
    return runner.iter, runner.max_iters


def _completeness(runner: Runner) -> str:
    """What is to be said where nothing was left to do."""
    done, of = _progress(runner)
    unit, key = ('epochs', 'max_epochs') if counts_epochs(runner) else ('steps', 'max_iters')
    return (
        f'The training in {shorten(runner.work_dir)} is complete: {done:,} of {of:,} {unit}; '
        f'train longer with --cfg-options train_cfg.{key}=…'
    )


def _chooser(runner: Runner) -> CheckpointHook | None:
    """The hook that keeps the best checkpoint, if any does."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    return next((hook for hook in hooks if hook.save_best), None)


def _main_metric(runner: Runner, metrics: Mapping[str, Any]) -> str | None:
    """The one by which the best checkpoint is chosen, else the first."""
    chooser = _chooser(runner)
    names = [*(chooser.key_indicators if chooser else []), *metrics]
    return next((name for name in names if isinstance(metrics.get(name), numbers.Real)), None)


def _best_score(runner: Runner) -> float | None:
    """The best one so far, of the first metric that checkpoints are chosen by."""
    info, chooser = runner.message_hub.runtime_info, _chooser(runner)
    if chooser is None:
        return None
    return info.get('best_score', info.get(f'best_score_{chooser.key_indicators[0]}'))


def _outcome(runner: Runner, last: Path | None) -> Iterator[tuple[str, str]]:
    """The best metric, its checkpoint, the last one, and what to do with them."""
    chooser, score, best = _chooser(runner), _best_score(runner), None
    if chooser is not None and score is not None:
        best = _best_path(chooser)
        when = re.search(r'(epoch|iter)_(\d+)\.pth$', best or '')
        after = f' after {when[1]} {when[2]}' if when else ''
        yield f'best {chooser.key_indicators[0]}', f'{score:.3f}{after}'
    if best:
        yield 'its checkpoint', shorten(best)
    if last:
        yield 'last checkpoint', shorten(last)
    if checkpoint := best or last:
        config = Path(runner.work_dir, os.path.basename(runner.cfg.filename or ''))
        yield 'next', f'mim test mmpose_sdpose {shorten(config)} --checkpoint {shorten(checkpoint)}'


def _best_path(chooser: CheckpointHook) -> str | None:
    if len(chooser.key_indicators) == 1:
        return chooser.best_ckpt_path
    return chooser.best_ckpt_path_dict.get(chooser.key_indicators[0])


def _rounded(value: Any) -> str:
    if not isinstance(value, numbers.Real):
        return str(value)
    number = float(value)
    return f'{number:.3f}' if abs(number) < 10 else f'{number:.4g}'
