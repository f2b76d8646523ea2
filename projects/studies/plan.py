"""From a study to configs and folders: what is to be run, and where its result will be."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mmpose_sdpose.configs import read_config

from mmengine.config import Config

from .recipe import with_recipe
from .study import CHECKPOINT_OF, START, Arm, Scale, Study

#: What a finished run leaves: its figures, and the weights that others start from or learn from.
RESULT, WEIGHTS = 'result.json', 'weights.pth'
_FROM_START = {
    'model.backbone.init_cfg': dict(
        type='Pretrained', prefix='backbone.', checkpoint=CHECKPOINT_OF + START
    )
}


@dataclass
class Job:
    """One training: an arm with a seed.

    Args:
        arm: What is trained.
        seed: Seed of everything random.
        config: Config of the run.
        folder: Folder of the run; its name holds a digest of the config, so that runs of the same
            config are shared by studies and a changed one is never taken for the old.
        needs: Jobs to be done before.
        start: The one among them in which this one's backbone is trained first, if there is one.
    """

    arm: Arm
    seed: int
    config: Config
    folder: Path
    needs: list[Job]
    start: Job | None = None

    @property
    def name(self) -> str:
        return f'{self.arm.name} seed {self.seed}'

    def result(self) -> dict | None:
        """What the finished run left, None if it is not finished."""
        path = self.folder / RESULT
        return json.loads(path.read_text()) if path.is_file() else None

    @property
    def done(self) -> bool:
        return (self.folder / RESULT).is_file()

    @property
    def digest(self) -> str:
        """Of the config; the folder it is in may bear the name of another arm that has the same."""
        return self.folder.parent.name.rpartition('-')[2]


class _Folders:
    """Where the runs of a scale are: one folder for each config, named after the first arm that had it.

    Args:
        root: Folder of the scale.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        there = sorted(root.glob('*-*'), reverse=True)
        self.homes = {path.name.rpartition('-')[2]: path for path in there}

    def of(self, name: str, digest: str, seed: int) -> Path:
        home = self.homes.setdefault(digest, self.root / f'{name}-{digest}')
        return (home / f'seed{seed}').resolve()


def plan(
    study: Study,
    scale: Scale,
    out: Path,
    seeds: int,
    only: list[str] | None = None,
    options: dict | None = None,
) -> list[Job]:
    """All jobs of a study at a scale, those that others need first; seed by seed.

    Arms of the same config share one folder, and so one run, whichever of them was there first.

    Args:
        study: The study.
        scale: One of its scales.
        out: Folder of all runs.
        seeds: Number of seeds, from 1.
        only: Names of arms; default: all.
        options: Options of every run, over all others.

    Raises:
        ValueError: If a config does not go with the scale's recipe, or a name is unknown.
    """
    jobs: list[Job] = []
    starts: dict[Path, Job] = {}
    folders = _Folders(out / scale.name)
    first: dict[str, Job] = {}  # a teacher is one for all seeds: what varies is what learns from it
    for seed in range(1, seeds + 1):
        for arm in study.select(only):
            if arm.once and seed > 1:
                continue
            model = scale.models[arm.model]
            needs = {name: first[name] for name in arm.needs}
            if 'start' in model:
                start = _make_start(arm, model['start'], scale, options or {}, seed, folders)
                if start.folder not in starts:
                    jobs.append(start)
                needs[START] = starts.setdefault(start.folder, start)
            jobs.append(_make_job(arm, model, scale, needs, options or {}, seed, folders, arm.name))
            first.setdefault(arm.name, jobs[-1])
    return jobs


def _make_start(
    arm: Arm, model: dict, scale: Scale, options: dict, seed: int, folders: _Folders
) -> Job:
    """The run in which an arm's backbone is trained first: all options but those of the arm's head."""

    def chosen(given: dict) -> dict:
        return {key: value for key, value in given.items() if not key.startswith('model.head')}

    backbone = {
        key: value for key, value in arm.options.items() if key.startswith('model.backbone')
    }
    first = Arm(f'{arm.name}_{START}', f'start of {arm.label}', arm.model, backbone)
    scale = replace(scale, options=chosen(scale.options))
    # Arms whose backbones start alike share that run, whichever of them is there.
    return _make_job(first, model, scale, {}, chosen(options), seed, folders, START)


def _make_job(
    arm: Arm,
    model: dict,
    scale: Scale,
    needs: dict[str, Job],
    options: dict,
    seed: int,
    folders: _Folders,
    name: str,
) -> Job:
    """One training; its folder is called ``name`` unless its config has one."""
    config, digest = resolve(arm, model, scale, needs, options)
    folder = folders.of(name, digest, seed)
    config.merge_from_dict({'randomness.seed': seed, 'work_dir': str(folder)})
    return Job(arm, seed, config, folder, list(needs.values()), needs.get(START))


def resolve(
    arm: Arm, model: dict, scale: Scale, needs: dict[str, Job], options: dict
) -> tuple[Config, str]:
    """Config of an arm, and a digest of all that its result depends on but the seed."""
    config = with_recipe(_read(model['config']), _read(scale.recipe))
    start = _FROM_START if START in needs else {}
    for layer in (scale.options, model.get('options', {}), arm.options, start, options):
        config.merge_from_dict(deepcopy(_on_the_student(config, layer)))  # it writes into it
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    for name, job in needs.items():
        run = f'{name}-{job.digest}' + (' of the same seed' if name == START else '')
        text = text.replace(CHECKPOINT_OF + name, run)
    return _with_checkpoints(config, needs), hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def _read(name: str) -> Config:
    """Read once for all the arms that have it; nobody changes it."""
    return read_config(name)


def _on_the_student(config: Config, options: dict) -> dict:
    """``model.head…`` and ``model.backbone…`` mean the student's, in a distillation too."""
    if 'student' not in config.model:
        return options
    parts = ('model.head', 'model.backbone', 'model.test_cfg')
    return {
        'model.student' + key[len('model') :]
        if '.'.join(key.split('.')[:2]) in parts
        else key: value
        for key, value in options.items()
    }


def _with_checkpoints(config: Config, needs: dict[str, Job]) -> Config:
    paths = {CHECKPOINT_OF + name: str(job.folder / WEIGHTS) for name, job in needs.items()}

    def swap(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: swap(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(swap(value) for value in node)
        return paths.get(node, node) if isinstance(node, str) else node

    # Formatting the text of a config takes seconds, several times a run.
    return Config(swap(config.to_dict()), filename=config.filename, format_python_code=False)
