"""Tables of models in Markdown, and what each figure in them comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from latencies import Latencies
from model_index import Entry, Figure


@dataclass(frozen=True)
class Table:
    """One table of a page.

    Args:
        name: The name in its mark, ``<!-- models: NAME -->``.
        page: The Markdown file it stands in.
        collections: Whose models, in this order.
        data: Training data of its models, in this order.
        by_config: A row for each config; otherwise one for each architecture.
        results: The columns of figures, as (data set, metric, kind); a data set of '' is the row's own.
    """

    name: str
    page: str
    collections: tuple[str, ...]
    data: tuple[str, ...]
    by_config: bool
    results: tuple[tuple[str, str, str], ...]


_OWN = (('', 'AP', 'published'), ('', 'AP', 'measured'))
_PUBLISHED = ('COCO', 'CrowdPose')
_METHODS = ('SDPose', 'LADPose', 'DistilPose', 'TokenPose')
#: The line below each table.
END = '<!-- /models -->'
TABLES = (
    Table(
        name='overview',
        page='README.md',
        collections=_METHODS,
        data=_PUBLISHED,
        by_config=False,
        results=tuple(
            (data, 'AP', kind) for data in _PUBLISHED for kind in ('published', 'measured')
        ),
    ),
    Table(
        name='synthpose',
        page='README.md',
        collections=(*_METHODS, 'SimpleBaseline2D'),
        data=('SynthPose',),
        by_config=True,
        results=(('', 'AP', 'measured'),),
    ),
    Table('sdpose', 'projects/sdpose/README.md', ('SDPose', 'TokenPose'), _PUBLISHED, True, _OWN),
    Table('ladpose', 'projects/ladpose/README.md', ('LADPose', 'DistilPose'), _PUBLISHED, True, _OWN),
)  # fmt: skip


def render_table(table: Table, entries: Sequence[Entry], latencies: Latencies) -> str:
    """The table between its marks, and below it a line for each thing that its figures come from."""
    rows = _rows(table, entries)
    shown = [entry for row in rows for entry in row]
    columns = latencies.columns([row[0] for row in rows])
    head = ['model', *(['config'] if table.by_config else []), 'params (M)', 'GFLOPs']
    head += ['with attention', *columns.values()]
    head += [
        ' '.join(filter(None, (data, f'{metric},', kind))) for data, metric, kind in table.results
    ]
    lines = [head, ['---'] * len(head)]
    for row in rows:
        cells = [_label(table, row[0])]
        if table.by_config:
            cells.append(f'[{row[0].name}]({_link(table, row[0].config)})')
        cells += [f'{value:.3f}' for value in row[0].cost]
        cells += [latencies.cell(row[0], setting) for setting in columns]
        cells += [_figures(table, row, *result) for result in table.results]
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
        if entry.collection in table.collections and entry.data in table.data
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
    metafiles = sorted({entry.metafile for entry in shown})
    links = ', '.join(f'[{Path(name).parent.name}]({_link(table, name)})' for name in metafiles)
    sizes = ', '.join(sorted({entry.size for entry in shown}))
    lines = [
        f'Parameters and GFLOPs are *measured* (one image, {sizes}): `mim run mmpose_sdpose get_flops`; '
        f'they and AP are kept in the metafiles of {links}.'
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
