from mmpose_sdpose.datasets import PackPersonCrop
from mmpose_sdpose.models import DeviceAugmentation

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

SIZE = (48, 64)
METAINFO = dict(from_file='configs/_base_/datasets/coco.py')
STILL = dict(
    flip_prob=0.0, half_body_prob=0.0, scale_factor=(1.0, 1.0), rotate_prob=0.0, shift_prob=0.0
)
FLIPPED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def augmentation(**options) -> DeviceAugmentation:
    codec = dict(type='RegressionLabel', input_size=SIZE)
    return DeviceAugmentation(
        codec, METAINFO, mean=[0.0], std=[1.0], bgr_to_rgb=False, **{**STILL, **options}
    )


def dots(count: int, size: int = 96, seed: int = 0):
    """Black pictures with a white dot at each keypoint, the keypoints, all visible, and their boxes."""
    generator = np.random.default_rng(seed)
    points = generator.uniform(0.3 * size, 0.7 * size, (count, 17, 2)).round().astype(np.float32)
    pictures = np.zeros((count, 17, size, size), np.uint8)
    for index in range(count):
        for joint, (x, y) in enumerate(points[index]):
            cv2.circle(pictures[index, joint], (int(x), int(y)), 3, 255, -1)
    boxes = np.tile(np.float32([0.3, 0.3, 0.7, 0.7]) * size, (count, 1))
    return (
        torch.from_numpy(pictures),
        torch.from_numpy(points),
        torch.ones(count, 17),
        torch.from_numpy(boxes),
    )


@pytest.fixture
def photo(tmp_path):
    generator = np.random.default_rng(0)
    picture = cv2.GaussianBlur(generator.integers(0, 255, (200, 160, 3), np.uint8), (0, 0), 4)
    cv2.imwrite(str(tmp_path / 'photo.png'), picture)
    return dict(
        img_path=str(tmp_path / 'photo.png'),
        img=picture,
        bbox=np.float32([[40, 60, 90, 150]]),
        bbox_score=np.ones(1, np.float32),
        keypoints=generator.uniform(40, 140, (1, 17, 2)).astype(np.float32),
        keypoints_visible=np.ones((1, 17), np.float32),
    )


def test_without_augmentation_it_is_topdown_affine(photo):
    pipeline = Compose([GetBBoxCenterScale(), TopdownAffine(SIZE)])
    wanted = pipeline({key: np.copy(value) for key, value in photo.items() if key != 'img_path'})
    packed = PackPersonCrop(size=200)(photo)
    images, points, visible = augmentation().augment(
        *(torch.from_numpy(packed[key])[None] for key in ('inputs', 'keypoints')),
        torch.from_numpy(packed['keypoints_visible'])[None],
        torch.from_numpy(packed['bbox'])[None],
    )
    wanted_points = torch.from_numpy(wanted['transformed_keypoints'])
    torch.testing.assert_close(points, wanted_points, rtol=1e-4, atol=1e-3)
    wanted_image = torch.from_numpy(wanted['img']).permute(2, 0, 1).float()
    assert (images[0] - wanted_image).abs().max() < 8  # sampled twice here, in 1/32 px there
    torch.testing.assert_close(visible, torch.ones(1, 17))


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(rotate_prob=1.0, rotate_factor=90.0),
        dict(shift_prob=1.0, shift_factor=0.3),
        dict(scale_factor=(0.6, 1.4)),
        dict(flip_prob=0.5),
        dict(half_body_prob=1.0),
        dict(
            flip_prob=0.5,
            rotate_prob=1.0,
            shift_prob=1.0,
            scale_factor=(0.7, 1.3),
            half_body_prob=0.5,
        ),
    ],
)
def test_keypoints_go_where_the_picture_goes(options):
    torch.manual_seed(0)
    pictures, points, visible, boxes = dots(32)
    model = augmentation(**options)
    images, moved, visible = model.augment(pictures, points, visible, boxes)
    # the channels are joints here: those of a mirrored image have changed places
    mirrored = torch.zeros(len(images), dtype=torch.bool)
    found = 0
    for index in range(len(images)):
        for joint in range(17):
            x, y = moved[index, joint]
            if not (6 < x < SIZE[0] - 6 and 6 < y < SIZE[1] - 6):
                continue
            centres = {}
            for other in (joint, FLIPPED[joint]):
                light = images[index, other]
                rows, columns = torch.meshgrid(
                    torch.arange(SIZE[1]), torch.arange(SIZE[0]), indexing='ij'
                )
                total = light.sum().clamp(min=1e-6)
                centres[other] = (
                    torch.stack([(columns * light).sum(), (rows * light).sum()]) / total
                )
            away = {other: (c - moved[index, joint]).norm() for other, c in centres.items()}
            mirrored[index] |= bool(away[FLIPPED[joint]] < away[joint])
            assert min(away.values()) < 0.75, (index, joint, away)
            found += 1
    assert found > 100
    assert bool(mirrored.any()) == (options.get('flip_prob', 0) > 0)
    assert not bool(mirrored.all())


def test_all_are_mirrored_with_probability_one():
    pictures, points, visible, boxes = dots(4)
    visible[:, 5] = 0  # a left shoulder becomes a right one
    plain, where, _ = augmentation().augment(pictures, points, visible, boxes)
    images, moved, seen = augmentation(flip_prob=1.0).augment(pictures, points, visible, boxes)
    expected = where[:, FLIPPED] * torch.tensor([-1.0, 1.0]) + torch.tensor([float(SIZE[0]), 0.0])
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(images[..., 1:], plain[..., 1:].flip(-1), rtol=1e-3, atol=0.5)
    assert seen[:, 6].eq(0).all() and seen[:, 5].eq(1).all()


