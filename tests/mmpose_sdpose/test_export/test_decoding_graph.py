"""Decoding in plain operators gives the codec's coordinates and scores."""

from __future__ import annotations

from mmpose_sdpose.export.decoding_graph import CoordinateDecoding, HeatmapDecoding
from mmpose_sdpose.export.packages import ExportNotPossible
from mmpose_sdpose.export.simcc import SimccOutput, read_simcc

import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap, RegressionLabel, UDPHeatmap

CODECS = {
    'coco': dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2, unbiased=True),
    'synthpose': dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5, unbiased=True),
    'other blur': dict(
        input_size=(96, 128), heatmap_size=(24, 32), sigma=1, unbiased=True, blur_kernel_size=7
    ),
    'biased': dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2),
}


def decode(codec, heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = HeatmapDecoding(codec)(torch.from_numpy(heatmaps))
    return tuple(value.numpy() for value in found)


def codec_decode(codec, heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keypoints, scores = zip(*map(codec.decode, heatmaps))
    return np.concatenate(keypoints), np.concatenate(scores)


def blobs(codec, count: int, noise: float) -> np.ndarray:
    """Heatmaps of keypoints anywhere, on the border and outside too."""
    numbers = np.random.default_rng(0)
    size = np.array(codec.input_size)
    places = numbers.uniform(-0.1 * size, 1.1 * size, (count, 1, 17, 2))
    heatmaps = np.stack([codec.encode(place)['heatmaps'] for place in places])
    heatmaps = heatmaps + noise * numbers.normal(size=heatmaps.shape)
    return heatmaps.astype(np.float32)


@pytest.mark.parametrize('noise', [0, 0.01, 0.05])
@pytest.mark.parametrize('name', CODECS)
def test_coordinates_are_the_codecs(name, noise):
    codec = MSRAHeatmap(**CODECS[name])
    heatmaps = blobs(codec, 30, noise)
    keypoints, scores = decode(codec, heatmaps)
    expected, expected_scores = codec_decode(codec, heatmaps)
    np.testing.assert_allclose(keypoints, expected, rtol=0, atol=0.01)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize('unbiased', [True, False])
def test_every_cell_can_be_the_highest(unbiased):
    """The codec's rules at the border, cell by cell."""
    codec = MSRAHeatmap(
        input_size=(24, 32), heatmap_size=(6, 8), sigma=1, unbiased=unbiased, blur_kernel_size=3
    )
    numbers = np.random.default_rng(1)
    heatmaps = numbers.uniform(0.1, 0.3, (48, 48)).astype(np.float32)
    np.fill_diagonal(heatmaps, 1)
    heatmaps = heatmaps.reshape(1, 48, 8, 6)
    keypoints, scores = decode(codec, heatmaps)
    expected, expected_scores = codec_decode(codec, heatmaps)
    np.testing.assert_allclose(keypoints, expected, rtol=0, atol=0.01)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize('value', [0.0, -0.5])
def test_empty_heatmaps_are_nowhere(value):
    codec = MSRAHeatmap(**CODECS['coco'])
    heatmaps = np.full((2, 17, 64, 48), value, np.float32)
    keypoints, scores = decode(codec, heatmaps)
    np.testing.assert_array_equal(keypoints, np.full((2, 17, 2), -4, np.float32))
    np.testing.assert_array_equal(scores, np.full((2, 17), value, np.float32))


def test_a_flat_heatmap_gives_a_number():
    codec = MSRAHeatmap(**CODECS['coco'])
    keypoints, _ = decode(codec, np.full((1, 1, 64, 48), 0.5, np.float32))
    np.testing.assert_array_equal(keypoints, np.zeros((1, 1, 2), np.float32))


def test_other_codecs_are_named():
    codec = UDPHeatmap(input_size=(192, 256), heatmap_size=(48, 64))
    with pytest.raises(ExportNotPossible, match='UDPHeatmap are not decoded inside the graph'):
        HeatmapDecoding(codec)


def test_coordinates_become_pixels_as_the_codec_has_it():
    codec = RegressionLabel(input_size=(192, 256))
    places, scores = torch.rand(2, 17, 2), torch.rand(2, 17)
    keypoints, same = CoordinateDecoding(codec.input_size)(places, scores)
    expected = codec.decode(places.numpy())[0]
    np.testing.assert_allclose(keypoints.numpy(), expected, rtol=1e-6)
    torch.testing.assert_close(same, scores)


@pytest.mark.parametrize('split', [1.0, 2.0, 4.0])
def test_highest_bins_of_simcc_are_within_half_a_bin(split):
    numbers = np.random.default_rng(2)
    keypoints = numbers.uniform(1, (94, 126), (4, 17, 2)).astype(np.float32)
    scores = numbers.uniform(0.01, 1, (4, 17)).astype(np.float32)
    columns, rows = SimccOutput((96, 128), split)(*map(torch.from_numpy, (keypoints, scores)))
    assert columns.shape == (4, 17, 96 * split) and rows.shape == (4, 17, 128 * split)
    found = read_simcc(columns.numpy(), rows.numpy(), 96)
    assert abs(found['keypoints'] - keypoints).max() <= 0.5 / split + 1e-5
    np.testing.assert_allclose(found['scores'], scores, rtol=0.015 / split**2)
