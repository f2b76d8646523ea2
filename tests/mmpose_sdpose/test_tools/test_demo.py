"""The demo at a toy size: every step runs, and a second start does nothing again."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

from mmpose_sdpose.checkpoint import read_state_dict
from mmpose_sdpose.configs import build_model, find_config
from mmpose_sdpose.engine import load_from_package
from mmpose_sdpose.tools import demo as tool
from mmpose_sdpose.tools.demo import CONFIG

import cv2
import pytest
import torch
from rich.console import Console

from ... import warm
from ..test_commands.commands import needs_wheel

WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
WALK = Path(__file__).parents[3] / 'docs/walk.jpg'
SIZES = ['--train', '24', '--val', '8', '--epochs', '1', '--out', 'demo']


def warm_step(command: list[str], **options: object) -> subprocess.CompletedProcess:
    """A step of the demo in a process that has imported PyTorch and MMPose already."""
    python, flag, *arguments = command
    assert (python, flag) == (sys.executable, '-m')
    done = warm.run(arguments)
    if not options:  # which capture what is printed
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
    return done


@needs_wheel
def test_demo_runs_and_does_nothing_twice(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as here:
        here.setattr(tool.subprocess, 'run', warm_step)
        here.setattr(sys, 'argv', ['demo', *SIZES, '--photo', str(WALK), 'portrait'])
        here.setenv('SYNTHPOSE_ROOT', '')  # which the demo sets: as it was afterwards
        here.chdir(tmp_path)
        assert tool.main() == 0, capsys.readouterr().err[-3000:]
    output, out = capsys.readouterr().out, tmp_path / 'demo'
    assert cv2.imread(str(out / 'photo/grace_hopper.jpg')).shape == (600, 512, 3)
    assert 'a portrait, which is what these weights are bad at' in output
    assert cv2.imread(str(out / 'photo/walk.jpg')).shape == cv2.imread(str(WALK)).shape
    for row in (
        'predicting the mean pose',
        'packaged backbone, untrained head',
        'the same after 1 epochs',
        'packaged weights, trained for hours',
    ):
        assert row in output
    assert 'Training td-hm_sdpose-demo' in output and 'epoch 1/1  loss ' in output
    for picture in ('people.png', 'learning_curve.png'):
        assert cv2.imread(str(out / picture)).std() > 10
    values = {
        name: ap(out / f'{name}.json') for name in ('mean_pose', 'untrained', 'epoch_1', 'packaged')
    }
    assert all(f'{value:.3f}' in output for value in values.values())
    assert values['packaged'] > 0.1  # they know such people; two steps of training do not
    assert f'It has not learned: AP {values["untrained"]:.3f} before' in output
    checkpoint = out / 'train' / 'epoch_1.pth'
    written = checkpoint.stat().st_mtime_ns
    command = [Path(sys.executable).with_name('mim'), 'run', 'mmpose_sdpose', 'demo', *SIZES]
    monkeypatch.delenv('PYTHONPATH', raising=False)  # the installed package
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    assert 'already trained' in done.stdout and 'already there' in done.stdout
    assert checkpoint.stat().st_mtime_ns == written


def ap(path: Path) -> float:
    return json.loads(path.read_text())['coco/AP']


@pytest.mark.parametrize(
    ('before', 'after', 'said'),
    [
        (0.0, 0.3, 'It has learned: AP 0.000 before, 0.300 after.'),
        (0.0, 0.105, 'It has not learned: AP 0.000 before, 0.105 after.'),  # mean pose: 0.1
        (0.2, 0.2, 'It has not learned: AP 0.200 before, 0.200 after.'),
    ],
)
def test_what_did_not_get_better_is_not_called_trained(before, after, said, tmp_path, monkeypatch):
    console = Console(file=StringIO(), width=200)
    monkeypatch.setattr(tool, 'CONSOLE', console)
    monkeypatch.setattr(sys, 'argv', ['demo', '--out', str(tmp_path)])
    floors = {'mean pose': 0.1, 'packaged weights': 0.4}
    tool.Demo(tool.parse_args()).report(floors, before, after)
    assert said in console.file.getvalue()


def test_training_starts_from_the_packaged_backbone_and_an_untrained_head(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['demo', '--out', str(tmp_path)])
    found = read_state_dict(tool.Demo(tool.parse_args()).untrained())
    packaged = load_from_package(WEIGHTS)['state_dict']
    assert list(found) == list(packaged)
    for name, value in packaged.items():
        same = torch.equal(found[name], value.to(found[name]))
        assert same == name.startswith('backbone.') or value.unique().numel() == 1, name


def test_a_photo_that_cannot_be_read_is_said(tmp_path):
    command = [sys.executable, '-m', 'mmpose_sdpose.tools.demo', '--photo', 'gone.jpg']
    done = subprocess.run([*command, '--out', tmp_path], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'gone.jpg' in done.stderr
    assert done.stderr.endswith('demo: the photo could not be looked at, see above\n')


def test_the_weights_in_the_package_fit_the_demo():
    state_dict = load_from_package(WEIGHTS)['state_dict']
    model = build_model(CONFIG)
    model.load_state_dict(state_dict, strict=True)
    assert all(torch.isfinite(value).all() for value in state_dict.values())
    path = Path(load_from_package.__code__.co_filename).parents[1] / 'weights'
    assert sum(file.stat().st_size for file in path.iterdir()) < 9e6  # of a wheel below 12 MB


def test_weights_that_are_not_there_are_named_with_those_that_are():
    with pytest.raises(FileNotFoundError, match='sdpose-n_synthpose-128x96.pth'):
        load_from_package('mmpose_sdpose://nothing.pth')


def test_the_demos_config_is_there():
    assert find_config(CONFIG).is_file()
