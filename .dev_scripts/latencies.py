"""Latencies of models from the table that the benchmark writes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from model_index import Entry

_ENGINES = {'pytorch': 'PyTorch', 'onnxruntime': 'ONNX Runtime'}
_COLUMNS = (
    'model', 'engine', 'device', 'threads', 'batch', 'scope', 'input', 'params', 'median_ms',
    'torch', 'command', 'machine',
)  # fmt: skip
_LONG = 160  # characters of commands that still read well below a table
#: What tells one latency column from another.
_Setting = tuple[str, str, str, str]


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
