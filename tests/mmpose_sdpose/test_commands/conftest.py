"""A tiny SynthPose, and a model that was trained on it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .commands import CONFIG, MIM, TINY, run


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A folder with a data set of 24 images in it."""
    folder = tmp_path_factory.mktemp('commands')
    tool = [sys.executable, '-m', 'sdpose_synth.__main__']
    sizes = ['--train', '24', '--val', '8', '--workers', '2']
    subprocess.run([*tool, '--out', str(folder / 'data/synthpose'), *sizes], check=True)
    return folder


@pytest.fixture(scope='module')
def trained(workspace):
    """`mim train mmpose CONFIG`: MMPose's own entry, our config by its path."""
    options = ['--work-dir', 'trained', '--cfg-options', *TINY]
    run(workspace, MIM, 'train', 'mmpose', CONFIG, *options)
    return workspace / 'trained/epoch_1.pth'
