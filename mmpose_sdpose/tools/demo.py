"""See the skeleton of a person in photos, then a small SDPose learn, in minutes on two CPU cores.

The photos are looked at by the model that comes with the runtime. What learns has their backbone and an
untrained head; it is shown drawn people who stand alone and face the camera. Its AP is printed beside
that of predicting the mean pose, of the untrained head and of the packaged weights. What is done is
kept in the output folder and not done again; delete the folder to start over.
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
from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.configs import find_config, keypoint_names, read_metainfo
from mmpose_sdpose.engine import newest_checkpoint
from mmpose_sdpose.evaluation import mean_pose_metrics
from mmpose_sdpose.tools.console import fail
from mmpose_sdpose.tools.quiet import Quiet
from mmpose_sdpose.visualization import (
    draw_learning_curve,
    draw_pose_grid,
    read_scalars,
)

import matplotlib.cbook
import mmengine
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from rich.console import Console
from rich.table import Table

from sdpose_runtime.files import whole_file

CONFIG = 'td-hm_sdpose-demo_1xb16-10e_synthpose-128x96.py'
#: What the trained model is compared with.
PACKAGED = (
    'td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
    'mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
)
#: Among the photos: Grace Hopper, who comes with Matplotlib.
PORTRAIT = 'portrait'
#: The drawn people: easier ones than SynthPose has by itself.
PEOPLE = ('--company', 'alone', '--view', 'front')
#: An AP that is higher by less than this has not risen.
RISE = 0.01
CONSOLE = Console(highlight=False)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='demo', description=__doc__)
    parser.add_argument(
        '--photo', nargs='+', default=[PORTRAIT],
        help=f"of one person each; {PORTRAIT}, Matplotlib's sample, is the default",
    )  # fmt: skip
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'), help='%(default)s')
    parser.add_argument('--train', type=int, default=3000, help='training images (%(default)s)')
    parser.add_argument('--val', type=int, default=300, help='held-out images (%(default)s)')
    parser.add_argument('--epochs', type=int, help='default: those of the config')
    args = parser.parse_args()
    if args.epochs is not None and args.epochs < 1:
        parser.error(f'--epochs ({args.epochs}) must be at least 1')
    return args


class StepFailed(Exception):
    """A step of the demo ended with an error; says why, or where its output is."""


class Demo:
    """The steps of the demo; each one leaves a file by which it knows that it is done."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.out = args.out.resolve()
        self.photos = args.photo
        self.data = self.out / 'synthpose'
        self.sizes = ['--train', str(args.train), '--val', str(args.val)]
        # The config finds the data by it, in this process and in those started from here.
        os.environ['SYNTHPOSE_ROOT'] = str(self.data)
        with Quiet(CONSOLE):
            self.config = Config.fromfile(find_config(CONFIG))
        self.epochs = args.epochs or self.config.train_cfg.max_epochs
        self.out.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        began = time.monotonic()
        CONSOLE.rule('1/4  photos, seen by weights in the package')
        pictures = [self.look_at(photo) for photo in self.photos]
        CONSOLE.rule('2/4  data: drawn people, alone and facing the camera')
        self.make_data()
        CONSOLE.print(
            'testing what it is compared with: mean pose, packaged weights, untrained head'
        )
        floors = {
            'mean pose': self.mean_pose(),
            'packaged weights': self.test('packaged', *PACKAGED),
        }
        before = self.test('untrained', CONFIG, self.untrained())
        CONSOLE.rule('3/4  training: the packaged backbone under an untrained head')
        checkpoint = self.train()
        after = self.test(checkpoint.stem, CONFIG, checkpoint)
        CONSOLE.rule('4/4  what was learned')
        pictures += self.draw(checkpoint.stem, before, floors)
        self.report(floors, before, after)
        CONSOLE.print(
            f'{(time.monotonic() - began) / 60:.1f} minutes. To start over, delete {self.out}'
        )
        for path in [checkpoint, *pictures]:
            CONSOLE.print(f'  {path}', soft_wrap=True)

    def look_at(self, photo: str) -> Path:
        """The skeleton in a photo of one person: the first command of README."""
        path = Path(photo)
        if photo == PORTRAIT:
            sample = matplotlib.cbook.get_sample_data('grace_hopper.jpg', asfileobj=False)
            path = Path(str(sample))
            CONSOLE.print(
                'a portrait, which is what these weights are bad at: head and shoulders alone'
            )
        target = self.out / 'photo'
        tool = [sys.executable, '-m', 'sdpose_runtime']
        if subprocess.run([*tool, str(path), '--out', str(target), '--force']).returncode:
            raise StepFailed('the photo could not be looked at, see above')
        return target / path.name

    def make_data(self) -> None:
        tool = [sys.executable, '-m', 'sdpose_synth']
        if subprocess.run([*tool, '--out', str(self.data), *self.sizes, *PEOPLE]).returncode:
            raise StepFailed('the data set could not be made, see above')

    def mean_pose(self) -> float:
        path = self.out / 'mean_pose.json'
        if not path.exists():
            with Quiet(CONSOLE):
                metrics = mean_pose_metrics(self.config)
            with whole_file(path) as file:
                file.write(json.dumps(metrics).encode())
        return json.loads(path.read_text(encoding='utf-8'))['coco/AP']

    def untrained(self) -> Path:
        """The model as training finds it."""
        path = self.out / 'untrained.pth'
        if not path.exists():
            with Quiet(CONSOLE):
                init_default_scope('mmpose')
                torch.manual_seed(0)
                model = MODELS.build(self.config.model)
                model.init_weights()
            write_checkpoint(dict(state_dict=model.state_dict()), path)
        return path

    def train(self) -> Path:
        work_dir = self.out / 'train'
        checkpoint = work_dir / f'epoch_{self.epochs}.pth'
        if checkpoint.exists():
            CONSOLE.print(f'already trained: {checkpoint}', soft_wrap=True)
            return checkpoint
        resume = ['--resume'] if newest_checkpoint(work_dir) else []
        options = [f'train_cfg.max_epochs={self.epochs}', f'param_scheduler.1.end={self.epochs}']
        options += [f'param_scheduler.1.T_max={self.epochs}', 'randomness.seed=0']
        command = ['train', CONFIG, '--work-dir', str(work_dir), *resume, '--cfg-options', *options]
        if subprocess.run(self.tool(*command)).returncode:
            raise StepFailed('the training failed, see above')
        return checkpoint

    def test(self, name: str, config: str, checkpoint: str | Path) -> float:
        """AP of a checkpoint on the held-out people."""
        metrics, partial = self.out / f'{name}.json', self.out / f'{name}.partial.json'
        if not metrics.exists():
            command = self.tool(
                'test', config, str(checkpoint), '--dump', str(self.out / f'{name}.pkl'),
                '--out', str(partial), '--work-dir', str(self.out / 'test'),
            )  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise StepFailed(f'{" ".join(command)} failed:\n{done.stdout}{done.stderr}')
            partial.replace(metrics)
        return json.loads(metrics.read_text(encoding='utf-8'))['coco/AP']

    def tool(self, name: str, config: str, *arguments: str) -> list[str]:
        """What ``mim train`` or ``mim test`` runs; it serves an editable install too."""
        module = f'mmpose_sdpose.tools.{name}'
        return [sys.executable, '-m', module, str(find_config(config)), *arguments]

    def draw(self, name: str, before: float, floors: dict[str, float]) -> list[Path]:
        curve, grid = self.out / 'learning_curve.png', self.out / 'people.png'
        start = {'step': 0, 'coco/AP': before}
        draw_learning_curve([start, *read_scalars(self.out / 'train')], curve, floors)
        with Quiet(CONSOLE):
            meta = read_metainfo(self.config)
        samples = mmengine.load(self.out / f'{name}.pkl')
        people = [_person(sample) for sample in samples[:: max(1, len(samples) // 32)][:32]]
        draw_pose_grid(people, keypoint_names(meta), meta['skeleton_links'], grid)
        return [grid, curve]

    def report(self, floors: dict[str, float], before: float, after: float) -> None:
        table = Table('AP on held-out people', 'COCO metric', title='SDPose, 128x96, on a CPU')
        table.add_row('predicting the mean pose', f'{floors["mean pose"]:.3f}')
        table.add_row('packaged backbone, untrained head', f'{before:.3f}')
        table.add_row(f'the same after {self.epochs} epochs', f'{after:.3f}')
        table.add_row('packaged weights, trained for hours', f'{floors["packaged weights"]:.3f}')
        CONSOLE.print(table)
        if after > max(before, floors['mean pose']) + RISE:
            CONSOLE.print(f'It has learned: AP {before:.3f} before, {after:.3f} after.')
        else:
            CONSOLE.print(
                f'It has not learned: AP {before:.3f} before, {after:.3f} after. That takes more steps, '
                'by --epochs or --train.',
                soft_wrap=True,
            )


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
    except KeyboardInterrupt:
        return fail('demo', 'stopped; the same command goes on where this one was', 130)
    return 0


if __name__ == '__main__':
    sys.exit(main())
