"""Boxes from the two formats of detectors, by graphs that answer every image alike."""

from __future__ import annotations

import numpy as np
import pytest

from .onnx_files import detector_file, save

from sdpose_runtime import Detector  # isort: skip
from sdpose_runtime.detector import suppress_overlaps  # isort: skip
from sdpose_runtime.sources import Frame  # isort: skip

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


def test_a_network_that_takes_no_image_is_refused(tmp_path):
    from onnx import helper

    nodes = [helper.make_node('Identity', ['image'], ['out'])]
    path = save(tmp_path / 'a.onnx', nodes, {}, [1, 4], dict(out=[1, 4]))
    with pytest.raises(ValueError, match=r'takes images \(1, 3, H, W\), not \[1, 4\]'):
        Detector(path)
