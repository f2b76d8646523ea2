"""Tables of models in Markdown: costs, latencies, results, and what each figure comes from."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_index import Entry, Figure

_ENGINES = {'pytorch': 'PyTorch', 'onnxruntime': 'ONNX Runtime'}
_COLUMNS = (
    'model', 'engine', 'device', 'threads', 'batch', 'scope', 'input', 'params', 'median_ms',
    'torch', 'command', 'machine',
)  # fmt: skip
_LONG = 160  # characters of commands that still read well below a table
#: What tells one latency column from another.
_Setting = tuple[str, str, str, str]


@dataclass(frozen=True)
class Table:
    """One table of a page.

    Args:
        name: The name in its mark, ``<!-- models: NAME -->``.
        page: The Markdown file it stands in.
        collections: Whose models, in this order.
        data: Training data of its models, in this order.
        by_config: A row for each config; otherwise one for each architecture.
        results: The columns of figures where there are any, as (data set, metric, kind); a data set of
            '' is the row's own.
        architectures: Only these; all if empty.
        sources: The page that says what the figures come from, if not this one, which then has only the
            first count of GFLOPs and the last latency.
    """

    name: str
    page: str
    collections: tuple[str, ...]
    data: tuple[str, ...]
    by_config: bool
    results: tuple[tuple[str, str, str], ...]
    architectures: tuple[str, ...] = ()
    sources: str = ''


_OWN = (('', 'AP', 'published'), ('', 'AP', 'measured'))
_PUBLISHED = ('COCO', 'CrowdPose')
_METHODS = ('SDPose', 'LADPose', 'DistilPose', 'TokenPose')
#: Those that README shows.
_SHORT = (
    'SDPose-N', 'SDPose-T', 'SDPose-S-V1', 'SDPose-S-V2', 'SDPose-B', 'LADPose-N', 'LADPose',
    'DistilPose-S',
)  # fmt: skip
#: The line below each table.
END = '<!-- /models -->'
TABLES = (
    Table(
        name='short',
        page='README.md',
        collections=_METHODS,
        data=_PUBLISHED,
        by_config=False,
        results=tuple((data, 'AP', 'published') for data in _PUBLISHED),
        architectures=_SHORT,
        sources='docs/models.md',
    ),
    Table(
        name='overview',
        page='docs/models.md',
        collections=_METHODS,
        data=_PUBLISHED,
        by_config=False,
        results=tuple(
            (data, 'AP', kind) for data in _PUBLISHED for kind in ('published', 'measured')
        ),
    ),
    Table(
        name='synthpose',
        page='docs/models.md',
        collections=(*_METHODS, 'SimpleBaseline2D'),
        data=('SynthPose',),
        by_config=True,
        results=(('', 'AP', 'measured'),),
    ),
    Table('sdpose', 'projects/sdpose/README.md', ('SDPose', 'TokenPose'), _PUBLISHED, True, _OWN),
    Table('ladpose', 'projects/ladpose/README.md', ('LADPose', 'DistilPose'), _PUBLISHED, True, _OWN),
    Table(
        name='distillation',
        page='projects/distillation/README.md',
        collections=('RTMPose', 'SimpleBaseline2D'),
        data=('COCO', 'SynthPose', 'LSPET'),
        by_config=True,
        results=_OWN,
    ),
)  # fmt: skip


def render_table(table: Table, entries: Sequence[Entry], latencies: Latencies) -> str:
    """The table between its marks, and below it a line for each thing that its figures come from."""
    rows = _rows(table, entries)
    shown = [entry for row in rows for entry in row]
    columns = latencies.columns([row[0] for row in rows])
    costs = ['params (M)', 'GFLOPs', 'with attention']
    if table.sources:
        costs, columns = costs[:2], dict([*columns.items()][-1:])
    head = ['model', *costs, *columns.values()]
    results = [
        result for result in table.results if any(_figures(table, row, *result) for row in rows)
    ]
    head += [' '.join(filter(None, (data, f'{metric},', kind))) for data, metric, kind in results]
    lines = [head, ['---'] * len(head)]
    for row in rows:
        cells = [f'[{_label(table, row[0])}]({_link(table, row[0].config)})']
        cells += [f'{value:.3f}' for value in row[0].cost[: len(costs)]]
        cells += [latencies.cell(row[0], setting) for setting in columns]
        cells += [_figures(table, row, *result) for result in results]
        lines.append(cells)
    text = '\n'.join(
        '|'.join(['', *(f' {cell} ' if cell else ' ' for cell in cells), '']) for cells in lines
    )
    origins = _origins(table, shown, latencies, columns)
    return f'{mark(table.name)}\n{text}\n\n{origins}\n{END}'


def _rows(table: Table, entries: Iterable[Entry]) -> list[list[Entry]]:
    """The entries of each row; the first one's cost is shown."""
    chosen = [
        entry
        for entry in entries
        if entry.collection in table.collections
        and entry.data in table.data
        and (not table.architectures or entry.architecture in table.architectures)
    ]
    chosen.sort(key=lambda entry: table.collections.index(entry.collection))
    rows: dict[str, list[Entry]] = {}
    for entry in chosen:
        rows.setdefault(entry.name if table.by_config else entry.architecture, []).append(entry)
    return list(rows.values())


