"""What tests of all packages share: no PyTorch is needed here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def photos() -> Path:
    """The folder of real photos, where there is one."""
    folder = os.environ.get('MMPOSE_SDPOSE_DATA')
    if not folder or not (Path(folder) / 'coco_sample').is_dir():
        pytest.skip('MMPOSE_SDPOSE_DATA names no folder with the real photos (coco_sample)')
    return Path(folder)
