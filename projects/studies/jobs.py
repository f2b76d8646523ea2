"""From a study to configs and folders: which trainings there are, and where their results will be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mmpose_sdpose.configs import read_config

from mmengine.config import Config

from .recipe import set_length, with_recipe
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

    def result(self) -> dict[str, Any]:
        """What the finished run left.

        Raises:
            FileNotFoundError: If it is not finished.
            ValueError: If the file is damaged.
        """
        path = self.folder / RESULT
        try:
            result = json.loads(path.read_text(encoding='utf-8'))
            if 'metrics' not in result:
                raise ValueError('it has no metrics')
        except (ValueError, TypeError) as error:
            raise ValueError(
                f'{path} is damaged ({error}): remove it, and the run is done again'
            ) from error
        return result

    @property
    def done(self) -> bool:
        return (self.folder / RESULT).is_file()

    @property
    def digest(self) -> str:
        """Of the config; the folder it is in may bear the name of another arm that has the same."""
        return self.folder.parent.name.rpartition('-')[2]


def metric(metrics: dict[str, float], name: str) -> float:
    """A metric by its name, whatever the data set it is of: ``AP`` is ``crowdpose/AP``, too.

    Raises:
        ValueError: If there is not one such metric.
    """
    found = [value for key, value in metrics.items() if key.rpartition('/')[2] == name]
    if len(found) != 1:
        raise ValueError(f'{len(found)} metrics are called {name}, of {", ".join(metrics)}')
    return found[0]


def optional_metric(metrics: dict[str, float], name: str) -> float | None:
    """As :func:`metric`; None if there is no such one."""
    there = any(key.rpartition('/')[2] == name for key in metrics)
    return metric(metrics, name) if there else None


def list_jobs(
    study: Study,
    scale: Scale,
    out: Path,
    seeds: int,
    only: list[str] | None = None,
    options: dict | None = None,
    epochs: int | None = None,
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
        epochs: Instead of the recipe's; models that have more or fewer keep the proportion.

    Raises:
        ValueError: If a config does not go with the scale's recipe or the epochs, or a name is unknown.
    """
    planner = _Planner(scale, out / scale.name, options or {}, epochs)
    first: dict[str, Job] = {}  # a teacher is one for all seeds: what varies is what learns from it
    for seed in range(1, seeds + 1):
        for arm in study.select(only):
            if seed == 1 or not arm.once:
                job = planner.add(arm, seed, {name: first[name] for name in arm.needs})
                first.setdefault(arm.name, job)
    return planner.jobs


class _Planner:
    """Collects the jobs of a scale.

    Args:
        scale: The scale.
        root: Its folder. There is one in it for each config, named after the first arm that had it.
        options: Options of every run, over all others.
        epochs: Instead of the recipe's.
    """

    def __init__(self, scale: Scale, root: Path, options: dict, epochs: int | None) -> None:
        self.scale, self.root, self.options = scale, root, options
        self.epochs = epochs or _read(scale.recipe).train_cfg.max_epochs
        self.jobs: list[Job] = []
        there = sorted(root.glob('*-*'), reverse=True)
        self.homes = {path.name.rpartition('-')[2]: path for path in there}

    def add(self, arm: Arm, seed: int, needs: dict[str, Job]) -> Job:
        """An arm's training, and that of its backbone where it is trained first."""
        model, from_start = self.scale.models[arm.model], {}
        if 'start' in model:
            needs, from_start = {**needs, START: self._add_start(arm, seed)}, _FROM_START
        layers = (
            self.scale.options,
            model.get('options', {}),
            arm.options,
            from_start,
            self.options,
        )
        job = self._make(arm, seed, model, layers, needs, arm.name)
        self.jobs.append(job)
        return job

    def _add_start(self, arm: Arm, seed: int) -> Job:
        """The run in which an arm's backbone is trained first: all options but those of the arm's head.

        Arms whose backbones start alike share that run, whichever of them is there.
        """
        model = self.scale.models[arm.model]['start']
        given = (self.scale.options, self.options)
        of_scale, of_all = (_without(options, 'model.head') for options in given)
        own = {key: arm.options[key] for key in arm.options if key.startswith('model.backbone')}
        start = Arm(f'{arm.name}_{START}', f'start of {arm.label}', arm.model, own)
        layers = (of_scale, model.get('options', {}), own, of_all)
        job = self._make(start, seed, model, layers, {}, START)
        for other in self.jobs:
            if other.folder == job.folder:
                return other
        self.jobs.append(job)
        return job

    def _make(
        self,
        arm: Arm,
        seed: int,
        model: dict,
        layers: Sequence[dict],
        needs: dict[str, Job],
        name: str,
    ) -> Job:
        """One training; its folder is called ``name`` unless its config has one."""
        config = with_recipe(_read(model['config']), _read(self.scale.recipe))
        set_length(config, self.epochs * model.get('length', 1))
        resolved, digest = _resolve(config, layers, needs)
        home = self.homes.setdefault(digest, self.root / f'{name}-{digest}')
        folder = (home / f'seed{seed}').resolve()
        resolved.merge_from_dict({'randomness.seed': seed, 'work_dir': str(folder)})
        return Job(arm, seed, resolved, folder, list(needs.values()), needs.get(START))


def _without(options: dict, prefix: str) -> dict:
    return {key: value for key, value in options.items() if not key.startswith(prefix)}


def _resolve(config: Config, layers: Sequence[dict], needs: dict[str, Job]) -> tuple[Config, str]:
    """Config of a run with its options, and a digest of all its result depends on but the seed."""
    for layer in layers:
        config.merge_from_dict(deepcopy(_on_the_student(config, layer)))  # it writes into it
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    for needed, job in needs.items():
        run = f'{needed}-{job.digest}' + (' of the same seed' if needed == START else '')
        text = text.replace(CHECKPOINT_OF + needed, run)
    return _with_checkpoints(config, needs), hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def _read(name: str) -> Config:
    """Read once for all the arms that have it; nobody changes it."""
    return read_config(name)


def _on_the_student(config: Config, options: dict) -> dict:
    """``model.head…`` and ``model.backbone…`` mean the student's, in a distillation too."""
    if 'student' not in config.model:
        return options
    parts = ('model.head', 'model.backbone', 'model.train_cfg', 'model.test_cfg')
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