def _label(table: Table, entry: Entry) -> str:
    parts = [entry.architecture]
    if table.by_config:
        parts += [entry.data] if len(table.data) > 1 else []
        parts += [entry.variant] if entry.variant else []
    return ', '.join(parts)


def _figures(table: Table, row: list[Entry], data: str, metric: str, kind: str) -> str:
    cells = []
    for entry in row:
        for figure in entry.figures:
            wanted = (data or entry.data, metric, kind)
            if (figure.dataset, figure.metric, figure.kind) != wanted:
                continue
            # Where a row holds several trainings of a model, the figure says whose it is.
            variant = '' if table.by_config else entry.variant
            notes = ', '.join(filter(None, (variant, figure.note)))
            cells.append(f'{figure.value:.3f}' + (f' ({notes})' if notes else ''))
    return '; '.join(cells)


def _link(table: Table, path: str) -> str:
    return Path(os.path.relpath(path, Path(table.page).parent)).as_posix()


def _origins(
    table: Table, shown: list[Entry], latencies: Latencies, columns: dict[tuple, str]
) -> str:
    if table.sources:
        return (
            f'Costs are *measured*, AP is *published*: [what each figure comes from]'
            f'({_link(table, table.sources)}). A name leads to its config.'
        )
    metafiles = sorted({entry.metafile for entry in shown})
    links = ', '.join(f'[{Path(name).parent.name}]({_link(table, name)})' for name in metafiles)
    sizes = ', '.join(sorted({entry.size for entry in shown}))
    lines = [
        f'A name leads to its config. Parameters and GFLOPs are *measured* (one image, {sizes}): '
        f'`mim run mmpose_sdpose get_flops`; they and AP are kept in the metafiles of {links}.'
    ]
    lines += latencies.origins(columns, _link(table, latencies.path))
    for kind, sentence in (
        ('published', '{}, *published*: {}.'),
        ('measured', '{}, *measured*: `{}`.'),
    ):
        by_origin: dict[tuple[str, str], list[str]] = {}
        for entry, figure in _shown_figures(table, shown, kind):
            key = (f'{figure.dataset} {figure.metric}', figure.origin)
            by_origin.setdefault(key, []).append(entry.architecture)
        for (what, origin), models in by_origin.items():
            names = ', '.join(dict.fromkeys(models))
            lines.append(f'{names}: ' + sentence.format(what, origin))
    return '\n'.join(f'- {line}' for line in lines)


def _shown_figures(table: Table, shown: list[Entry], kind: str) -> list[tuple[Entry, Figure]]:
    wanted = {(data, metric) for data, metric, label in table.results if label == kind}
    return [
        (entry, figure)
        for entry in shown
        for figure in entry.figures
        if figure.kind == kind and {(figure.dataset, figure.metric), ('', figure.metric)} & wanted
    ]


def mark(name: str) -> str:
    """The line above a table."""
    return f'<!-- models: {name} -->'


def find_table(text: str, name: str) -> str | None:
    """What stands between the marks of a table, marks included; None unless there is one such place."""
    found = re.findall(rf'^{re.escape(mark(name))}$.*?^{END}$', text, re.DOTALL | re.MULTILINE)
    return found[0] if len(found) == 1 else None


