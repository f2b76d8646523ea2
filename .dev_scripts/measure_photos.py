"""AP, mean OKS and PCK of weights for photographs on the people that their card names.

A row for each weights, set of people, and flip test or none: `test` is the config's test data (COCO, cut
to the card's photos of everyday people, for `..._photos-256x192`), `sport` LSPET's test photos with 17
joints, `held_out` the config's validation data, people whose photos were not trained on. LSPET17_ROOT,
LSPET_ROOT and COCO_ROOT say where they are. Rows of other weights stay in the file.

    python .dev_scripts/measure_photos.py CONFIG=CHECKPOINT ... --csv projects/sdpose/photos_results.csv
"""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import sys
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from mmpose_sdpose.benchmark.report import Row, read_rows, write_rows
from mmpose_sdpose.configs import read_config
from mmpose_sdpose.tools.console import progress_bar

from mmengine.config import Config
from mmengine.runner import Runner

PEOPLE = ('test', 'sport', 'held_out')
#: What tells a row from the others.
KEYS = ('config', 'weights', 'set', 'flip_test')
_TRAINING = (
    'train_dataloader', 'val_dataloader', 'train_cfg', 'val_cfg', 'val_evaluator', 'optim_wrapper',
    'param_scheduler', 'custom_hooks',
)  # fmt: skip


def config_of(config: str, checkpoint: str, people: str, flip: bool) -> Config:
    """The config of a test on one of the sets of people."""
    cfg = read_config(config)
    if people == 'held_out':
        cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    if people == 'sport':
        root = Path(os.environ['LSPET17_ROOT'])
        file = str(root / 'annotations/lspet_coco17_test.json')
        cfg.test_dataloader.dataset.update(ann_file=file, data_prefix=dict(img=f'{root}/images/'))
        cfg.test_evaluator[0].ann_file = file
    cfg.merge_from_dict(dict.fromkeys(_TRAINING))
    cfg.default_hooks.pop('checkpoint', None)
    cfg.model.test_cfg.flip_test = flip
    cfg.load_from, cfg.log_level = checkpoint, 'ERROR'
    return cfg


def measure(cfg: Config) -> dict[str, float]:
    """Its metrics, by their names without the prefix, unless two have the same."""
    with redirect_stdout(StringIO()):
        metrics = Runner.from_cfg(cfg).test()
    short = Counter(name.rpartition('/')[2] for name in metrics)
    return {
        end if short[end := name.rpartition('/')[2]] == 1 else name: value
        for name, value in metrics.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('weights', nargs='+', metavar='CONFIG=CHECKPOINT')
    parser.add_argument(
        '--sets', nargs='+', choices=PEOPLE, default=PEOPLE, metavar='SET',
        help=f'of {", ".join(PEOPLE)}; default: all',
    )  # fmt: skip
    parser.add_argument('--csv', type=Path, required=True, help='file to write, or to add to')
    args = parser.parse_args()
    tests = [
        (*weights.split('=', 1), people, flip)
        for weights in dict.fromkeys(args.weights)
        for people in dict.fromkeys(args.sets)
        for flip in (False, True)
    ]
    rows: list[Row] = []
    earlier = read_results(args.csv)
    with TemporaryDirectory() as folder, progress_bar() as progress:
        for config, checkpoint, people, flip in progress.track(tests, description='testing'):
            cfg = config_of(config, checkpoint, people, flip)
            cfg.work_dir = folder  # one for all: MMEngine's visualizer keeps its first
            cfg.experiment_name = f'{len(rows)}'  # of MMEngine's logger and scope: one a test
            metrics = measure(cfg)
            facts = dict(config=config, weights=checkpoint, set=people, flip_test=str(flip))
            rows.append({**facts, **{name: f'{value:.4f}' for name, value in metrics.items()}})
    command = shlex.join(['python', *sys.argv])
    rows = [row | dict(command=command) for row in rows]
    new = {tuple(row[key] for key in KEYS) for row in rows}
    together = [row for row in earlier if tuple(row[key] for key in KEYS) not in new] + rows
    columns = [
        *dict.fromkeys(name for row in together for name in row if name != 'command'),
        'command',
    ]
    empty = dict.fromkeys(columns, '')  # what a set has no metric for
    write_rows(args.csv, columns, [empty | row for row in together])
    return 0


def read_results(path: Path) -> list[Row]:
    """The rows that are there; none if the file is not.

    Raises:
        ValueError: If the file is none of this script, or has a row that is too long or too short.
    """
    if not path.exists():
        return []
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or ()
    if not {*KEYS, 'command'} <= set(columns):
        raise ValueError(f'{path} is no file of this script: choose another')
    return read_rows(path, columns)


if __name__ == '__main__':
    sys.exit(main())
