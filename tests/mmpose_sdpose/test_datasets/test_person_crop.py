from mmpose_sdpose.datasets import PackPersonCrop, person_crop

import cv2
import numpy as np
import pytest


@pytest.fixture
def person(tmp_path):
    picture = np.zeros((300, 200, 3), np.uint8)
    points = np.float32([[[60, 80], [110, 200], [90, 140]]])
    for x, y in points[0]:
        cv2.circle(picture, (int(x), int(y)), 5, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / 'photo.png'), picture)
    return dict(
        img_path=str(tmp_path / 'photo.png'),
        bbox=np.float32([[50, 70, 120, 210]]),
        keypoints=points,
        keypoints_visible=np.float32([[1, 0, 1]]),
    )


@pytest.mark.parametrize('size', [40, 96, 320])
def test_keypoints_lie_on_the_same_places(person, size):
    packed = PackPersonCrop(size=size)(person)
    assert packed['inputs'].shape == (3, size, size)
    assert packed['inputs'].dtype == np.uint8
    zoom = size / (1.7 * 140)
    np.testing.assert_allclose(
        packed['bbox'][2:] - packed['bbox'][:2], zoom * np.float32([70, 140])
    )
    np.testing.assert_allclose(packed['bbox'].reshape(2, 2).mean(0), size / 2, rtol=1e-5)
    for x, y in packed['keypoints']:
        assert packed['inputs'][:, round(float(y)), round(float(x))].min() > 200
    np.testing.assert_array_equal(packed['keypoints_visible'], [1, 0, 1])


def test_a_wide_box_sets_the_side_by_its_width(person):
    person['bbox'] = np.float32([[20, 70, 180, 110]])
    packed = PackPersonCrop(size=100, padding=2.0, aspect_ratio=0.5)(person)
    np.testing.assert_allclose(packed['bbox'][2] - packed['bbox'][0], 100 / (2 * 320) * 160)


def test_a_photo_is_read_once(person, tmp_path):
    transform = PackPersonCrop(size=64)
    first = transform(person)
    (tmp_path / 'photo.png').unlink()
    np.testing.assert_array_equal(transform(person)['inputs'], first['inputs'])
    with pytest.raises(FileNotFoundError, match='photo.png is not there'):
        PackPersonCrop(size=64, keep=False)(person)


def test_kept_pictures_do_not_overwrite_each_other(person, monkeypatch):
    monkeypatch.setattr(person_crop, '_BLOCK', 3 * (3 * 64 * 64))  # a block of three
    transform, alone = PackPersonCrop(size=64), PackPersonCrop(size=64, keep=False)
    boxes = [np.float32([[50 + step, 70, 120, 210]]) for step in range(8)]
    for _ in range(2):
        for box in boxes:
            packed, expected = (crop(dict(person, bbox=box)) for crop in (transform, alone))
            np.testing.assert_array_equal(packed['inputs'], expected['inputs'])
    blocks = {id(picture.base) for picture in transform._kept.values()}
    assert len(transform._kept) == 8 and len(blocks) == 3


def test_what_a_keypoint_converter_leaves_is_one_number_for_each_joint(person):
    person['keypoints_visible'] = np.float32([[[1, 1], [1, 0], [0, 1]]])  # visible, weighted
    packed = PackPersonCrop(size=64)(person)
    np.testing.assert_array_equal(packed['keypoints_visible'], np.float32([1, 0, 0]))
