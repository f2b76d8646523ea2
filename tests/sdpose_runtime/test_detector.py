"""Boxes from the two formats of detectors, by graphs that answer every image alike."""

from __future__ import annotations

import numpy as np
import pytest

from sdpose_runtime import Detector
from sdpose_runtime.detector import suppress_overlaps
from sdpose_runtime.sources import Frame

from .onnx_files import TensorProto, constant_file, detector_file, helper, save

FRAME = Frame('a.jpg', np.zeros((64, 128, 3), np.uint8))  # half as large as the input: zoom 0.5
CELLS = 8 * 8 + 4 * 4 + 2 * 2  # strides 8, 16 and 32 on 64x64


def rtmdet() -> dict[str, np.ndarray]:
    boxes = [[4, 6, 20, 30, 0.9], [0, 0, 10, 10, 0.8], [1, 1, 9, 9, 0.05], [-4, 8, 70, 40, 0.5]]
    return dict(dets=np.float32([boxes]), labels=np.float32([[0, 2, 0, 0]]))


def yolox() -> np.ndarray:
    """Three people, one of them found twice, and a dog."""
    output = np.zeros((1, CELLS, 7), np.float32)
    output[0, 8 * 2 + 3] = [0.5, 0.25, np.log(2), np.log(4), 0.9, 1.0, 0]  # stride 8, row 2, col. 3
    output[0, 8 * 2 + 4] = [-0.5, 0.25, np.log(2), np.log(4), 0.8, 1.0, 0]  # the same one
    output[0, 8 * 6 + 6] = [0, 0, 0, 0, 0.9, 0.5, 0]
    output[0, 8 * 0 + 1] = [0, 0, 0, 0, 0.9, 0.0, 1.0]  # the dog
    output[0, 64 + 4 * 1 + 3] = [0, 0.5, 0, np.log(1.5), 1.0, 0.7, 0]  # stride 16
    return output


def test_rtmdet(tmp_path):
    found = Detector(detector_file(tmp_path / 'a.onnx', rtmdet()))(FRAME)
    np.testing.assert_allclose(found.corners, [[8, 12, 40, 60], [0, 16, 128, 64]])
    np.testing.assert_allclose(found.scores, [0.9, 0.5])


def test_outputs_in_the_other_order(tmp_path):
    outputs = dict(reversed(rtmdet().items()))
    found = Detector(detector_file(tmp_path / 'a.onnx', outputs))(FRAME)
    np.testing.assert_allclose(found.corners, [[8, 12, 40, 60], [0, 16, 128, 64]])


def test_yolox(tmp_path):
    found = Detector(detector_file(tmp_path / 'a.onnx', dict(output=yolox())))(FRAME)
    # centres (28, 18), (48, 24) and (48, 48), sizes 16x32, 16x24 and 8x8, over the zoom
    expected = [[40, 4, 72, 64], [80, 24, 112, 64], [88, 64, 104, 64]]
    np.testing.assert_allclose(found.corners, expected, atol=1e-4)
    np.testing.assert_allclose(found.scores, [0.9, 0.7, 0.45])


def test_an_open_input_size_is_640(tmp_path):
    output = np.zeros((1, 80 * 80 + 40 * 40 + 20 * 20, 6), np.float32)
    detector = Detector(detector_file(tmp_path / 'a.onnx', dict(output=output), size=None))
    assert detector.size == (640, 640)
    assert detector(FRAME).corners.shape == (0, 4)


def test_what_the_network_sees(tmp_path):
    """The image at the top left, grey below, in each detector's own scale."""
    path = detector_file(tmp_path / 'a.onnx', rtmdet())
    frame = Frame('a.jpg', np.full((64, 128, 3), (10, 20, 30), np.uint8))
    plain, zoom = Detector(path, style='yolox')._letterbox(frame.image)
    assert zoom == 0.5
    assert plain.shape == (1, 3, 64, 64)
    colour = np.broadcast_to(np.float32([10, 20, 30])[:, None, None], (3, 32, 64))
    np.testing.assert_array_equal(plain[0, :, :32], colour)
    np.testing.assert_array_equal(plain[0, :, 32:], np.full((3, 32, 64), 114))
    normalised, _ = Detector(path)._letterbox(frame.image)
    mean, std = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])
    expected = (np.float32([10, 20, 30]) - mean) / std
    np.testing.assert_allclose(normalised[0, :, 0, 0], expected, rtol=1e-6)


