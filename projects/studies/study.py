"""A study read from its file: which runs there are and what they answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmpose_sdpose.arguments import (
    check_counts,
    check_dicts,
    check_flags,
    check_positive,
    check_texts,
    near,
)
from mmpose_sdpose.configs import load_config

#: A string option that begins so names a run, whose checkpoint goes in its place.
CHECKPOINT_OF = 'run:'
#: What a scale says of a model; of its start, all but the last.
_MODEL = ('config', 'options', 'length', 'start')
#: The run in which a backbone is trained before the model that has it, in names and folders.
START = 'start'


@dataclass(frozen=True)
class Arm:
    """One of the things compared: a model and how it is trained.

    Args:
        name: Short name, also of its folder.
        label: What a table calls it.
        model: Key of the scale's ``models``.
        options: What differs from that model's config, as ``--cfg-options`` has it.
        group: Arms of one group are compared with the group's first.
        once: Trained with the first seed alone, to be another's teacher.
    """

    name: str
    label: str
    model: str
    options: dict = field(default_factory=dict)
    group: str = ''
    once: bool = False

    @property
    def needs(self) -> list[str]:
        """Names of the arms whose checkpoints this one starts from or learns from."""
        values = [value for value in self.options.values() if isinstance(value, str)]
        return [v[len(CHECKPOINT_OF) :] for v in values if v.startswith(CHECKPOINT_OF)]


@dataclass(frozen=True)
class Scale:
    """How large the runs of a study are.

    Args:
        name: 'micro', 'photos', 'small' or 'full'.
        about: One line on model, data and schedule.
        models: Key -> ``config`` (name, path or ``mmpose::PATH``) and ``options`` of a model, and
            ``length``, its epochs as a multiple of the recipe's; it may have a ``start``, a model like
            it that is trained before, with the same seed, and whose backbone is the one it starts from.
        recipe: Config that gives data, augmentation and schedule.
        options: Options of every run of this scale.
        seeds: How many seeds, unless the command says.
    """

    name: str
    about: str
    models: dict
    recipe: str
    options: dict = field(default_factory=dict)
    seeds: int = 3


@dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it at each scale."""

    name: str
    title: str
    question: str
    arms: tuple[Arm, ...]
    scales: dict[str, Scale]

    def select(self, names: list[str] | None) -> list[Arm]:
        """The arms of these names (default: all) after those they need.

        Raises:
            ValueError: For a name that is not there.
        """
        known = {arm.name: arm for arm in self.arms}
        chosen: dict[str, Arm] = {}

        def add(name: str, *needing: str) -> None:
            if name not in known:
                raise ValueError(f'{self.name} has no run {name}; it has {", ".join(known)}')
            if name in needing:
                raise ValueError(
                    f'runs of {self.name} need each other: {" -> ".join(needing)} -> {name}'
                )
            for needed in known[name].needs:
                add(needed, *needing, name)
            chosen[name] = known[name]

        for name in names or known:
            add(name)
        return list(chosen.values())


def study_files() -> dict[str, Path]:
    """The studies here, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob('configs/*.py'))}


def read_study(name: str) -> Study:
    """A study by its name, or by the path of a file like those here.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If something in it is missing, unknown or refers to what is not there.
    """
    files = study_files()
    path = Path(name) if name.endswith('.py') else files.get(name)
    if path is None or not path.is_file():
        close = get_close_matches(name, files, 1)
        hint = f'; did you mean {close[0]}?' if close else ''
        raise FileNotFoundError(
            f'no study {name}: neither a file nor one of {", ".join(files)}{hint}'
        )
    content = load_config(path).to_dict()
    missing = [key for key in ('title', 'question', 'runs', 'scales') if key not in content]
    if missing:
        raise ValueError(f'{path} is no study: it has no {", ".join(missing)}')
    try:
        arms = tuple(Arm(name=key, **value) for key, value in content['runs'].items())
        scales = {key: Scale(name=key, **value) for key, value in content['scales'].items()}
        for scale in scales.values():
            _check_scale(scale)
        for arm in arms:
            _check_arm(arm)
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error
    for arm in arms:
        if not re.fullmatch(r'\w[\w.-]*', arm.name):
            raise ValueError(
                f'{path}: no run can be called {arm.name}: its folder bears that name, so it must be of '
                'letters, digits, underscores, dots and hyphens'
            )
    if START in content['runs']:
        raise ValueError(
            f'{path}: no run can be called {START}: backbones are first trained under that name'
        )
    study = Study(path.stem, content['title'], content['question'], arms, scales)
    for arm in arms:
        study.select(arm.needs)  # raises for a run that is not there
        for scale in scales.values():
            if arm.model not in scale.models:
                raise ValueError(
                    f'{path}: run {arm.name} asks for model {arm.model}, and scale {scale.name} has '
                    f'{", ".join(scale.models)}'
                )
    return study


def _check_arm(arm: Arm) -> None:
    """Whether what a file says of a run is of the kinds that a run has."""
    check_texts(
        **{f'{name} of {arm.name}': getattr(arm, name) for name in ('label', 'model', 'group')}
    )
    check_flags(**{f'once of {arm.name}': arm.once})
    check_dicts(**{f'options of {arm.name}': arm.options})
    for key, value in arm.options.items():
        inner = next((text for text in _texts_in(value) if text.startswith(CHECKPOINT_OF)), None)
        if inner and not isinstance(value, str):
            raise ValueError(
                f'option {key} of {arm.name} has {inner!r} inside: give it a key of its own, as '
                f"'{key}.NAME': {inner!r}"
            )


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(part)


def _check_scale(scale: Scale) -> None:
    """Whether what a file says of a scale is of the kinds that a scale has."""
    check_texts(**{f'{name} of {scale.name}': getattr(scale, name) for name in ('about', 'recipe')})
    check_counts(**{f'seeds of {scale.name}': scale.seeds})
    check_dicts(
        **{f'options of {scale.name}': scale.options, f'models of {scale.name}': scale.models}
    )
    for name, model in scale.models.items():
        _check_model(f'model {name} of {scale.name}', model, _MODEL)


def _check_model(what: str, model: Any, keys: Sequence[str]) -> None:
    check_dicts(**{what: model})
    for key in model:
        if key not in keys:
            raise ValueError(f'{what} has {key!r}{near(str(key), keys)}')
    if 'config' not in model:
        raise ValueError(f'{what} has no config')
    check_texts(**{f'config of {what}': model['config']})
    check_dicts(**{f'options of {what}': model.get('options')})
    check_positive(**{f'length of {what}': model.get('length', 1)})
    if 'start' in model:
        _check_model(f'start of {what}', model['start'], _MODEL[:-1])
