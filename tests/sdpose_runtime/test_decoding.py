"""Decoding and flip test agree with MMPose's codecs, all people and keypoints at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap
from mmpose.models.utils.tta import flip_coordinates, flip_heatmaps

from .onnx_files import ENTRY  # noqa: F401  skips where ONNX Runtime is missing

from sdpose_runtime.decoding import (  # isort: skip
    decode_heatmaps,
    mirror_back_heatmaps,
    mirror_back_points,
)

WIDTH, HEIGHT = 12, 16
INPUT = (48, 64)


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 5, HEIGHT, WIDTH)).astype(np.float32)


def peaks_everywhere() -> np.ndarray:
    """A blurred peak on every cell, the border's too."""
    maps = np.eye(HEIGHT * WIDTH, dtype=np.float32).reshape(-1, HEIGHT, WIDTH)
    tilt = np.linspace(1, 1.2, WIDTH, dtype=np.float32)
    return np.stack([cv2.GaussianBlur(m, (5, 5), 1.0) * tilt for m in maps])[None]


def lonely_peaks() -> np.ndarray:
    """Zero but for one cell: logarithms of the smallest number."""
    maps = np.zeros((2, 3, HEIGHT, WIDTH), np.float32)
    maps[:, :, 7, 5] = [[1, 1e-3, 1e-12], [5, 0.2, 1e-9]]
    return maps


MAPS = {
    'noise': noise(),
    'smooth noise': np.stack([[cv2.GaussianBlur(m, (7, 7), 0) for m in p] for p in noise()]),
    'peaks everywhere': peaks_everywhere(),
    'lonely peaks': lonely_peaks(),
    'flat': np.full((1, 2, HEIGHT, WIDTH), 0.5, np.float32),
    'nothing above zero': -np.abs(noise()),
    'nothing at all': np.zeros((1, 2, HEIGHT, WIDTH), np.float32),
}


@pytest.mark.filterwarnings('ignore:invalid value encountered')  # MMPose divides by an empty blur
@pytest.mark.parametrize('kernel', [3, 11])
@pytest.mark.parametrize('unbiased', [True, False])
@pytest.mark.parametrize('kind', list(MAPS))
def test_heatmaps_decode_as_by_msra_heatmap(kind, unbiased, kernel):
    codec = MSRAHeatmap(INPUT, (WIDTH, HEIGHT), 2, unbiased, kernel)
    maps = MAPS[kind]
    points, scores = decode_heatmaps(maps, INPUT, unbiased, kernel)
    for person, point, score in zip(maps, points, scores):
        expected, expected_score = codec.decode(person)
        np.testing.assert_allclose(point, expected[0], atol=2e-3, rtol=1e-4)
        np.testing.assert_array_equal(score, expected_score[0])


@pytest.mark.parametrize('shift', [True, False])
def test_mirrored_heatmaps_come_back_as_by_mmpose(shift):
    maps, indices = noise(), np.array([0, 2, 1, 4, 3])
    expected = flip_heatmaps(torch.from_numpy(maps), indices.tolist(), shift_heatmap=shift)
    np.testing.assert_array_equal(mirror_back_heatmaps(maps, indices, shift), expected.numpy())


@pytest.mark.parametrize('shift', [True, False])
def test_mirrored_coordinates_come_back_as_by_mmpose(shift):
    points = np.random.default_rng(0).random((3, 5, 2)).astype(np.float32)
    indices = np.array([0, 2, 1, 4, 3])
    expected = flip_coordinates(torch.from_numpy(points.copy()), indices.tolist(), shift, INPUT)
    mirrored = mirror_back_points(points, indices, 1.0, shift / INPUT[0])
    np.testing.assert_allclose(mirrored, expected.numpy(), atol=1e-6)
