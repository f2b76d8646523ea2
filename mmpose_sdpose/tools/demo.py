"""Make a small SynthPose, fine-tune a small SDPose on it, test it and draw what it has learned.

The SDPose starts from weights that come with the package, learned on another SynthPose; their AP and
that of predicting the mean pose are printed beside the result. What is done is kept in the output
folder and not done again; delete the folder to start over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.configs import find_config, read_metainfo
from mmpose_sdpose.engine import newest_checkpoint
from mmpose_sdpose.evaluation import mean_pose_metrics
from mmpose_sdpose.tools.console import fail
from mmpose_sdpose.visualization import (
    draw_learning_curve,
    draw_pose_grid,
    keypoint_names,
    read_scalars,
)

import mmengine
from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from sdpose_runtime.files import whole_file

CONFIG = 'td-hm_sdpose-demo_1xb32-4e_synthpose-128x96.py'
CONSOLE = Console(highlight=False)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='demo', description=__doc__)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'), help='%(default)s')
    parser.add_argument('--train', type=int, default=2000, help='training images (%(default)s)')
    parser.add_argument('--val', type=int, default=300, help='held-out images (%(default)s)')
    parser.add_argument('--epochs', type=int, help='default: those of the config')
    return parser.parse_args()


class StepFailed(Exception):
    """A command of the demo ended with an error; says where its output is."""


class Demo:
    """The steps of the demo; each one leaves a file by which it knows that it is done."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.out = args.out.resolve()
        self.data = self.out / 'synthpose'
        self.sizes = ['--train', str(args.train), '--val', str(args.val)]
        # The config finds the data by it, in this process and in those started from here.
        os.environ['SYNTHPOSE_ROOT'] = str(self.data)
        self.config = Config.fromfile(find_config(CONFIG))
        self.epochs = args.epochs or self.config.train_cfg.max_epochs
        self.options = ['--cfg-options', f'train_cfg.max_epochs={self.epochs}']
        self.out.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        began = time.monotonic()
        CONSOLE.rule('1/4  data: SynthPose, drawn people in the COCO format')
        self.make_data()
        floor = self.mean_pose()
        CONSOLE.rule('2/4  training: mim train')
        start = self.config.load_from
        CONSOLE.print(f'fine-tuning {start}, learned on another SynthPose', soft_wrap=True)
        before = self.test('before', start)
        checkpoint = self.train()
        CONSOLE.rule('3/4  testing: mim test')
        after = self.test(checkpoint.stem, checkpoint)
        CONSOLE.rule('4/4  pictures')
        pictures = self.draw(checkpoint.stem, {'mean pose': floor, 'start weights': before})
        scores = {
            'predicting the mean pose': floor,
            'before training (weights in the package)': before,
            f'after {self.epochs} epochs': after,
        }
        self.report(scores, [checkpoint, *pictures], time.monotonic() - began)

    def make_data(self) -> None:
        tool = [sys.executable, '-m', 'sdpose_synth']
        if subprocess.run([*tool, '--out', str(self.data), *self.sizes]).returncode:
            raise StepFailed('the data set could not be made, see above')

    def mean_pose(self) -> float:
        path = self.out / 'mean_pose.json'
        if not path.exists():
            metrics = mean_pose_metrics(self.config)
            with whole_file(path) as file:
                file.write(json.dumps(metrics).encode())
        return json.loads(path.read_text())['coco/AP']

    def train(self) -> Path:
        work_dir = self.out / 'train'
        checkpoint = work_dir / f'epoch_{self.epochs}.pth'
        if checkpoint.exists():
            CONSOLE.print(f'already trained: {checkpoint}', soft_wrap=True)
        else:
            resume = ['--resume'] if newest_checkpoint(work_dir) else []
            self.mim('train', 'train.log', '--work-dir', str(work_dir), *resume)
        return checkpoint

    def test(self, name: str, checkpoint: str | Path) -> float:
        metrics, partial = self.out / f'{name}.json', self.out / f'{name}.partial.json'
        if not metrics.exists():
            self.mim(
                'test', f'{name}.log', '--checkpoint', str(checkpoint),
                '--dump', str(self.out / f'{name}.pkl'), '--out', str(partial),
                '--work-dir', str(self.out / 'test'),
            )  # fmt: skip
            partial.replace(metrics)
        return json.loads(metrics.read_text())['coco/AP']

    def mim(self, verb: str, log: str, *arguments: str) -> None:
        """Run a command of MIM; its output goes to a file, its progress to the terminal too."""
        # By path through MMPose's own entry, which also serves an editable install.
        mim = str(Path(sys.executable).with_name('mim'))
        command = [mim, verb, 'mmpose', str(find_config(CONFIG))]
        command += [*arguments, *self.options]
        path = self.out / log
        with (
            open(path, 'w', encoding='utf-8') as file,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as process,
        ):
            for line in process.stdout or ():
                file.write(line)
                if 'Epoch(' in line:
                    CONSOLE.print('Epoch(' + line.split('Epoch(', 1)[1].rstrip(), soft_wrap=True)
        if process.returncode:
            tail = ''.join(path.read_text(encoding='utf-8').splitlines(keepends=True)[-15:])
            raise StepFailed(f'{" ".join(command)} failed; the end of {path}:\n{tail}')

    def draw(self, name: str, floors: dict[str, float]) -> list[Path]:
        curve, grid = self.out / 'learning_curve.png', self.out / 'people.png'
        draw_learning_curve(read_scalars(self.out / 'train'), curve, floors)
        meta = read_metainfo(self.config)
        samples = mmengine.load(self.out / f'{name}.pkl')
        people = [_person(sample) for sample in samples[:: max(1, len(samples) // 32)][:32]]
        draw_pose_grid(people, keypoint_names(meta), meta['skeleton_links'], grid)
        return [grid, curve]

    def report(self, scores: dict[str, float], paths: list[Path], seconds: float) -> None:
        table = Table('AP on held-out people', 'COCO metric', title='SDPose, 128x96, on a CPU')
        for name, value in scores.items():
            table.add_row(name, f'{value:.3f}')
        CONSOLE.print(table)
        CONSOLE.print(f'{seconds / 60:.1f} minutes. To start over, delete {self.out}')
        for path in paths:
            CONSOLE.print(f'  {path}', soft_wrap=True)


def _person(sample: dict) -> dict:
    """What the grid needs of one dumped prediction."""
    return dict(
        img_path=sample['img_path'],
        center=sample['input_center'],
        scale=sample['input_scale'],
        predicted=sample['pred_instances']['keypoints'][0],
        true=sample['gt_instances']['keypoints'][0],
        visible=sample['gt_instances']['keypoints_visible'][0],
    )


def main() -> int:
    try:
        Demo(parse_args()).run()
    except (StepFailed, OSError) as error:
        return fail('demo', error)
    return 0


if __name__ == '__main__':
    sys.exit(main())
