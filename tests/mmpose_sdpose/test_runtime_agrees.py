"""The runtime agrees with MMPose: crops to the last bit, real photos keypoint by keypoint and in AP."""

from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.engine import load_from_package
from mmpose_sdpose.tools import export_onnx

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine
from mmpose.evaluation.functional import oks_nms
from mmpose.models import PoseDataPreprocessor
from mmpose.registry import DATASETS, METRICS
from mmpose.structures import PoseDataSample
from torch import nn

from sdpose_runtime import PoseModel
from sdpose_runtime.cli import main
from sdpose_runtime.model_file import ModelInfo, read_info
from sdpose_runtime.pose_model import crop_people

from ..sdpose_runtime.onnx_files import ENTRY
from ..sdpose_runtime.test_people import SIGMAS, crowd

HEATMAPS = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
COORDINATES = 'td-reg_distilpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
SIZE = (192, 256)
BOXES = np.float32(
    [
        [30.3, 20.7, 90.1, 200.9],  # upright
        [10, 100, 300, 150.5],  # lying
        [-40.2, -30, 80, 60],  # beyond the corner
        [250, 180, 420.5, 400],  # beyond the other one
        [100.25, 100.5, 103, 104],  # a few pixels
        [-1000, -1000, 2000, 2000],  # much more than the image
    ]
)


def info(**changes) -> ModelInfo:
    entry = {**ENTRY, 'input_size': list(SIZE), **changes}
    return read_info(dict(mmpose_sdpose=json.dumps(entry)), 'model.onnx')


def by_mmpose(image: np.ndarray, box: np.ndarray, use_udp: bool) -> tuple[np.ndarray, dict]:
    results = dict(img=image, bbox=box[None])
    for transform in (GetBBoxCenterScale(), TopdownAffine(SIZE, use_udp=use_udp)):
        results = transform(results)
    crop = torch.from_numpy(results['img'].transpose(2, 0, 1).copy())
    preprocess = PoseDataPreprocessor(mean=ENTRY['mean'], std=ENTRY['std'], bgr_to_rgb=True)
    inputs = preprocess(dict(inputs=[crop], data_samples=[PoseDataSample()]))['inputs']
    return inputs[0].numpy(), results


@pytest.mark.parametrize('use_udp', [False, True])
def test_crops_equal_mmposes(use_udp):
    """The boxes above, and 60 of any size and place."""
    numbers = np.random.default_rng(0)
    image = numbers.integers(0, 256, (240, 320, 3), np.uint8)
    corners = numbers.uniform(-50, 300, (60, 2))
    drawn = np.concatenate([corners, corners + numbers.uniform(1, 300, (60, 2))], axis=1)
    boxes = np.concatenate([BOXES, drawn.astype(np.float32)])
    crops = crop_people(image, boxes, info(use_udp=use_udp))
    for index, box in enumerate(boxes):
        expected, results = by_mmpose(image, box, use_udp)
        np.testing.assert_array_equal(crops.inputs[index], expected)
        np.testing.assert_array_equal(crops.centers[index], results['input_center'])
        np.testing.assert_array_equal(crops.scales[index], results['input_scale'])


@pytest.mark.parametrize('limit', [0.5, 0.9])
@pytest.mark.parametrize('spread', [0.5, 3, 20])
@pytest.mark.parametrize('seed', range(3))
def test_the_same_people_stay_as_by_mmposes_oks_nms(seed, spread, limit):
    people = crowd(seed, spread)
    scores = people.pose_scores()
    database = [
        dict(
            keypoints=np.column_stack([people.keypoints[i], people.scores[i]]),
            score=scores[i],
            area=people.areas[i],
        )
        for i in range(12)
    ]
    expected = sorted(oks_nms(database, limit, SIGMAS))
    assert people.distinct(SIGMAS, limit).ids.tolist() == expected


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """An estimator and its ONNX file, by config: trained heatmaps, coordinates from random weights."""
    made = {}

    def make(config: str, flip_test: bool) -> tuple[nn.Module, Path]:
        if (config, flip_test) not in made:
            folder = tmp_path_factory.mktemp('model')
            torch.manual_seed(0)
            model = build_model(config).eval()
            if config == HEATMAPS:
                weights = load_from_package(WEIGHTS)['state_dict']
                model.load_state_dict({key: value.float() for key, value in weights.items()})
            torch.save(dict(state_dict=model.state_dict()), folder / 'weights.pth')
            command = [config, str(folder / 'weights.pth'), str(folder / 'model.onnx')]
            options = ['--flip-test'] if flip_test else []
            assert export_onnx.main([*command, '--batch', '2', *options]) == 0
            made[config, flip_test] = model, folder / 'model.onnx'
        return made[config, flip_test]

    return make


