"""Our configs' pipeline, codec and flip test against MMPose 0.29's, as the official code used it."""

from __future__ import annotations

from mmpose_sdpose.configs import find_config

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS

from ..official_models import CONFIGS, boxed_samples, official_model
from ..reference import recorded, rule_input

CONFIG = Config.fromfile(find_config(CONFIGS['sdpose_t']))
REGRESSION_CONFIG = Config.fromfile(find_config(CONFIGS['distilpose_s']))
CASES = recorded('pipeline')
DECODE = recorded('decode')


@pytest.fixture(scope='module', autouse=True)
def default_scope():
    init_default_scope('mmpose')


@pytest.fixture(scope='module')
def codec():
    return KEYPOINT_CODECS.build(CONFIG.codec)


def transformed(case: int, config: Config = CONFIG) -> dict:
    """The recorded box, flip and rotation through the config's own warp and target generation."""
    center, scale = CASES['center'][case], CASES['scale'][case] * 200
    joints, visible = CASES['raw_joints'].copy(), CASES['raw_visible'].copy()
    image = np.zeros((425, 640, 3), np.uint8)
    results = dict(
        img=image,
        bbox_center=center[None].astype(np.float32),
        bbox_scale=scale[None].astype(np.float32),
        bbox_rotation=np.array([CASES['rotation'][case]], np.float32),
        keypoints=joints[None],
        keypoints_visible=visible[None],
        dataset_keypoint_weights=np.ones(17, np.float32),
    )
    if CASES['flipped'][case]:
        results['keypoints'], results['keypoints_visible'] = flipped(joints, visible)
    for step in config.train_pipeline:
        if step.type in ('TopdownAffine', 'GenerateTarget'):
            results = TRANSFORMS.build(step)(results)
    return results