def test_overlaps_are_suppressed_best_first():
    corners = np.float32([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 4]])
    kept = suppress_overlaps(corners, np.float32([0.5, 0.9, 0.1, 0.4]))
    np.testing.assert_array_equal(kept, [1, 3, 2])
    assert suppress_overlaps(corners[:0], np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ('outputs', 'message'),
    [
        (dict(a=np.zeros((1, 10, 85))), r'shape \(1, 10, 85\): expected that of YOLOX, \(1, 84'),
        (dict(a=np.zeros((1, 9, 4)), b=np.zeros((1, 9))), r'expected boxes \(1, N, 5\)'),
        (dict.fromkeys('abc', np.zeros((1, 9))), 'has 3 outputs: expected 1'),
    ],
)
def test_other_networks_are_refused(tmp_path, outputs, message):
    outputs = {name: value.astype(np.float32) for name, value in outputs.items()}
    with pytest.raises(ValueError, match=message):
        Detector(detector_file(tmp_path / 'a.onnx', outputs))


@pytest.mark.parametrize('shape', [[1, 4], [1, 1, 64, 64], [1, 3, 10**6, 10**6]])
def test_a_network_that_takes_no_image_is_refused(tmp_path, shape):
    path = constant_file(tmp_path / 'a.onnx', rtmdet(), shape)
    with pytest.raises(ValueError, match=r'not float32 images \(B, 3, H, W\)|cannot be'):
        Detector(path)


def test_a_network_of_no_input_or_no_numbers_is_refused(tmp_path):
    weights = dict(a=np.zeros((1, 84, 6), np.float32))
    nodes = [helper.make_node('Identity', ['a'], ['out'])]
    path = save(tmp_path / 'a.onnx', nodes, weights, None, dict(out=[1, 84, 6]))
    with pytest.raises(ValueError, match='has 0 inputs'):
        Detector(path)
    nodes = [helper.make_node('Cast', ['image'], ['out'], to=TensorProto.BOOL)]
    shape, kind = [1, 3, 64, 64], TensorProto.BOOL
    path = save(tmp_path / 'b.onnx', nodes, {}, shape, dict(out=shape), output_type=kind)
    with pytest.raises(ValueError, match=r'gives out as tensor\(bool\), not as numbers'):
        Detector(path)


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('column', [0, 3, 4])
def test_boxes_that_are_no_numbers_come_as_they_are_and_hide_nobody(tmp_path, bad, column):
    """They are counted by the pipeline. A score of minus infinity is a low one."""
    outputs = rtmdet()
    outputs['dets'][0, 0, column] = bad
    found = Detector(detector_file(tmp_path / 'a.onnx', outputs))(FRAME)
    good = found.select(found.usable())
    assert [0, 16, 128, 64] in good.corners.tolist()
    if np.isnan(bad) or (column == 4 and bad > 0):
        assert found.usable().tolist() == [True, False] or found.usable().tolist() == [False, True]


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('bad', [float('nan'), 1e4, float('inf')])
@pytest.mark.parametrize('column', [0, 2, 4, 5])
def test_raw_boxes_that_are_no_numbers_hide_nobody(tmp_path, bad, column):
    output = yolox()
    output[0, 8 * 6 + 6, column] = bad  # the third person
    found = Detector(detector_file(tmp_path / 'a.onnx', dict(output=output)))(FRAME)
    good = found.select(found.usable())
    for expected in ([40, 4, 72, 64], [80, 24, 112, 64]):
        assert np.abs(good.corners - np.float32(expected)).max(axis=1).min() < 1e-3
    if np.isnan(bad):
        assert (~found.usable()).sum() == 1


def test_the_best_thousand_are_taken(tmp_path):
    scores = np.random.default_rng(0).permutation(np.linspace(0.2, 0.9, 3000)).astype(np.float32)
    boxes = np.tile(np.float32([0, 0, 9, 9]), (3000, 1))
    outputs = dict(dets=np.column_stack([boxes, scores])[None], labels=np.zeros((1, 3000), 'f'))
    found = Detector(detector_file(tmp_path / 'a.onnx', outputs))(FRAME)
    np.testing.assert_array_equal(found.scores, np.sort(scores)[::-1][:1000])
