"""Decoding in plain operators gives the coordinates and scores of MMPose's heads and codecs."""

from __future__ import annotations

from mmpose_sdpose.export.decoding import HeatmapDecoding, SimCCDecoding, decoding_of
from mmpose_sdpose.export.graph import ExportNotPossible
from mmpose_sdpose.export.verify import make_up_raw, predict, raw_outputs
from mmpose_sdpose.models.heads import innermost

import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap, SimCCLabel, UDPHeatmap

from ..small_models import build, estimator, resnet_heatmap_model
from .families import FLIP_INDICES, MMPOSE_FAMILIES, family, images, rtmpose

COCO = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
SYNTHPOSE = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
CODECS = {
    'coco': MSRAHeatmap(**COCO, unbiased=True),
    'synthpose': MSRAHeatmap(**SYNTHPOSE, unbiased=True),
    'other blur': MSRAHeatmap(**SYNTHPOSE, unbiased=True, blur_kernel_size=7),
    'biased': MSRAHeatmap(**COCO),
    'udp': UDPHeatmap(**COCO),
    'udp, other blur': UDPHeatmap(**SYNTHPOSE, blur_kernel_size=7),
}


def decode(codec, heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = HeatmapDecoding(codec, None, False)(torch.from_numpy(heatmaps))
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
    codec = CODECS[name]
    heatmaps = blobs(codec, 30, noise)
    keypoints, scores = decode(codec, heatmaps)
    expected, expected_scores = codec_decode(codec, heatmaps)
    np.testing.assert_allclose(keypoints, expected, rtol=0, atol=0.01)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize(
    'codec, options',
    [(MSRAHeatmap, dict(unbiased=True)), (MSRAHeatmap, dict(unbiased=False)), (UDPHeatmap, {})],
)
def test_every_cell_can_be_the_highest(codec, options):
    """The codec's rules at the border, cell by cell."""
    codec = codec(input_size=(24, 32), heatmap_size=(6, 8), sigma=1, blur_kernel_size=3, **options)
    numbers = np.random.default_rng(1)
    heatmaps = numbers.uniform(0.1, 0.3, (48, 48)).astype(np.float32)
    np.fill_diagonal(heatmaps, 1)
    heatmaps = heatmaps.reshape(1, 48, 8, 6)
    keypoints, scores = decode(codec, heatmaps)
    expected, expected_scores = codec_decode(codec, heatmaps)
    np.testing.assert_allclose(keypoints, expected, rtol=0, atol=0.01)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize('value', [0.0, -0.5])
@pytest.mark.parametrize('codec, place', [('coco', (-4, -4)), ('udp', (-192 / 47, -256 / 63))])
def test_empty_heatmaps_are_nowhere(codec, place, value):
    codec = CODECS[codec]
    heatmaps = np.full((2, 17, 64, 48), value, np.float32)
    keypoints, scores = decode(codec, heatmaps)
    np.testing.assert_allclose(keypoints, np.broadcast_to(place, (2, 17, 2)), rtol=1e-6)
    np.testing.assert_array_equal(scores, np.full((2, 17), value, np.float32))
    if value:  # of zeros the codecs make no number
        np.testing.assert_allclose(keypoints, codec_decode(codec, heatmaps)[0], rtol=1e-6)


@pytest.mark.parametrize('codec', ['coco', 'udp'])
def test_a_flat_heatmap_gives_a_number(codec):
    heatmaps = np.full((1, 1, 64, 48), 0.5, np.float32)
    expected, _ = codec_decode(CODECS[codec], heatmaps)
    keypoints, _ = decode(CODECS[codec], heatmaps)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(keypoints, expected, rtol=0, atol=0.01)


def test_bins_without_anything_are_nowhere():
    codec = SimCCLabel(input_size=(24, 32), simcc_split_ratio=2.0)
    columns, rows = torch.full((1, 3, 48), 0.2), torch.full((1, 3, 64), 0.5)
    columns[0, 1], rows[0, 2, 7] = -0.1, 0.9
    keypoints, scores = SimCCDecoding(codec, None)(columns, rows)
    expected, expected_scores = codec.decode(columns[0].numpy(), rows[0].numpy())
    np.testing.assert_array_equal(keypoints.numpy(), expected)
    np.testing.assert_array_equal(scores.numpy(), expected_scores)
    np.testing.assert_array_equal(keypoints[0, 1].numpy(), (-0.5, -0.5))


#: Raw outputs of every kind of head.
HEADS = ('heatmaps', 'udp heatmaps', 'rtmpose', 'simcc', 'regression', 'rle', 'distilpose')


@pytest.mark.parametrize(
    'test_cfg', [{}, dict(shift_heatmap=True, shift_coords=True), dict(shift_coords=False)]
)
@pytest.mark.parametrize('flip_indices', [None, FLIP_INDICES], ids=['plain', 'flip test'])
@pytest.mark.parametrize('name', HEADS)
def test_raw_outputs_become_what_the_head_predicts(name, flip_indices, test_cfg):
    model = family(name)
    model.test_cfg = test_cfg
    example = raw_outputs(model, images(1, model))
    raw = make_up_raw(model, example, 12, np.random.default_rng(0))
    decoding = decoding_of(innermost(model.head), test_cfg, flip_indices)
    keypoints, scores = decoding(*raw)
    expected = predict(model, raw, flip_indices)
    assert len(keypoints) == (12 if flip_indices is None else 6)
    np.testing.assert_allclose(keypoints.numpy(), expected.keypoints, rtol=0, atol=0.01)
    np.testing.assert_allclose(scores.numpy(), expected.scores, rtol=0, atol=1e-6)


def test_a_flip_test_differs_from_none():
    """Else the comparison above would say little of averages and shifts."""
    model = family('heatmaps')
    raw = make_up_raw(model, raw_outputs(model, images(1, model)), 2, np.random.default_rng(0))
    plain = predict(model, [raw[0][:1]], None).keypoints
    found = []
    for shift in (False, True):
        model.test_cfg = dict(shift_heatmap=shift)
        found.append(predict(model, raw, FLIP_INDICES).keypoints)
    assert abs(found[0] - plain).max() > 1 and abs(found[0] - found[1]).max() > 1


SIZES = dict(input_size=(24, 32), heatmap_size=(6, 8))
REFUSED = [
    (
        resnet_heatmap_model(decoder=dict(type='MegviiHeatmap', kernel_size=3, **SIZES)),
        'HeatmapHead with the codec MegviiHeatmap cannot be exported; what can is HeatmapHead and',
    ),
    (
        resnet_heatmap_model(decoder=dict(type='UDPHeatmap', heatmap_type='combined', **SIZES)),
        "heatmap_type='combined'. cannot be exported: only gaussian",
    ),
    (rtmpose(use_dark=True), 'use_dark=True. cannot be exported: set use_dark=False'),
    (
        estimator(
            dict(type='DSNTHead', in_channels=16, in_featuremap_size=(6, 8), num_joints=17,
                 decoder=dict(type='IntegralRegressionLabel', sigma=2, **SIZES)),
        ),
        'DSNTHead with the codec IntegralRegressionLabel cannot be exported',
    ),
    (resnet_heatmap_model(decoder=None), 'HeatmapHead with the codec None'),
]  # fmt: skip


@pytest.mark.parametrize('config, message', REFUSED)
def test_what_cannot_be_decoded_is_named(config, message):
    with pytest.raises(ExportNotPossible, match=message):
        decoding_of(build(config).head, {})


def test_some_of_the_keypoints_are_not_exported():
    with pytest.raises(ExportNotPossible, match='output_keypoint_indices picks some'):
        decoding_of(family('heatmaps').head, dict(output_keypoint_indices=[0]))


def test_every_head_of_mmpose_is_among_the_families():
    heads = {type(innermost(family(name).head)).__name__ for name in MMPOSE_FAMILIES}
    assert heads == {'HeatmapHead', 'RTMCCHead', 'SimCCHead', 'RegressionHead', 'RLEHead'}
