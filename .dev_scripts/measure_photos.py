"""AP and mean OKS of the weights for photographs on the people that their card names.

A row for each weights, set of people, and flip test or none: `everyday` is the config's test data (COCO,
cut to the card's photos), `sport` LSPET's test photos, `held_out` the config's validation data, people
whose photos were not trained on. LSPET17_ROOT and COCO_ROOT say where they are.

    python .dev_scripts/measure_photos.py CONFIG=CHECKPOINT ... --csv projects/sdpose/photos_results.csv
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from mmpose_sdpose.benchmark.report import Row, write_rows
from mmpose_sdpose.configs import read_config
from mmpose_sdpose.tools.console import progress_bar

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

PEOPLE = ('everyday', 'sport', 'held_out')
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
    """Its metrics, by their names without the prefix of a metric's class."""
    DefaultScope._instance_dict.clear()  # of the test before
    with redirect_stdout(StringIO()):
        metrics = Runner.from_cfg(cfg).test()
    return {name.rpartition('/')[2]: value for name, value in metrics.items()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('weights', nargs='+', metavar='CONFIG=CHECKPOINT')
    parser.add_argument('--csv', type=Path, required=True, help='file to write')
    args = parser.parse_args()
    tests = [
        (*weights.split('=', 1), people, flip)
        for weights in args.weights
        for people in PEOPLE
        for flip in (False, True)
    ]
    rows: list[Row] = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        for config, checkpoint, people, flip in progress.track(tests, description='testing'):
            cfg = config_of(config, checkpoint, people, flip)
            cfg.work_dir = folder  # one for all: MMEngine's visualizer keeps its first
            metrics = measure(cfg)
            facts = dict(config=config, weights=checkpoint, set=people, flip_test=str(flip))
            rows.append({**facts, **{name: f'{value:.4f}' for name, value in metrics.items()}})
    command = shlex.join(['python', *sys.argv])
    columns = [*dict.fromkeys(name for row in rows for name in row), 'command']
    empty = dict.fromkeys(columns, '')  # what a set has no metric for
    write_rows(args.csv, columns, [empty | row | dict(command=command) for row in rows])
    return 0


if __name__ == '__main__':
    sys.exit(main())