def test_a_cut_hides_what_is_beyond_and_shrinks_the_box():
    torch.manual_seed(0)
    pictures, points, visible, boxes = dots(64)
    bright = torch.full_like(pictures, 255)
    model = augmentation(cut_prob=1.0, cut_keep=(0.5, 0.5))
    rest, seen, window = model._cut(boxes, points, visible)
    cut = (rest != boxes).any(1)
    assert 40 < cut.sum() <= 64  # cuts that leave under four joints are not made
    area = (rest[:, 2] - rest[:, 0]) * (rest[:, 3] - rest[:, 1])
    whole = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    torch.testing.assert_close(area[cut], whole[cut] / 2)
    inside = ((points >= window[:, None, :2]) & (points < window[:, None, 2:])).all(-1)
    torch.testing.assert_close(seen, inside.float())
    assert seen.sum(1).min() >= 4
    torch.manual_seed(0)
    images, _, _ = model.augment(bright, points, visible, boxes)
    black = (images == 0).float().mean((1, 2, 3))
    assert (black[cut] > 0.05).all()
    assert (black[~cut] < 0.05).all()


def test_half_bodies_are_boxes_around_one_half():
    torch.manual_seed(0)
    _, points, visible, boxes = dots(200)
    visible[:20, :10] = 0  # seven left: too few
    found = augmentation(half_body_prob=1.0)._half_bodies(boxes, points, visible)
    torch.testing.assert_close(found[:20], boxes[:20])
    for chosen, share in ((slice(0, 11), 0.7), (slice(11, 17), 0.3)):
        low, high = points[:, chosen].amin(1), points[:, chosen].amax(1)
        centre, extent = (low + high) / 2, 1.5 * (high - low)
        half = torch.cat([centre - extent / 2, centre + extent / 2], 1)
        equal = (found - half).abs().amax(1) < 1e-3
        assert abs(equal[20:].float().mean() - share) < 0.12


@pytest.mark.parametrize(
    'options', [dict(low_resolution=0.5), dict(colour=0.4), dict(occluder_prob=0.5)]
)
def test_what_changes_pictures_alone(options):
    torch.manual_seed(0)
    pictures, points, visible, boxes = dots(16)
    pictures = torch.randint(0, 255, (16, 3, 96, 96), dtype=torch.uint8)
    plain, where, _ = augmentation().augment(pictures, points, visible, boxes)
    images, moved, seen = augmentation(**options).augment(pictures, points, visible, boxes)
    torch.testing.assert_close(moved, where)
    torch.testing.assert_close(seen, visible)
    changed = ((images - plain).abs().amax((1, 2, 3)) > 1).sum()
    assert 4 <= changed <= 16
    assert images.min() >= 0 and images.max() <= 255.5


def test_heads_get_what_their_codec_encodes():
    model = DeviceAugmentation(
        dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=(12, 16), sigma=1, unbiased=True),
        METAINFO,
        mean=[0, 0, 0],
        std=[1, 1, 1],
    )
    pictures, points, visible, boxes = dots(3)
    batch = dict(inputs=pictures[:, :3], keypoints=points, keypoints_visible=visible, bbox=boxes)
    data = model(batch, training=True)
    assert data['inputs'].shape == (3, 3, 64, 48)
    assert len(data['data_samples']) == 3
    for sample in data['data_samples']:
        assert sample.gt_fields.heatmaps.shape == (17, 16, 12)
        assert sample.gt_instance_labels.keypoint_weights.shape == (1, 17)


def test_in_half_precision_positions_stay_exact():
    """As with --amp: the model's autocast is on where batches are made."""
    pictures, points, visible, boxes = dots(3)
    batch = dict(inputs=pictures[:, :3], keypoints=points, keypoints_visible=visible, bbox=boxes)
    model = augmentation(rotate_prob=1.0)
    data = []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            data.append(model(batch, training=True))
    torch.testing.assert_close(data[1]['inputs'], data[0]['inputs'], rtol=0, atol=0)
    for one, other in zip(*(part['data_samples'] for part in data)):
        labels = one.gt_instance_labels.keypoint_labels, other.gt_instance_labels.keypoint_labels
        torch.testing.assert_close(*labels, rtol=0, atol=0)


def test_a_list_of_pictures_is_a_batch():
    pictures, points, visible, boxes = dots(3)
    batch = dict(inputs=pictures[:, :3], keypoints=points, keypoints_visible=visible, bbox=boxes)
    lists = {key: [value.numpy() for value in values] for key, values in batch.items()}
    model = DeviceAugmentation(
        dict(type='RegressionLabel', input_size=SIZE), METAINFO, mean=[0.0], std=[1.0]
    )
    torch.manual_seed(0)
    wanted = model(batch, training=True)
    torch.manual_seed(0)
    found = model(lists, training=True)
    torch.testing.assert_close(found['inputs'], wanted['inputs'])
    for one, other in zip(found['data_samples'], wanted['data_samples']):
        torch.testing.assert_close(
            one.gt_instance_labels.keypoint_labels, other.gt_instance_labels.keypoint_labels
        )


@pytest.mark.parametrize(
    'options',
    [dict(flip_prob=1.5), dict(scale_factor=(1.2, 0.8)), dict(padding=0.0), dict(colour=-1.0)],
)
def test_bad_arguments_are_named(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        augmentation(**options)