def flipped(joints: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.arange(17)
    for left, right in CASES['flip_pairs']:
        order[[left, right]] = right, left
    mirrored = joints[order].copy()
    mirrored[:, 0] = 640 - 1 - mirrored[:, 0]
    return mirrored[None], visible[order][None]


CASE_NAMES = [str(name)[:30] for name in CASES['names']]


@pytest.mark.parametrize('case', range(6), ids=CASE_NAMES)
def test_targets(case):
    results = transformed(case)
    weights = CASES['target_weight'][case][:, 0]
    np.testing.assert_allclose(results['keypoint_weights'][0], weights)
    seen = weights > 0
    joints = results['transformed_keypoints'][0][seen]
    np.testing.assert_allclose(joints, CASES['joints'][case][seen], atol=2e-3)
    np.testing.assert_allclose(results['heatmaps'][seen], CASES['target'][case][seen], atol=1e-4)


@pytest.mark.parametrize('case', range(6), ids=CASE_NAMES)
def test_regression_targets(case):
    results = transformed(case, REGRESSION_CONFIG)
    weights = CASES['reg_target_weight'][case][:, 0]  # official: one column for x, one for y
    np.testing.assert_allclose(results['keypoint_weights'][0], weights)
    seen = weights > 0
    labels = results['keypoint_labels'][0][seen]
    np.testing.assert_allclose(labels, CASES['reg_target'][case][seen], atol=1e-5)


def test_targets_used_by_the_losses(codec):
    arrays = recorded('targets')
    for joints, visible, target, weight in zip(
        arrays['joints'], arrays['visible'], arrays['target'], arrays['target_weight']
    ):
        encoded = codec.encode(joints[None], visible[None].astype(np.float32))
        np.testing.assert_allclose(encoded['heatmaps'], target, atol=1e-6)
        np.testing.assert_allclose(encoded['keypoint_weights'][0], weight[:, 0])


def test_regression_targets_used_by_the_losses():
    arrays = recorded('targets')
    label = KEYPOINT_CODECS.build(REGRESSION_CONFIG.codec)
    for joints, visible, target, weight in zip(
        arrays['joints'], arrays['visible'], arrays['reg_target'], arrays['reg_target_weight']
    ):
        encoded = label.encode(joints[None], visible[None].astype(np.float32))
        np.testing.assert_allclose(encoded['keypoint_labels'][0], target, atol=1e-6)
        np.testing.assert_allclose(encoded['keypoint_weights'], weight.T[:1])
        np.testing.assert_array_equal(weight[:, 0], weight[:, 1])


@pytest.mark.parametrize('case', range(6))
def test_photo_crop(case, photos):
    """The warp itself, on the real photo: MMPose 1.x computes the same crop within a grey level."""
    import cv2

    image = cv2.imread(str(photos / 'coco_sample' / '000000000785.jpg'))
    if CASES['flipped'][case]:
        image = image[:, ::-1].copy()
    results = dict(
        img=image,
        bbox_center=CASES['center'][case][None].astype(np.float32),
        bbox_scale=(CASES['scale'][case][None] * 200).astype(np.float32),
        bbox_rotation=np.array([CASES['rotation'][case]], np.float32),
    )
    results = TRANSFORMS.build(CONFIG.val_pipeline[2])(results)
    crop = results['img'][..., ::-1].astype(np.float64)
    coarse = crop.reshape(32, 8, 24, 8, 3).mean(axis=(1, 3))
    assert abs(coarse - CASES['crop_coarse'][case]).max() < 0.5
    columns = crop[:, [48, 96, 150]]
    assert abs(columns - CASES['crop_cols'][case]).mean() < 0.05


def in_image(keypoints: np.ndarray, index: int) -> np.ndarray:
    """From input pixels to the recorded boxes' image pixels, as TopdownPoseEstimator does."""
    scale, size = DECODE['scale'][index] * 200, np.array([192, 256])
    return keypoints / size * scale + DECODE['center'][index] - 0.5 * scale


@pytest.mark.parametrize('source', ['sdpose_t_cycle1', 'sdpose_t_flip_averaged', 'gaussian'])
def test_decoding(source, codec):
    heatmaps = {
        'sdpose_t_cycle1': recorded('sdpose_t')['heatmaps'][0],
        'sdpose_t_flip_averaged': DECODE['flip_averaged'],
        'gaussian': DECODE['gaussian_heatmaps'],
    }[source]
    for index in range(2):
        keypoints, scores = codec.decode(heatmaps[index].copy())
        ours = in_image(keypoints[0], index)
        # Where a nudge of 1e-6 moves the official result, equality means nothing.
        stable = DECODE[f'{source}__unbiased__sensitivity_px'][index].max(-1) < 1e-3
        assert stable.sum() >= 8
        expected = DECODE[f'{source}__unbiased__preds'][index]
        np.testing.assert_allclose(ours[stable], expected[stable], atol=0.02)
        maxima = DECODE[f'{source}__unbiased__maxvals'][index][:, 0]
        np.testing.assert_allclose(scores[0], maxima, atol=1e-6)


def test_flip_test_from_image_to_keypoints(codec):
    """TopdownPoseEstimator.predict with flip test, end to end, against the official test path."""
    model = official_model('sdpose_t')
    assert model.test_cfg['flip_test']
    model.test_cfg['output_heatmaps'] = True
    try:
        with torch.no_grad():
            predicted = model.predict(rule_input(), boxed_samples(DECODE))
    finally:
        del model.test_cfg['output_heatmaps']
    for index, sample in enumerate(predicted):
        heatmaps = torch.from_numpy(DECODE['flip_averaged'][index])
        torch.testing.assert_close(sample.pred_fields.heatmaps, heatmaps, atol=5e-5, rtol=0)
        sensitivity = DECODE['sdpose_t_flip_averaged__unbiased__sensitivity_px'][index].max(-1)
        stable = sensitivity < 1e-3
        ours = sample.pred_instances.keypoints[0][stable]
        expected = DECODE['sdpose_t_flip_averaged__unbiased__preds'][index][stable]
        np.testing.assert_allclose(ours, expected, atol=0.05)
