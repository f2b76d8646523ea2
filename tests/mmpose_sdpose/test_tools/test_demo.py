"""The demo at a toy size: every step runs, and a second start does nothing again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from mmpose_sdpose.configs import build_model, find_config
from mmpose_sdpose.engine import load_packaged_weights
from mmpose_sdpose.tools.demo import CONFIG

import cv2
import pytest
import torch

from ..test_commands import needs_wheel

WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


def demo(folder: Path) -> str:
    command = [Path(sys.executable).with_name('mim'), 'run', 'mmpose_sdpose', 'demo']
    sizes = ['--train', '24', '--val', '8', '--epochs', '1', '--out', 'demo']
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    done = subprocess.run(
        [*map(str, command), *sizes], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done.stdout


@needs_wheel
def test_demo_runs_and_does_nothing_twice(tmp_path):
    output = demo(tmp_path)
    out = tmp_path / 'demo'
    assert 'predicting the mean pose' in output and 'after 1 epochs' in output
    assert 'learned on another SynthPose' in output
    for picture in ('people.png', 'learning_curve.png'):
        assert cv2.imread(str(out / picture)).std() > 10
    metrics = json.loads((out / 'epoch_1.json').read_text())
    assert f'{metrics["coco/AP"]:.3f}' in output
    checkpoint = out / 'train' / 'epoch_1.pth'
    written = checkpoint.stat().st_mtime_ns
    output = demo(tmp_path)
    assert 'already trained' in output and 'already there' in output
    assert checkpoint.stat().st_mtime_ns == written


def test_the_weights_in_the_package_fit_the_demo():
    state_dict = load_packaged_weights(WEIGHTS)['state_dict']
    model = build_model(CONFIG)
    model.load_state_dict(state_dict, strict=True)
    assert all(torch.isfinite(value).all() for value in state_dict.values())
    path = Path(load_packaged_weights.__code__.co_filename).parents[1] / 'weights'
    assert sum(file.stat().st_size for file in path.iterdir()) < 4e6


def test_weights_that_are_not_there_are_named_with_those_that_are():
    with pytest.raises(FileNotFoundError, match='sdpose-n_synthpose-128x96.pth'):
        load_packaged_weights('mmpose_sdpose://nothing.pth')


def test_the_demos_config_is_there():
    assert find_config(CONFIG).is_file()
