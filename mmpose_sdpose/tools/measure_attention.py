"""Measure where keypoint tokens look: the share of their attention near the joint, layer by layer.

People are those that the config tests on, in their annotated boxes. The share is of what a keypoint
token gives to patches, within a part of the person's torso length around the annotated joint; beside it
is what even attention would have there. Of a distillation student and teacher are measured.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.checkpoint import load_weights
from mmpose_sdpose.configs import read_config, read_metainfo
from mmpose_sdpose.datasets.checks import check_data, raise_errors
from mmpose_sdpose.evaluation.attention_share import AttentionShare, measure_attention
from mmpose_sdpose.tools.console import fail, progress_bar

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sdpose_runtime.files import check_writable, whole_file

COLUMNS = ('model', 'view', 'layer', 'share', 'even', 'times_even', 'radius', 'joints')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    devices = ['cpu', 'cuda'] if torch.cuda.is_available() else ['cpu']
    parser = argparse.ArgumentParser(prog='measure_attention', description=__doc__)
    parser.add_argument(
        'models', nargs='+', metavar='CONFIG CHECKPOINT', help='one model after the other'
    )
    parser.add_argument('--people', type=int, default=500, help='the first so many (%(default)s)')
    parser.add_argument(
        '--radius', type=float, default=0.2, help='in torso lengths of the person (%(default)s)'
    )
    parser.add_argument('--csv', type=Path, metavar='FILE', help='also write the numbers here')
    parser.add_argument('--force', action='store_true', help='overwrite an existing --csv')
    parser.add_argument(
        '--device', choices=devices, default=devices[-1], help='(here: %(default)s)'
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args(argv)
    if len(args.models) % 2:
        parser.error(f'{args.models[-1]} has no checkpoint: say CONFIG CHECKPOINT of each model')
    if args.people < 1:
        parser.error(f'--people ({args.people}) must be at least 1')
    try:
        if args.csv is not None:
            check_writable(args.csv, args.force, args.models)
    except OSError as error:
        parser.error(str(error))
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    found: dict[str, list[AttentionShare]] = {}
    try:
        with progress_bar() as progress:
            for config, checkpoint in zip(args.models[::2], args.models[1::2]):
                name = f'{Path(config).stem}, {Path(checkpoint).stem}'
                if name in found:  # epoch_20.pth of another run
                    name = f'{config}, {checkpoint}'
                if name in found:
                    raise ValueError(f'{config} {checkpoint} is named twice')
                found[name] = _measure(args, config, checkpoint, progress)
        Console().print(_table(found, args.radius))
        if args.csv is not None:
            _write(args.csv, found, args.radius)
    except (OSError, ValueError, KeyError) as error:
        return fail('measure_attention', error)
    except KeyboardInterrupt:
        return fail('measure_attention', 'stopped; nothing was written', 130)
    return 0


def _measure(
    args: argparse.Namespace, name: str, checkpoint: str, progress: Progress
) -> list[AttentionShare]:
    config = read_config(name)
    config.merge_from_dict(args.cfg_options)
    metainfo = read_metainfo(config)
    dataset = config.test_dataloader.dataset
    for part in dataset.get('datasets', [dataset]):
        part.bbox_file = None
    config.test_evaluator = []  # their file may be another, and nothing is compared
    raise_errors(check_data(config, ['test']))
    init_default_scope(config.get('default_scope', 'mmpose'))
    model = MODELS.build(config.model)
    load_weights(model, checkpoint)
    model.to(args.device).eval()
    people = _people(config, args.people, progress)
    return measure_attention(model, people, metainfo, args.radius)


def _people(config: Config, most: int, progress: Progress) -> Iterator[dict[str, Any]]:
    """People as the config's test pipeline packs them, in their annotated boxes."""
    dataset = DATASETS.build(config.test_dataloader.dataset)
    count = min(most, len(dataset))
    for index in progress.track(range(count), description=f'{count} people'):
        yield dataset[index]


def _rows(found: dict[str, list[AttentionShare]], radius: float) -> Iterator[tuple[str, ...]]:
    for model, shares in found.items():
        for one in shares:
            times = one.share / one.even if one.even else float('nan')
            numbers = f'{one.share:.4f}', f'{one.even:.4f}', f'{times:.2f}'
            yield (model, one.view, str(one.layer), *numbers, f'{radius:g}', str(one.joints))


def _write(path: Path, found: dict[str, list[AttentionShare]], radius: float) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(COLUMNS)
    writer.writerows(_rows(found, radius))
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def _table(found: dict[str, list[AttentionShare]], radius: float) -> Table:
    table = Table(
        *COLUMNS,
        box=None,
        title=f'Share of attention within {radius:g} torso lengths of the joint',
    )
    for row in _rows(found, radius):
        table.add_row(*row)
    return table


if __name__ == '__main__':
    sys.exit(main())
