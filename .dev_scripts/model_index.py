"""The model index: reads ``model-index.yml`` and its metafiles, and finds what is wrong in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

#: The metadata that is measured, as a metafile (and ``mim search``) calls it.
MEASURED = ('Parameters M', 'GFLOPs', 'GFLOPs with attention')
#: What a result must come with, by the last word of its metrics' names.
ORIGINS = {'published': 'Source', 'measured': 'Command'}

_WORDS = r'[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*'
#: MMPose's ``{algorithm info}_{module info}_{training info}_{data info}``. As in MMPose's
#: ``td-reg_res50_wingloss_8xb64-210e_wflw-256x256`` one part more may say how the same model is trained.
_NAME = re.compile(
    rf'(?P<model>td-(?:hm|reg|simcc)_{_WORDS})(?:_(?P<variant>{_WORDS}))?'
    rf'_(?P<rest>\d+xb\d+-\d+e_(?P<data>{_WORDS})-(?P<height>\d+)x(?P<width>\d+))'
)


class BrokenIndex(ValueError):
    """An index that tables cannot be made of; ``problems`` says why, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__('\n'.join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Figure:
    """One result of a model.

    Args:
        metric: ``AP``, on MMPose's scale: 0 to 1.
        kind: ``published`` or ``measured``.
        origin: The source of what is published, the command that measures.
        note: What must be known to read it, or nothing.
    """

    dataset: str
    metric: str
    kind: str
    value: float
    origin: str
    note: str


@dataclass(frozen=True)
class Entry:
    """One model of the index; ``cost`` in the order of ``MEASURED``, ``size`` is height x width."""

    name: str
    config: str
    metafile: str
    collection: str
    architecture: str
    variant: str
    data: str
    size: str
    cost: tuple[float, ...]
    figures: tuple[Figure, ...]

    @property
    def plain_name(self) -> str:
        """The config of the same network without the variant in how it is trained."""
        return '{model}_{rest}'.format(**_parts(self.name))


def read_index(root: str | Path) -> list[Entry]:
    """The models of the index under ``root``, in its order.

    Raises:
        BrokenIndex: If anything in it is wrong.
    """
    root = Path(root)
    problems = find_problems(root)
    if problems:
        raise BrokenIndex(problems)
    return [_entry(metafile, model) for metafile, model in _models(_metafiles(root))]


def find_problems(root: str | Path) -> list[str]:
    """What is wrong with names, entries and results, a line each; empty if all is well."""
    root = Path(root)
    configs = sorted(
        path for path in (root / 'configs').rglob('*.py') if '_base_' not in path.parts
    )
    try:
        metafiles = _metafiles(root)
        models = list(_models(metafiles))
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        return [f'model-index.yml cannot be read: {type(error).__name__}: {error}']
    imported = {root / name for name in metafiles}
    return [
        *_name_problems(configs),
        *(
            f'{path.relative_to(root)} is not imported by model-index.yml'
            for path in sorted((root / 'configs').rglob('metafile.yml'))
            if path not in imported
        ),
        *_missing_entries(configs, [str(model.get('Name')) for _, model in models]),
        *(
            f'{metafile}: {model.get("Name")}: {problem}'
            for metafile, model in models
            for problem in _entry_problems(root, metafiles[metafile], model)
        ),
    ]


def _metafiles(root: Path) -> dict[str, dict]:
    """The metafiles' contents by their paths in the index."""
    index = yaml.safe_load((root / 'model-index.yml').read_text(encoding='utf-8'))
    return {
        name: yaml.safe_load((root / name).read_text(encoding='utf-8')) for name in index['Import']
    }


def _models(metafiles: dict[str, dict]) -> Iterator[tuple[str, dict]]:
    for name, metafile in metafiles.items():
        for model in metafile['Models']:
            yield name, model


def _name_problems(configs: list[Path]) -> Iterator[str]:
    for stem, count in Counter(path.stem for path in configs).items():
        if count > 1:
            yield f'{stem}: {count} configs have this name; MIM finds configs by it'
    for path in configs:
        match = _NAME.fullmatch(path.stem)
        if not match:
            yield (
                f'{path.stem}: not a name by the rules of MMPose, '
                '{td-hm|td-reg|td-simcc}_{module}_{GPUs}xb{batch}-{epochs}e_{data}-{height}x{width}'
            )
        elif match['data'] != path.parent.name:
            yield f'{path.stem}: the name says {match["data"]}, the folder {path.parent.name}'


def _missing_entries(configs: list[Path], names: list[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f'{name}: {count} entries have this name'
    for path in configs:
        if path.stem not in names:
            yield f'{path.stem}: a config without an entry in a metafile'


def _entry_problems(root: Path, metafile: dict, model: dict) -> Iterator[str]:
    config = str(model.get('Config'))
    if not (root / config).is_file():
        yield f'its config {config} does not exist'
    elif Path(config).stem != model.get('Name'):
        yield f'its config {config} has another name'
    collections = {collection['Name']: collection for collection in metafile['Collections']}
    collection = collections.get(model.get('In Collection'))
    if collection is None:
        yield f'its collection {model.get("In Collection")} is not one of {", ".join(collections)}'
    elif not (root / str(collection.get('README'))).is_file():
        yield f"its collection's README {collection.get('README')} does not exist"
    metadata = model.get('Metadata') or {}
    for key in ('Architecture', 'Training Data', *MEASURED):
        if key not in metadata:
            yield f'no {key} in its metadata'
    for result in model.get('Results') or []:
        yield from _result_problems(result)


def _result_problems(result: dict[str, Any]) -> Iterator[str]:
    metrics = result.get('Metrics') or {}
    for name, value in metrics.items():
        kind = name.split()[-1]
        if len(name.split()) != 2 or kind not in ORIGINS:
            yield f'metric {name!r} is not labelled published or measured: say "AP published"'
        elif not result.get(ORIGINS[kind]):
            yield f'{name} has no {ORIGINS[kind]}'
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            yield f'{name} is {value}, not between 0 and 1 as MMPose prints it'
    if len({name.split()[-1] for name in metrics}) > 1:
        yield 'published and measured figures share a result: give each one its own'


def _parts(name: str) -> dict[str, str]:
    """The parts of a config's name.

    Raises:
        ValueError: If it is none of MMPose's.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f'{name} is no name of a config: {_NAME.pattern}')
    return match.groupdict(default='')


def _entry(metafile: str, model: dict) -> Entry:
    metadata, parts = model['Metadata'], _parts(model['Name'])
    return Entry(
        name=model['Name'],
        config=model['Config'],
        metafile=metafile,
        collection=model['In Collection'],
        architecture=metadata['Architecture'],
        variant=metadata.get('Variant', ''),
        data=metadata['Training Data'],
        size=f'{parts["height"]}x{parts["width"]}',
        cost=tuple(metadata[key] for key in MEASURED),
        figures=tuple(
            Figure(
                dataset=result['Dataset'],
                metric=name.split()[0],
                kind=name.split()[1],
                value=value,
                origin=' '.join(result[ORIGINS[name.split()[1]]].split()),
                note=result.get('Note', ''),
            )
            for result in model.get('Results') or []
            for name, value in (result.get('Metrics') or {}).items()
        ),
    )
