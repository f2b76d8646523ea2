"""Boxes: those of the whole image, and which can be used."""

from __future__ import annotations

import numpy as np

from sdpose_runtime import Boxes, WholeImage
from sdpose_runtime.boxes import box_overlaps, box_shares
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


def test_shares_of_the_smaller_one():
    first = np.float32([[0, 0, 4, 4], [2, 2, 6, 6]])
    second = np.float32([[0, 0, 4, 4], [0, 0, 2, 4], [9, 9, 10, 10]])
    np.testing.assert_allclose(box_shares(first, second), [[1, 1, 0], [0.25, 0, 0]], rtol=1e-6)


def test_two_lots_in_one():
    first, second = (Boxes(np.full((n, 4), n, np.float32), np.full(n, n / 4)) for n in (2, 1))
    joined = first.join(second)
    np.testing.assert_array_equal(joined.corners[:, 0], [2, 2, 1])
    np.testing.assert_array_equal(joined.scores, [0.5, 0.5, 0.25])
