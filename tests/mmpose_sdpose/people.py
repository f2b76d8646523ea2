"""People for tests of pictures of attention: 24x32 crops that lie in an image at twice their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.structures import PoseDataSample

CENTER, SCALE = np.array([100.0, 60.0]), np.array([48.0, 64.0])  # its corner is at (76, 28)


def coco() -> dict[str, Any]:
    return parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))


def person(seed: int = 0) -> dict[str, Any]:
    """As a test pipeline packs it; joint k is at (80 + k, 30 + 2k) and the last one is not annotated."""
    numbers = torch.Generator().manual_seed(seed)
    joints = np.arange(17, dtype=np.float32)
    sample = PoseDataSample(
        metainfo=dict(input_center=CENTER, input_scale=SCALE, input_size=(24, 32))
    )
    sample.gt_instances = InstanceData(
        keypoints=np.stack([80 + joints, 30 + 2 * joints], axis=1)[None],
        keypoints_visible=(joints < 16)[None].astype(np.float32),
    )
    inputs = torch.randint(0, 255, (3, 32, 24), generator=numbers, dtype=torch.uint8)
    return dict(inputs=inputs, data_samples=sample)
