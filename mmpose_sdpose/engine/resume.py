"""What a training can go on from, and what of a file it may take over."""

from __future__ import annotations

import math
import numbers
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checkpoint import list_unusable, read_any_checkpoint, weights_in

_NAME = re.compile(r'(epoch|iter)_(\d+)\.pth')
#: What MMEngine takes from ``meta`` when it resumes, but for the config, which it would run.
_META = ('epoch', 'iter', 'seed', 'dataset_meta', 'experiment_name', 'mmengine_version', 'time')


def newest_checkpoint(
    work_dir: str | Path, earlier: Mapping[Path, int] | None = None
) -> Path | None:
    """The newest checkpoint of a work directory from which a training can go on.

    ``last_checkpoint`` is asked first, by the name of the file alone: in a copy of a work directory it
    still names the original's. A whole file that is both newer and further is taken instead: a
    training that was ended between writing it and pointing at it leaves that. Files that are cut off,
    not finite or weights alone are passed over. Only where the folder has none, a file elsewhere that
    ``last_checkpoint`` names counts (``out_dir`` of MMEngine's hook).

    Args:
        earlier: What :func:`checkpoint_times` gave before a training: what it wrote alone counts.

    Returns:
        None if there is none.
    """
    folder, earlier = Path(work_dir), earlier or {}
    found = _numbered(folder)
    found.sort(key=lambda path: (int(path.stat().st_mtime), _number(path)), reverse=True)
    named = _last_checkpoint(folder)
    pointed = folder / named.name
    if pointed in found:
        first = [*(path for path in found if _is_after(path, pointed)), pointed]
        found = [*first, *(path for path in found if path not in first)]
    times = _times([*found, named])
    new = (path for path in times if times[path] != earlier.get(path))
    return next((path for path in new if can_resume(path)), None)


def checkpoint_times(work_dir: str | Path) -> dict[Path, int]:
    """When each checkpoint of a work directory was written, and the one that it points at."""
    folder = Path(work_dir)
    return _times([*_numbered(folder), _last_checkpoint(folder)])


def _numbered(folder: Path) -> list[Path]:
    return [path for path in folder.glob('*.pth') if _NAME.fullmatch(path.name)]


def _times(paths: Sequence[Path]) -> dict[Path, int]:
    """In the order given; what is no file is left out."""
    return {path: path.stat().st_mtime_ns for path in paths if path.is_file()}


def can_resume(path: str | Path) -> bool:
    """Whether a file is a whole training checkpoint with finite weights."""
    checkpoint = read_whole(path)
    return checkpoint is not None and not why_not_resumed(checkpoint)


def read_whole(path: str | Path) -> dict[str, Any] | None:
    """A checkpoint, None if it is cut off or its weights are not finite."""
    try:
        checkpoint = read_any_checkpoint(path)
        return None if list_unusable(weights_in(checkpoint, path)) else checkpoint
    except (OSError, ValueError):
        return None


def why_not_resumed(checkpoint: Mapping[str, Any]) -> str:
    """What a checkpoint lacks to go on from, '' if nothing."""
    meta = checkpoint.get('meta')
    hub = checkpoint.get('message_hub')
    if not isinstance(meta, dict) or not isinstance(hub, dict):
        return 'it holds weights, but no state of a training'
    wrong = [key for key in ('epoch', 'iter') if not _is_count(meta.get(key))]
    if wrong:
        return f'its {wrong[0]} is {meta.get(wrong[0])!r}, no number of steps done'
    parts = ('log_scalars', 'resumed_keys', 'runtime_info')
    lacking = [part for part in parts if not isinstance(hub.get(part), dict)]
    return f'its message_hub has no {lacking}' if lacking else ''


def _last_checkpoint(folder: Path) -> Path:
    pointer = folder / 'last_checkpoint'
    there = pointer.is_file()
    return Path(pointer.read_text(encoding='utf-8', errors='replace').strip() if there else '')


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[2]) if match else 0


def _is_after(path: Path, other: Path) -> bool:
    same_count = path.name.split('_')[0] == other.name.split('_')[0]
    later = path.stat().st_mtime > other.stat().st_mtime
    return later and (not same_count or _number(path) > _number(other))


def keep_state_alone(
    checkpoint: dict[str, Any], runtime_info: Mapping[str, Any], folder: str | Path
) -> None:
    """Leave in a checkpoint weights, optimizer, schedules and counters, and no code and no path.

    MMEngine would run the config in ``meta``, and delete the file that the message hub calls the best;
    what the message hub holds otherwise would replace what this run says of itself, its config too.

    Args:
        checkpoint: What MMEngine has read and goes on with; changed in place.
        runtime_info: What this run's message hub says so far.
        folder: Where this run's checkpoints are: there alone the best one is looked for, by its name.
    """
    if isinstance(checkpoint.get('meta'), dict):
        meta = checkpoint['meta']
        checkpoint['meta'] = {key: meta[key] for key in _META if key in meta}
        if not _is_count(meta.get('seed')):
            checkpoint['meta'].pop('seed', None)
    hub = checkpoint.get('message_hub')
    if isinstance(hub, dict) and isinstance(hub.get('runtime_info'), dict):
        kept = _counters(hub['runtime_info']) | _own_best(hub['runtime_info'], Path(folder))
        checkpoint['message_hub'] = {**hub, 'runtime_info': {**kept, **runtime_info}}


def _counters(info: Mapping[str, Any]) -> dict[str, Any]:
    """Finite numbers, and which checkpoints are kept."""
    counters = {key: info[key] for key in info if _is_finite_number(info[key])}
    kept = info.get('keep_ckpt_ids')
    if isinstance(kept, list) and all(map(_is_count, kept)):
        counters['keep_ckpt_ids'] = kept
    return counters


def _own_best(info: Mapping[str, Any], folder: Path) -> dict[str, str]:
    best = {}
    for key, value in info.items():
        if re.match(r'best_ckpt($|_)', str(key)) and isinstance(value, str):
            name = os.path.basename(value)
            if name.startswith('best_') and (folder / name).is_file():
                best[key] = str(folder / name)
    return best


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)
