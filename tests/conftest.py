from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable

torch.set_num_threads(1 if 'PYTEST_XDIST_WORKER' in os.environ else 2)


@pytest.fixture
def photos() -> Path:
    """The folder of real photos, where there is one."""
    folder = os.environ.get('MMPOSE_SDPOSE_DATA')
    if not folder or not (Path(folder) / 'coco_sample').is_dir():
        pytest.skip('MMPOSE_SDPOSE_DATA names no folder with the real photos (coco_sample)')
    return Path(folder)
