"""What each augmentation does to image, box and joints."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS


def build(**options):
    init_default_scope('mmpose')
    return TRANSFORMS.build(options)


@pytest.fixture
def person() -> dict:
    """A photo of 100 x 80, a box of 40 x 60 at (20, 10), joints from head to foot along its middle."""
    np.random.seed(0)
    image = np.random.default_rng(0).integers(1, 255, (80, 100, 3), np.uint8)
    points = np.stack([np.full(13, 40.0), np.linspace(10, 69, 13)], axis=1)
    return dict(
        img=image,
        bbox=np.array([[20, 10, 60, 70]], np.float32),
        keypoints=points[None].astype(np.float32),
        keypoints_visible=np.ones((1, 13), np.float32),
    )


@pytest.mark.parametrize(
    ('side', 'window', 'box'),
    [
        ('bottom', (0, 0, 100, 40), (20, 10, 60, 40)),
        ('top', (0, 40, 100, 80), (20, 40, 60, 70)),
        ('left', (39, 0, 100, 80), (39, 10, 60, 70)),
        ('right', (0, 0, 41, 80), (20, 10, 41, 70)),
    ],
)
def test_a_cut_leaves_a_photo_that_ends_there(person, side, window, box):
    keep = 0.525 if side in ('left', 'right') else 0.5
    cut = build(type='RandomBodyCut', prob=1, keep=(keep, keep), sides={side: 1})
    found = cut(dict(person))
    left, top, right, bottom = window
    expected = np.zeros_like(person['img'])
    expected[top:bottom, left:right] = person['img'][top:bottom, left:right]
    np.testing.assert_array_equal(found['img'], expected)
    np.testing.assert_array_equal(found['bbox'], [box])
    y = person['keypoints'][0, :, 1]
    seen = (y >= top) & (y < bottom)
    np.testing.assert_array_equal(found['keypoints_visible'][0] > 0, seen)
    assert found['bbox'].dtype == found['keypoints_visible'].dtype == np.float32
    assert person['img'].min() > 0, 'the photo given is left as it was'
    assert person['keypoints_visible'].all()


def test_a_cut_takes_what_a_keypoint_converter_leaves(person):
    """Two columns of each joint: visible, and weighted."""
    cut = build(type='RandomBodyCut', prob=1, keep=(0.5, 0.5), sides=dict(bottom=1), min_joints=0)
    alone = cut(dict(person))['keypoints_visible']
    columns = np.stack([person['keypoints_visible']] * 2, axis=2)
    both = cut(dict(person, keypoints_visible=columns))['keypoints_visible']
    assert 0 < alone.sum() < person['keypoints_visible'].sum()
    np.testing.assert_array_equal(both, np.stack([alone] * 2, axis=2))


def test_joints_that_the_data_lacks_do_not_count_among_those_that_a_cut_leaves(person):
    cut = build(type='RandomBodyCut', prob=1, keep=(0.5, 0.5), sides=dict(bottom=1), min_joints=1)
    visible = person['keypoints_visible']
    lacking = dict(person, keypoints_visible=np.stack([visible, 0 * visible], axis=2))
    assert cut(dict(person))['bbox'].tolist() != person['bbox'].tolist()
    assert cut(lacking) is lacking


def test_no_cut_where_too_little_would_be_left(person):
    cut = build(type='RandomBodyCut', prob=1, keep=(0.2, 0.2), sides=dict(bottom=1), min_joints=4)
    assert cut(person) is person
    assert build(type='RandomBodyCut', prob=0)(person) is person


def test_low_resolution_is_a_smaller_picture_enlarged(person):
    transform = build(type='RandomLowResolution', prob=1, factor=(0.25, 0.25), jpeg_prob=0)
    small = cv2.resize(person['img'], (25, 20), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(
        transform(dict(person))['img'], cv2.resize(small, (100, 80), interpolation=cv2.INTER_LINEAR)
    )
    jpeg = build(type='RandomLowResolution', prob=0, jpeg_prob=1, jpeg_quality=(30, 30))
    data = cv2.imencode('.jpg', person['img'], [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    np.testing.assert_array_equal(jpeg(dict(person))['img'], cv2.imdecode(data, cv2.IMREAD_COLOR))


def test_occluders_are_pieces_of_what_was_seen_before(person):
    occlude = build(type='RandomOccluder', prob=1, size=(0.4, 0.4), count=(1, 1))
    white = dict(person, img=np.full_like(person['img'], 255))
    assert occlude(white) is white, 'nothing was seen before'
    black = np.zeros_like(person['img'])
    areas = []
    for _ in range(50):
        occlude.crops.clear()
        occlude.crops.append(white['img'])
        found = occlude(dict(person, img=black))['img']
        assert set(np.unique(found)) <= {0, 255}
        areas.append(int((found == 255).all(axis=2).sum()))
    assert not black.any(), 'what was given is left as it was'
    # 32 x 32 pixels at most, an ellipse and what is cut off at the edge less.
    assert max(areas) == 32 * 32
    assert len(set(areas)) > 3
    np.testing.assert_array_equal(person['keypoints_visible'], 1)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (dict(type='RandomBodyCut', prob=1.5), 'prob'),
        (dict(type='RandomBodyCut', keep=(0.5, 1.5)), 'keep'),
        (dict(type='RandomBodyCut', sides=dict(under=1)), 'sides'),
        (dict(type='RandomBodyCut', sides=dict(top=0)), 'sides'),
        (dict(type='RandomLowResolution', factor=(0, 0.5)), 'factor'),
        (dict(type='RandomLowResolution', jpeg_quality=(20, 101)), 'jpeg_quality'),
        (dict(type='RandomOccluder', count=(0, 1)), 'count'),
        (dict(type='RandomOccluder', size=(0.5, 0.2)), 'size'),
        (dict(type='RandomOccluder', memory=0), 'memory'),
        (dict(type='RandomBodyCut', prob='x'), 'prob'),
        (dict(type='RandomBodyCut', keep=0.5), 'keep'),
        (dict(type='RandomBodyCut', keep=('a', 1)), 'keep'),
        (dict(type='RandomBodyCut', sides=dict(top='x')), 'top'),
        (dict(type='RandomOccluder', count=('1', 2)), 'count'),
        (dict(type='RandomOccluder', memory='x'), 'memory'),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises((TypeError, ValueError), match=rf'{said} \('):
        build(**options)
