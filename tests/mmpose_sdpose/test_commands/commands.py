"""How the tests of the commands start them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from mmpose_sdpose.configs import find_config

import pytest

from ... import warm

MIM = Path(sys.executable).with_name('mim')
NAME = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py'
CONFIG = find_config(NAME)
TEST = ('test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False')
TINY = (
    'train_cfg.max_epochs=1',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'default_hooks.checkpoint.max_keep_ckpts=-1',
)


def installed_as_wheel() -> bool:
    """MIM looks for the package next to its metadata, where an editable install has nothing."""
    # Building leaves metadata in the checkout too, so the first hit need not be the installed one.
    places = [
        found.locate_file('mmpose_sdpose') for found in metadata.distributions(name='mmpose_sdpose')
    ]
    return any(
        'site-packages' in Path(place).parts and (Path(place) / '.mim' / 'configs').is_dir()
        for place in places
    )


needs_wheel = pytest.mark.skipif(
    not installed_as_wheel(), reason='mmpose_sdpose is not installed as a wheel: `make install`'
)


def environment_of(workspace: Path) -> dict[str, str]:
    return dict(
        os.environ,
        OMP_NUM_THREADS='1',
        SYNTHPOSE_ROOT=str(workspace / 'data/synthpose'),
        PYTHONPATH=str(workspace / 'modules'),  # of a user's own
    )


def run(workspace: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess:
    """A command in the workspace, with its own installed package rather than this checkout."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=workspace,
        env=environment_of(workspace),
        capture_output=True,
        text=True,
    )
    assert not check or done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done


def run_script(
    workspace: Path, package: str, name: str, *arguments: object, check: bool = True
) -> subprocess.CompletedProcess:
    """What `mim train` and `mim test` start: MMPose's script or ours, here from this checkout."""
    folder = Path(importlib.import_module(package).__file__).parent
    scripts = dict(
        mmpose=folder / f'.mim/tools/{name}.py', mmpose_sdpose=f'mmpose_sdpose.tools.{name}'
    )
    done = warm.run([scripts[package], *arguments], workspace, environment_of(workspace))
    assert not check or done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done
