"""Boxes: those of the whole image, and which can be used."""

from __future__ import annotations

import numpy as np

from sdpose_runtime import Boxes, WholeImage
from sdpose_runtime.boxes import box_overlaps
from sdpose_runtime.sources import Frame

NAN, INF = float('nan'), float('inf')


def test_the_whole_image():
    boxes = WholeImage()(Frame('a.jpg', np.zeros((100, 200, 3), np.uint8)))
    np.testing.assert_array_equal(boxes.corners, [[0, 0, 200, 100]])
    np.testing.assert_array_equal(boxes.scores, [1])


def test_poor_and_empty_boxes_are_left_out():
    corners = np.float32([[0, 0, 4, 4], [0, 0, 0, 4], [1, 1, 4, 4], [4, 4, 0, 0]])
    boxes = Boxes(corners, np.float32([0.9, 0.9, 0.2, 0.9])).above(0.3)
    np.testing.assert_array_equal(boxes.corners, corners[:1])
    np.testing.assert_array_equal(boxes.scores, np.float32([0.9]))


def test_boxes_that_are_no_numbers():
    corners = np.float32([[0, 0, 4, 4], [0, NAN, 4, 4], [0, 0, INF, 4], [1, 1, 2, 2]])
    boxes = Boxes(corners, np.float32([0.9, 0.9, 0.9, NAN]))
    assert boxes.usable().tolist() == [True, False, False, False]


def test_overlaps_of_every_pair():
    first = np.float32([[0, 0, 4, 4], [2, 2, 6, 6]])
    second = np.float32([[0, 0, 4, 4], [0, 0, 2, 4], [9, 9, 10, 10]])
    expected = [[1, 0.5, 0], [4 / 28, 0, 0]]
    np.testing.assert_allclose(box_overlaps(first, second), expected, rtol=1e-6)
