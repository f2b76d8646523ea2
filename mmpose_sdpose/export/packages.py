from __future__ import annotations

from importlib.util import find_spec

import torch
from mmengine.utils import digit_version

#: What an export needs besides MMPose, and the line that installs it.
PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')
INSTALL = "pip install onnx onnxscript onnxruntime 'ml_dtypes<0.6'"
#: The first PyTorch whose exporter gives such graphs.
LOWEST_TORCH = '2.6'


class ExportNotPossible(Exception):
    """What was asked for cannot be exported; the message says why and the way out."""


def check_packages() -> None:
    """Whether all that an export needs is installed.

    Raises:
        ExportNotPossible: If not; names the line that installs it.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportNotPossible(f'{", ".join(missing)} is not installed: {INSTALL}')
    if digit_version(torch.__version__) < digit_version(LOWEST_TORCH):
        raise ExportNotPossible(
            f'PyTorch {torch.__version__} is too old for the export, which needs {LOWEST_TORCH}: the '
            'checkpoint can be exported in another environment, its weights do not depend on it'
        )
