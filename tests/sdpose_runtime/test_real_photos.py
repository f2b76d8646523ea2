"""On real photos the runtime agrees with MMPose's test pipeline, keypoint by keypoint and in AP."""

from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.engine import load_packaged_weights

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, METRICS
from torch import nn

from .onnx_files import ENTRY, torch_file

from sdpose_runtime import PoseModel  # isort: skip
from sdpose_runtime.cli import main  # isort: skip

HEATMAPS = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
COORDINATES = 'td-reg_distilpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


class Raw(nn.Module):
    """The outputs of an estimator, as an exported file gives them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image):
        output = self.model.head(self.model.backbone(image))
        return output if output.ndim == 4 else (output[..., :2], output[..., 2])


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """An estimator and its ONNX file by config: trained heatmaps, coordinates from random weights."""
    made = {}

    def make(config: str) -> tuple[nn.Module, Path, dict]:
        if config not in made:
            torch.manual_seed(0)
            cfg, model = read_config(config), build_model(config).eval()
            if config == HEATMAPS:
                weights = load_packaged_weights(WEIGHTS)['state_dict']
                model.load_state_dict({key: value.float() for key, value in weights.items()})
            codec = dict(cfg.model.head.decoder)
            data = DATASETS.build(dict(type='CocoDataset', test_mode=True, lazy_init=True)).metainfo
            entry = dict(
                ENTRY,
                input_size=[96, 128],
                output='heatmaps' if config == HEATMAPS else 'normalised_keypoints',
                codec=codec | dict(blur_kernel_size=11) if config == HEATMAPS else None,
                keypoint_names=list(data['keypoint_id2name'].values()),
                flip_pairs=[[i, j] for i, j in enumerate(data['flip_indices']) if i < j],
                skeleton=data['skeleton_links'],
                sigmas=data['sigmas'].tolist(),
            )
            path = tmp_path_factory.mktemp('model') / 'model.onnx'
            made[config] = model, torch_file(path, Raw(model).eval(), entry, batch=2), cfg
        return made[config]

    return make


def data_set(cfg, photos: Path):
    folder = photos / 'coco_sample'
    return DATASETS.build(
        dict(
            type='CocoDataset',
            test_mode=True,
            ann_file=str(folder / 'test_coco.json'),
            bbox_file=str(folder / 'test_coco_det_AP_H_56.json'),
            data_prefix=dict(img=str(folder)),
            pipeline=cfg.test_dataloader.dataset.pipeline,
        )
    )


def predict(model: nn.Module, samples: list) -> list:
    with torch.no_grad():
        return [result for part in batches(samples) for result in model.test_step(part)]


def batches(samples: list) -> list:
    return [pseudo_collate(samples[start : start + 32]) for start in range(0, len(samples), 32)]


@pytest.mark.parametrize('flip_test', [False, True])
@pytest.mark.parametrize('config', [HEATMAPS, COORDINATES])
def test_keypoints_agree_within_half_a_pixel(models, photos, config, flip_test):
    model, path, cfg = models(config)
    model.test_cfg = dict(flip_test=flip_test, flip_mode='heatmap', shift_heatmap=True)
    dataset = data_set(cfg, photos)
    runtime = PoseModel(path, threads=1)
    largest = 0.0
    for expected in predict(model, [dataset[index] for index in range(0, len(dataset), 4)]):
        image = cv2.imread(expected.img_path)
        result = runtime(image, expected.gt_instances.bboxes, flip_test=flip_test)
        distance = np.abs(result.keypoints - expected.pred_instances.keypoints).max()
        largest = max(largest, float(distance))
        scores = expected.pred_instances.keypoint_scores
        np.testing.assert_allclose(result.scores, scores, atol=1e-4)
    assert largest < 0.5  # 0.0009 when measured


def test_average_precision_agrees(models, photos, tmp_path):
    """The JSON of the command line, evaluated by COCO's tools, against ``CocoMetric``."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    model, path, cfg = models(HEATMAPS)
    folder, out = photos / 'coco_sample', tmp_path / 'out'
    model.test_cfg = dict(flip_test=False)
    dataset = data_set(cfg, photos)
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
