"""Measure what the models of the index cost, and write the tables of README.md and projects/ from it.

Run it from a checkout. It refreshes the measured metadata in the metafiles, and the tables between
``<!-- models: NAME -->`` and ``<!-- /models -->``; results are written into the metafiles by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.configs import build_model
from mmpose_sdpose.evaluation.complexity import measure_complexity
from mmpose_sdpose.tools.console import fail, progress_bar

from mmengine.config import Config
from model_index import MEASURED, BrokenIndex, Entry, read_index
from model_tables import END, TABLES, Latencies, find_table, mark, render_table

from sdpose_runtime.files import whole_file

BENCHMARK = 'docs/benchmark.csv'
# What a head has for training alone: without it, an SDPose is the TokenPose it is at test time.
_FOR_TRAINING = (
    'num_cycles',
    'cycle_weights',
    'keypoint_token_loss',
    'visual_token_loss',
    'attention_loss',
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='update_model_tables', description=__doc__)
    parser.add_argument(
        '--check', action='store_true', help='write nothing; say what is stale, and exit with 1'
    )
    parser.add_argument(
        '--benchmark',
        metavar='CSV',
        help=f"the benchmark's table, for latencies; default: {BENCHMARK}, where it is",
    )
    parser.add_argument(
        '--root', type=Path, default=Path(), help='the checkout; default: the current folder'
    )
    return parser.parse_args(argv)


def measure_all(root: Path, entries: Iterable[Entry]) -> list[Entry]:
    """The entries as they should be: their cost measured anew."""
    meter = CostMeter(root)
    with progress_bar() as progress:
        counted = progress.track(list(entries), description='measuring')
        return [replace(entry, cost=meter.measure(entry)) for entry in counted]


class CostMeter:
    """Measures the cost of each network once, however many configs train it.

    Args:
        root: The checkout that the entries' configs are in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, tuple[float, ...]] = {}

    def measure(self, entry: Entry) -> tuple[float, ...]:
        """Cost in the units of ``MEASURED``, to three decimals.

        Raises:
            ValueError: If the config does not do what its name says.
        """
        # A variant in training is the plain config's network.
        plain = (self.root / entry.config).with_name(f'{entry.plain_name}.py')
        path = plain if plain.is_file() else self.root / entry.config
        if str(path) not in self.known:
            self.known[str(path)] = self._measure(entry, Config.fromfile(path))
        return self.known[str(path)]

    def _measure(self, entry: Entry, cfg: Config) -> tuple[float, ...]:
        _check_name(entry, cfg)
        height, width = map(int, entry.size.split('x'))
        network = f'{height}x{width} {_network(cfg)}'
        if network not in self.known:
            cost = measure_complexity(build_model(cfg), (width, height))
            counts = (
                cost.params / 1e6,
                cost.published_flops / 1e9,
                cost.flops_with_attention / 1e9,
            )
            self.known[network] = tuple(round(count, 3) for count in counts)
        return self.known[network]


def _network(cfg: Config) -> str:
    """What of a config decides the cost, as text."""
    model = cfg.model.get('student', cfg.model).to_dict()
    parts = {name: model.get(name) for name in ('backbone', 'neck', 'head')}
    parts['head'] = {key: parts['head'][key] for key in parts['head'] if key not in _FOR_TRAINING}
    return json.dumps(parts, sort_keys=True, default=str)


def _check_name(entry: Entry, cfg: Config) -> None:
    width, height = cfg.codec.input_size
    batch, epochs = cfg.train_dataloader.batch_size, cfg.train_cfg.max_epochs
    for part in (f'xb{batch}-{epochs}e_', f'-{height}x{width}'):
        if part not in entry.name:
            raise ValueError(f'{entry.name}: by its config its name should have {part!r} in it')


