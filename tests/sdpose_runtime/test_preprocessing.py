"""Crops are MMPose's to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine
from mmpose.models import PoseDataPreprocessor
from mmpose.structures import PoseDataSample

from .onnx_files import ENTRY, heatmap_file

from sdpose_runtime import PoseModel  # isort: skip

SIZE = (192, 256)
BOXES = np.float32(
    [
        [30.3, 20.7, 90.1, 200.9],  # upright
        [10, 100, 300, 150.5],  # lying
        [-40.2, -30, 80, 60],  # beyond the corner
        [250, 180, 420.5, 400],  # beyond the other one
        [100.25, 100.5, 103, 104],  # a few pixels
        [-1000, -1000, 2000, 2000],  # much more than the image
    ]
)


@pytest.fixture(scope='module')
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> PoseModel:
    path = tmp_path_factory.mktemp('model') / 'model.onnx'
    return PoseModel(heatmap_file(path, input_size=list(SIZE)))


def by_mmpose(image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, dict]:
    results = dict(img=image, bbox=box[None])
    for transform in (GetBBoxCenterScale(), TopdownAffine(SIZE)):
        results = transform(results)
    crop = torch.from_numpy(results['img'].transpose(2, 0, 1).copy())
    preprocess = PoseDataPreprocessor(mean=ENTRY['mean'], std=ENTRY['std'], bgr_to_rgb=True)
    inputs = preprocess(dict(inputs=[crop], data_samples=[PoseDataSample()]))['inputs']
    return inputs[0].numpy(), results


@pytest.mark.parametrize('index', range(len(BOXES)))
def test_crops_equal_mmposes(model, image, index):
    expected, results = by_mmpose(image, BOXES[index])
    crops = model.crop(image, BOXES)
    np.testing.assert_array_equal(crops.inputs[index], expected)
    np.testing.assert_array_equal(crops.centers[index], results['input_center'])
    np.testing.assert_allclose(crops.scales[index], results['input_scale'], rtol=1e-6)


def test_bgr_models_get_bgr(model, image):
    rgb = model.crop(image, BOXES[:1]).inputs
    info = replace(model.info, bgr_to_rgb=False, mean=np.zeros(3), std=np.ones(3))
    model = object.__new__(PoseModel)
    model.info = info
    bgr = model.crop(image, BOXES[:1]).inputs
    back = rgb * np.float32(ENTRY['std'])[:, None, None]
    back += np.float32(ENTRY['mean'])[:, None, None]
    np.testing.assert_allclose(bgr[:, ::-1], back, atol=1e-3)
