"""Boxes from COCO-style files and of the whole image."""

from __future__ import annotations

import json

import numpy as np
import pytest

from .onnx_files import ENTRY  # noqa: F401  skips where ONNX Runtime is missing

from sdpose_runtime import Boxes, BoxFile, WholeImage  # isort: skip
from sdpose_runtime.sources import Frame  # isort: skip


def frame(name: str = 'a.jpg') -> Frame:
    return Frame(name, np.zeros((100, 200, 3), np.uint8))


def box_file(tmp_path, content) -> BoxFile:
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(content))
    return BoxFile(path)


def test_the_whole_image():
    boxes = WholeImage()(frame())
    np.testing.assert_array_equal(boxes.corners, [[0, 0, 200, 100]])
    np.testing.assert_array_equal(boxes.scores, [1])


class TestAnnotations:
    CONTENT = dict(
        images=[dict(id=7, file_name='train/a.jpg'), dict(id=9, file_name='b.jpg')],
        annotations=[
            dict(image_id=7, bbox=[10, 20, 30, 40], category_id=1),
            dict(image_id=7, bbox=[-5, -5, 500, 500], category_id=1),
            dict(image_id=7, bbox=[0, 0, 50, 50], category_id=1, iscrowd=1),
            dict(image_id=7, bbox=[0, 0, 50, 50], category_id=18),
        ],
    )

    def test_boxes_of_people_within_the_image(self, tmp_path):
        boxes = box_file(tmp_path, self.CONTENT)(frame())
        np.testing.assert_array_equal(boxes.corners, [[10, 20, 40, 60], [0, 0, 199, 99]])
        np.testing.assert_array_equal(boxes.scores, [1, 1])

    def test_images_by_name(self, tmp_path):
        boxes = box_file(tmp_path, self.CONTENT)
        assert [boxes.image_id(name) for name in ('a.jpg', 'b.jpg', '7.jpg')] == [7, 9, None]

    def test_an_image_without_people(self, tmp_path):
        assert box_file(tmp_path, self.CONTENT)(frame('b.jpg')).corners.shape == (0, 4)


class TestResults:
    def test_images_by_number(self, tmp_path):
        entries = [dict(image_id=785, category_id=1, bbox=[10, 20, 30, 40], score=0.25)]
        boxes = box_file(tmp_path, entries)
        found = boxes(frame('000000000785.jpg'))
        np.testing.assert_array_equal(found.corners, [[10, 20, 40, 60]])
        np.testing.assert_array_equal(found.scores, [0.25])
        assert boxes.image_id('000000000785.jpg') == 785
        assert boxes.image_id('photo.jpg') is None

    def test_images_by_name_in_our_own_results(self, tmp_path):
        entries = [dict(image_id=3, bbox=[1, 2, 3, 4], score=0.5, file_name='a.jpg')]
        boxes = box_file(tmp_path, entries)
        assert boxes.image_id('a.jpg') == 3
        np.testing.assert_array_equal(boxes(frame()).corners, [[1, 2, 4, 6]])


@pytest.mark.parametrize(
    'content',
    [
        3,
        ['a'],
        dict(images=[]),
        [dict(image_id=1)],
        [dict(image_id=1, bbox=[1, 2])],
        dict(images=[dict(id=1)], annotations=[]),
    ],
)
def test_other_files_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match='boxes.json holds no boxes: expected COCO'):
        box_file(tmp_path, content)


def test_no_json_at_all(tmp_path):
    (tmp_path / 'boxes.json').write_text('{')
    with pytest.raises(ValueError, match='holds no boxes'):
        BoxFile(tmp_path / 'boxes.json')
    with pytest.raises(OSError):
        BoxFile(tmp_path / 'none.json')


def test_poor_and_empty_boxes_are_left_out():
    corners = np.float32([[0, 0, 4, 4], [0, 0, 0, 4], [1, 1, 4, 4], [4, 4, 0, 0]])
    boxes = Boxes(corners, np.float32([0.9, 0.9, 0.2, 0.9])).above(0.3)
    np.testing.assert_array_equal(boxes.corners, corners[:1])
    np.testing.assert_array_equal(boxes.scores, np.float32([0.9]))
