"""What tests of all packages share: no PyTorch is needed here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def photos() -> Path:
    """The folder of real photos, where there is one."""
    folder = os.environ.get('MMPOSE_SDPOSE_DATA')
    if not folder or not (Path(folder) / 'coco_sample').is_dir():
        pytest.skip('MMPOSE_SDPOSE_DATA names no folder with the real photos (coco_sample)')
    return Path(folder)


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Also where the tests run in the background, which ignores Ctrl-C, or under ``nohup``."""
    usual = dict(SIGINT=signal.default_int_handler, SIGHUP=signal.SIG_DFL)
    numbers = {
        getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)
    }
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