def data_set(config: str, photos: Path):
    folder = photos / 'coco_sample'
    return DATASETS.build(
        dict(
            type='CocoDataset',
            test_mode=True,
            ann_file=str(folder / 'test_coco.json'),
            bbox_file=str(folder / 'test_coco_det_AP_H_56.json'),
            data_prefix=dict(img=str(folder)),
            pipeline=read_config(config).test_dataloader.dataset.pipeline,
        )
    )


def predict(model: nn.Module, samples: list) -> list:
    with torch.no_grad():
        return [result for part in batches(samples) for result in model.test_step(part)]


def batches(samples: list) -> list:
    return [pseudo_collate(samples[start : start + 32]) for start in range(0, len(samples), 32)]


@pytest.mark.parametrize('flip_test', [False, True])
@pytest.mark.parametrize('config', [HEATMAPS, COORDINATES])
def test_keypoints_agree_within_a_hundredth_of_a_pixel(models, photos, config, flip_test):
    model, path = models(config, flip_test)
    model.test_cfg['flip_test'] = flip_test
    dataset = data_set(config, photos)
    runtime = PoseModel(path, threads=1)
    assert runtime.info.flip_test is flip_test
    largest = 0.0
    for expected in predict(model, [dataset[index] for index in range(0, len(dataset), 4)]):
        image = cv2.imread(expected.img_path)
        result = runtime(image, expected.gt_instances.bboxes)
        distance = np.abs(result.keypoints - expected.pred_instances.keypoints).max()
        largest = max(largest, float(distance))
        scores = expected.pred_instances.keypoint_scores
        np.testing.assert_allclose(result.scores, scores, atol=1e-4)
    assert largest < 0.01


def test_average_precision_agrees(models, photos, tmp_path):
    """The JSON of the command line, evaluated by COCO's tools, against ``CocoMetric``."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    model, path = models(HEATMAPS, flip_test=False)
    folder, out = photos / 'coco_sample', tmp_path / 'out'
    model.test_cfg['flip_test'] = False
    dataset = data_set(HEATMAPS, photos)
    metric = METRICS.build(dict(type='CocoMetric', ann_file=str(folder / 'test_coco.json')))
    metric.dataset_meta = dataset.metainfo
    samples = predict(model, [dataset[index] for index in range(len(dataset))])
    metric.process({}, [sample.to_dict() for sample in samples])
    expected = metric.evaluate(size=len(samples))

    command = [str(path), str(folder), '--out', str(out), '--json', '--no-pictures']
    boxes = ['--boxes', str(folder / 'test_coco_det_AP_H_56.json'), '--box-threshold', '0']
    assert main([*command, *boxes]) == 0
    truth = COCO(str(folder / 'test_coco.json'))
    evaluation = COCOeval(truth, truth.loadRes(str(out / 'keypoints.json')), 'keypoints')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert 0 < expected['coco/AP'] < 1
    assert evaluation.stats[0] == pytest.approx(expected['coco/AP'], abs=1e-4)
    assert evaluation.stats[5] == pytest.approx(expected['coco/AR'], abs=1e-4)
    assert {person['image_id'] for person in json.loads((out / 'keypoints.json').read_text())} <= {
        785,
        40083,
        196141,
        197388,
    }