def refresh_metafile(text: str, entries: Iterable[Entry]) -> str:
    """A metafile's text with the measured metadata of its entries; all else stays as it is.

    Raises:
        ValueError: If an entry is not written line by line, its name first.
    """
    for entry in entries:
        for key, value in zip(MEASURED, entry.cost):
            line = (
                rf'(- Name: {re.escape(entry.name)}\n(?:(?!  - Name:).*\n)*? +{re.escape(key)}:).*'
            )
            text, count = re.subn(line, rf'\g<1> {value:.3f}', text, count=1)
            if not count:
                raise ValueError(
                    f'{entry.metafile}: {entry.name}: "{key}:" must have a line of its own after '
                    '"- Name:"'
                )
    return text


def fresh_files(root: Path, entries: list[Entry], latencies: Latencies) -> dict[str, str]:
    """The text that every metafile and every page should have, by its path under the checkout.

    Args:
        entries: With their cost as measured now.

    Raises:
        ValueError: If a page has no place for its table.
    """
    texts = {}
    for name in dict.fromkeys(entry.metafile for entry in entries):
        own = [entry for entry in entries if entry.metafile == name]
        texts[name] = refresh_metafile((root / name).read_text(encoding='utf-8'), own)
    for table in TABLES:
        text = texts.get(table.page) or (root / table.page).read_text(encoding='utf-8')
        old = find_table(text, table.name)
        if old is None:
            raise ValueError(
                f'{table.page} needs one place for a table: a line {mark(table.name)} and a line {END}'
            )
        texts[table.page] = text.replace(old, render_table(table, entries, latencies))
    return texts


def find_stale(
    root: Path, before: Iterable[Entry], now: Iterable[Entry], texts: dict[str, str]
) -> list[str]:
    """What differs from what it should be, a line each: measured metadata, then tables."""
    stale = []
    for old, new in zip(before, now):
        costs = zip(MEASURED, old.cost, new.cost)
        wrong = [
            f'{key} is {was}, measured {value:.3f}' for key, was, value in costs if was != value
        ]
        if wrong:
            stale.append(f'{old.metafile}: {old.name}: {"; ".join(wrong)}')
    for table in TABLES:
        text = (root / table.page).read_text(encoding='utf-8')
        if find_table(text, table.name) != find_table(texts[table.page], table.name):
            stale.append(f'{table.page}: the table {table.name} is not what the index says')
    return stale


def read_latencies(root: Path, benchmark: str | None) -> Latencies:
    """The benchmark's table, or an empty one where there is no file of the usual name."""
    if benchmark is None and not (root / BENCHMARK).is_file():
        return Latencies(BENCHMARK)
    return Latencies.read(root, benchmark or BENCHMARK)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    if not (args.root / 'model-index.yml').is_file():
        return _fail([f'no model-index.yml in {args.root.resolve()}: run it from a checkout'])
    try:
        before = read_index(args.root)
        latencies = read_latencies(args.root, args.benchmark)
        entries = measure_all(args.root, before)
        problems = latencies.find_problems(entries)
        if problems:
            raise BrokenIndex(problems)
        texts = fresh_files(args.root, entries, latencies)
        stale = find_stale(args.root, before, entries, texts)
    except BrokenIndex as error:
        return _fail(error.problems)
    except (OSError, ValueError) as error:
        return _fail([str(error)])
    if args.check and stale:
        return _fail([*stale, 'write it anew with `python .dev_scripts/update_model_tables.py`'])
    written = [] if args.check else write_files(args.root, texts)
    print('\n'.join(f'{name}: written' for name in written) or f'{len(entries)} models: up to date')
    return 0


def write_files(root: Path, texts: dict[str, str]) -> list[str]:
    """Write the files that differ; their names."""
    changed = [
        name for name, text in texts.items() if (root / name).read_text(encoding='utf-8') != text
    ]
    for name in changed:
        with whole_file(root / name) as file:
            file.write(texts[name].encode())
    return changed


def _fail(problems: list[str]) -> int:
    for problem in problems:
        fail('update_model_tables', problem)
    return 1


if __name__ == '__main__':
    sys.exit(main())
