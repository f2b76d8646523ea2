"""What an earlier training left in the folder that a training writes to: nothing of it is replaced."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..checkpoint import read_any_checkpoint
from ..datasets.checks.findings import some
from .resume import newest_checkpoint, read_whole

#: As MMEngine saves where a config says nothing of it.
_SAVING: dict[str, Any] = dict(interval=1)


def refuse_to_replace(cfg: Config) -> None:
    """Refuse a training that would write over whole checkpoints of another one.

    A training that goes on from a file writes names beyond it alone. Files that are cut off or not
    finite may be replaced.

    Args:
        cfg: Of the training, options merged.

    Raises:
        FileExistsError: If files would be lost; it names them and the ways out.
    """
    saving = (cfg.get('default_hooks') or {}).get('checkpoint', _SAVING)
    if not isinstance(saving, dict) or not cfg.get('train_cfg') or not cfg.get('work_dir'):
        return
    names = _Names.of(saving, cfg.train_cfg)
    folder = checkpoint_folder(cfg.work_dir, saving.get('out_dir'))
    found = {path: names.number(path) for path in folder.glob('*.pth') if names.has(path)}
    if not found:
        return
    source = _source(cfg)
    is_own = source is not None and source.resolve().parent == folder.resolve()
    done = _done(source, names.by_epoch)
    # A best checkpoint beyond the file is of a validation that the training comes to again.
    ahead = [path for path in found if found[path] > done and not (is_own and names.is_best(path))]
    lost = [path for path in ahead if read_whole(path) is not None]
    if lost:
        lost.sort(key=lambda path: (found[path], path))
        newest = None if source else newest_checkpoint(cfg.work_dir)
        way_out = f'--resume goes on from {newest.name}' if newest else 'move what is to be kept'
        raise FileExistsError(
            f'{folder} has checkpoints of an earlier training, and this one could replace '
            f'{some([path.name for path in lost])}: {way_out}, --work-dir names another folder'
        )


def checkpoint_folder(work_dir: str | Path, out_dir: str | Path | None = None) -> Path:
    """Where MMEngine's hook puts a training's checkpoints.

    Args:
        out_dir: As the hook is given it.
    """
    if out_dir in (None, work_dir):
        return Path(work_dir)
    return Path(str(out_dir), os.path.basename(str(work_dir).rstrip(os.sep)))


@dataclass(frozen=True)
class _Names:
    """The names of the checkpoints that a training writes.

    Args:
        pattern: Of them all, the best ones too; its groups are what marks those, and the number.
        by_epoch: Whether the number counts epochs, rather than steps.
        limit: The last number; None if it cannot be told.
        begin, interval: Of those that are no best ones.
        with_best: Whether there are best ones.
    """

    pattern: re.Pattern[str]
    by_epoch: bool
    limit: int | None
    begin: int
    interval: int
    with_best: bool

    @classmethod
    def of(cls, saving: Mapping[str, Any], train_cfg: Mapping[str, Any]) -> _Names:
        """By the settings of MMEngine's checkpoint hook and training loop."""
        by_epoch = saving.get('by_epoch', True)
        template = saving.get('filename_tmpl') or ('epoch_{}.pth' if by_epoch else 'iter_{}.pth')
        name = re.escape(template).replace(re.escape('{}'), r'(\d+)')
        return cls(
            re.compile(f'(best_.+_)?{name}'),
            by_epoch,
            train_cfg.get('max_epochs' if by_epoch else 'max_iters'),
            saving.get('save_begin', 0),
            saving.get('interval', -1),
            bool(saving.get('save_best')),
        )

    def number(self, path: Path) -> int:
        match = self.pattern.fullmatch(path.name)
        return int(match[2]) if match else 0

    def is_best(self, path: Path) -> bool:
        match = self.pattern.fullmatch(path.name)
        return bool(match and match[1])

    def has(self, path: Path) -> bool:
        number, limit = self.number(path), self.limit
        if not self.pattern.fullmatch(path.name) or (limit is not None and number > limit):
            return False
        if self.is_best(path):
            return self.with_best
        later = number - self.begin
        is_due = self.interval > 0 and later >= 0 and later % self.interval == 0
        return is_due or limit in (None, number)


def _source(cfg: Config) -> Path | None:
    """The file that a training goes on from, None if it begins."""
    if not cfg.get('resume'):
        return None
    return Path(cfg.load_from) if cfg.get('load_from') else newest_checkpoint(cfg.work_dir)


def _done(source: Path | None, by_epoch: bool) -> int:
    """Epochs or steps that a training has behind it."""
    if source is None:
        return 0
    try:
        meta = read_any_checkpoint(source).get('meta')
    except (OSError, ValueError):
        return 0  # it is refused for that
    done = meta.get('epoch' if by_epoch else 'iter') if isinstance(meta, dict) else None
    return done if isinstance(done, int) else 0
