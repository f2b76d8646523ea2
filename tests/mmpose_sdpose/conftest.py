from __future__ import annotations

import os

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable

import torch

torch.set_num_threads(1 if 'PYTEST_XDIST_WORKER' in os.environ else 2)