class Latencies:
    """Median latency of one image through the network alone, for each engine, device and machine.

    Args:
        path: The benchmark's CSV as the pages shall link to it, relative to the checkout.
        rows: Its rows.

    Raises:
        ValueError: If columns are missing, or a median is no number.
    """

    def __init__(self, path: str, rows: Sequence[dict[str, str]] = ()) -> None:
        self.path = path
        self.rows: dict[tuple[str, str, _Setting], dict[str, str]] = {}
        for row in rows:
            missing = [name for name in _COLUMNS if row.get(name) is None]
            if missing:
                raise ValueError(f'{path} has no column {", ".join(missing)}')
            if row['engine'] not in _ENGINES or (row['batch'], row['scope']) != ('1', 'network'):
                continue
            setting = (row['engine'], row['device'], row['threads'], row['machine'])
            try:
                float(row['median_ms'])
            except ValueError:
                raise ValueError(f'{path}: the median_ms of {row["model"]} is no number') from None
            # A later row is a newer measurement of the same.
            self.rows[row['model'], row['input'], setting] = row

    @classmethod
    def read(cls, root: Path, path: str) -> Latencies:
        """From a file under the checkout."""
        with open(root / path, encoding='utf-8', newline='') as file:
            return cls(path, list(csv.DictReader(file)))

    def find_problems(self, entries: Iterable[Entry]) -> list[str]:
        """Rows measured on another network than the index has under that name."""
        problems = []
        for entry in entries:
            for setting in self._settings():
                row = self._row(entry, setting)
                if (
                    row
                    and row['params']
                    and f'{int(row["params"]) / 1e6:.3f}' != f'{entry.cost[0]:.3f}'
                ):
                    problems.append(
                        f'{self.path}: {row["model"]} has {row["params"]} parameters there and '
                        f'{entry.cost[0]:.3f} M in {entry.metafile}: run the benchmark again'
                    )
        return list(dict.fromkeys(problems))

    def columns(self, entries: Sequence[Entry]) -> dict[_Setting, str]:
        """The settings in which any of these models was measured, and what to call them."""
        found = [
            setting
            for setting in self._settings()
            if any(self._row(entry, setting) for entry in entries)
        ]
        for detail in (1, 2, 3):
            names = [_name(setting, detail) for setting in found]
            if len(set(names)) == len(found):
                break
        return {setting: f'ms, {name}' for setting, name in zip(found, names)}

    def cell(self, entry: Entry, setting: _Setting) -> str:
        """The latency of a model, or nothing where it was not measured."""
        row = self._row(entry, setting)
        if row is None:
            return ''
        value = float(row['median_ms'])
        return f'{value:.1f}' if value >= 10 else f'{value:.2f}'

    def origins(self, columns: dict[_Setting, str], link: str) -> list[str]:
        """Where the latencies of these columns come from, a line for each."""
        lines = []
        for setting, name in columns.items():
            rows = [row for (*_, found), row in self.rows.items() if found == setting]
            versions = ', '.join(
                sorted({f'PyTorch {row["torch"]}' for row in rows if row['torch']})
            )
            commands = ', '.join(dict.fromkeys(f'`{row["command"]}`' for row in rows))
            if len(commands) > _LONG:
                commands = 'its column `command` has the commands'
            where = '; '.join(filter(None, (setting[-1], versions)))
            lines.append(
                f'{name}: *measured*, median of one image through the network alone ({where}), '
                f'from [{Path(self.path).name}]({link}): {commands}.'
            )
        return lines

    def _settings(self) -> list[_Setting]:
        found = {setting for *_, setting in self.rows}
        return sorted(found, key=lambda setting: (list(_ENGINES).index(setting[0]), setting))

    def _row(self, entry: Entry, setting: _Setting) -> dict[str, str] | None:
        """A variant in training is the same network as the plain config."""
        return self.rows.get(
            (entry.name, entry.size, setting),
            self.rows.get((entry.plain_name, entry.size, setting)),
        )


def _name(setting: _Setting, detail: int) -> str:
    engine, device, threads, machine = setting
    parts = (f'{_ENGINES[engine]} on {device}', f'{threads} threads', machine)
    return ', '.join(parts[:detail])
