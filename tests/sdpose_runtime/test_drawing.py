"""Skeletons in the colours of their sides, only where the model is sure."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sdpose_runtime import People, draw_people
from sdpose_runtime.drawing import MIDDLE, SIDES, draw_text, line_width
from sdpose_runtime.model_file import read_info

from .onnx_files import ENTRY

ENTRY = {**ENTRY, 'skeleton': [[1, 3], [2, 4], [1, 2]]}
INFO = read_info(dict(mmpose_sdpose=json.dumps(ENTRY)), 'model.onnx')
# nose, left hand, right hand, left foot, right foot
POINTS = np.float32([[100, 20], [150, 60], [50, 60], [140, 180], [60, 180]])


def person(points: np.ndarray = POINTS, scores: float = 0.9, **options) -> People:
    scores = np.broadcast_to(np.float32(scores), (1, 5))
    boxes = np.array([[0, 0, 200, 200]])
    return People(boxes, np.ones(1), points[None], scores, np.full(1, 4e4), **options)


@pytest.fixture
def image() -> np.ndarray:
    return np.full((200, 200, 3), 128, np.uint8)


def test_left_right_and_middle_have_their_colours(image):
    drawn = draw_people(image, person(), INFO)
    for middle, colour in (((145, 120), SIDES['left']), ((55, 120), SIDES['right'])):
        assert tuple(drawn[middle[1], middle[0]]) == colour
    assert tuple(drawn[60, 100]) == MIDDLE
    assert tuple(drawn[20, 100]) == MIDDLE  # the nose
    assert (image == 128).all()  # the image itself is not drawn into


def test_keypoints_not_found_are_not_drawn_nor_their_links(image):
    drawn = draw_people(image, person(scores=[0.9, 0.9, 0.2, 0.9, 0.9]), INFO)
    assert (drawn[50:140, 40:65] == 128).all()  # right hand, and what leads to it
    assert (drawn[60, 100] == 128).all()
    assert tuple(drawn[180, 60]) == SIDES['right']  # the right foot alone
    assert tuple(drawn[120, 145]) == SIDES['left']


def test_threshold(image):
    assert (draw_people(image, person(scores=0.5), INFO, threshold=0.6) == 128).all()


def test_the_models_own_threshold(image):
    """Where the caller gives none."""
    own = replace(INFO, threshold=0.6)
    assert (draw_people(image, person(scores=0.5), own) == 128).all()
    assert (draw_people(image, person(scores=0.5), own, threshold=0.4) != 128).any()


def test_lines_are_as_wide_as_the_person_is_large():
    assert [line_width(POINTS * zoom) for zoom in (0.1, 1, 3, 100)] == [1, 2, 6, 12]


def test_numbers_are_written_beside_who_is_followed(image):
    plain = draw_people(image, person(), INFO)
    numbered = draw_people(image, person(ids=np.array([7])), INFO)
    changed = np.argwhere((plain != numbered).any(axis=2))
    assert len(changed) > 10
    assert changed[:, 0].max() < 40  # above the person


@pytest.mark.parametrize('points', [POINTS + 5000, POINTS * 1e7, POINTS - 300])
def test_joints_outside_the_image_do_no_harm(image, points):
    assert draw_people(image, person(np.float32(points)), INFO).shape == image.shape


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_joints_that_are_no_numbers_are_not_drawn(image, bad):
    points = POINTS.copy()
    points[2] = bad  # the right hand
    expected = draw_people(image, person(scores=[0.9, 0.9, 0.2, 0.9, 0.9]), INFO)
    np.testing.assert_array_equal(draw_people(image, person(points), INFO), expected)
    nobody = person(np.full_like(POINTS, bad), ids=np.array([7]))
    np.testing.assert_array_equal(draw_people(image, nobody, INFO), image)


def test_nobody(image):
    nobody = person().select(np.zeros(1, bool))
    np.testing.assert_array_equal(draw_people(image, nobody, INFO), image)


@pytest.mark.parametrize('anchor', [(-50, -50), (500, 500)])
def test_text_stays_in_the_image(image, anchor):
    draw_text(image, '12.5 fps', anchor)
    assert (image != 128).any(axis=2).sum() > 50
