"""The whole path on real photos, where MMPOSE_SDPOSE_DATA names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, METRICS

CONFIGS = Path(__file__).parent / 'configs'
MIM = Path(sys.executable).with_name('mim')


def mim(tmp_path: Path, verb: str, config: str, *options: str) -> None:
    command = [str(MIM), verb, 'mmpose', str(CONFIGS / config), *options]
    environment = dict(os.environ, OMP_NUM_THREADS='2')
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f'{done.stdout[-2000:]}\n{done.stderr[-3000:]}'


@pytest.mark.slow  # two minutes on an idle machine
def test_a_small_sdpose_learns_twelve_people(tmp_path, photos):
    """Its full version, SDPose-T at 256x192 to AP 0.90, is `make test-slow`."""
    config = 'sdpose-n_coco-sample.py'
    mim(tmp_path, 'train', config, '--work-dir', 'work', '--cfg-options', 'randomness.seed=0')
    test = ['--checkpoint', 'work/epoch_120.pth', '--out', 'metrics.json']
    mim(tmp_path, 'test', config, *test)
    ap = json.loads((tmp_path / 'metrics.json').read_text())['coco/AP']
    assert ap > 0.8  # 0.98 when measured
    boxes = photos / 'coco_sample' / 'test_coco_det_AP_H_56.json'
    detected = ['--cfg-options', f'test_dataloader.dataset.bbox_file={boxes}']
    mim(tmp_path, 'test', config, *test, *detected)
    assert json.loads((tmp_path / 'metrics.json').read_text())['coco/AP'] > 0.2


@pytest.mark.slow
def test_sdpose_t_learns_twelve_people_and_teaches_ladpose(tmp_path, photos, monkeypatch):
    def learned(config: str, epochs: int) -> float:
        work = f'work/{epochs}'
        mim(tmp_path, 'train', config, '--work-dir', work, '--cfg-options', 'randomness.seed=0')
        checkpoint = f'{work}/epoch_{epochs}.pth'
        mim(tmp_path, 'test', config, '--checkpoint', checkpoint, '--out', 'metrics.json')
        return json.loads((tmp_path / 'metrics.json').read_text())['coco/AP']

    assert learned('sdpose-t_coco-sample.py', 120) >= 0.9
    monkeypatch.setenv('TEACHER', str(tmp_path / 'work/120/epoch_120.pth'))
    assert learned('ladpose_coco-sample.py', 160) >= 0.85


def test_the_crowdpose_metric_gives_ap_by_crowding(photos):
    """Annotated keypoints as predictions are perfect wherever there is anybody."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(CONFIGS / 'sdpose-t_crowdpose-sample.py')
    dataset = cfg.val_dataloader.dataset
    dataset.update(bbox_file=None, pipeline=[dict(type='LoadImage'), dict(type='PackPoseInputs')])
    dataset = DATASETS.build(dataset)
    metric = METRICS.build(cfg.val_evaluator)
    metric.dataset_meta = dataset.metainfo
    samples = []
    for item in dataset:
        sample = item['data_samples']
        truth = sample.gt_instances
        samples.append(
            dict(
                id=sample.id,
                img_id=sample.img_id,
                pred_instances=dict(
                    keypoints=truth.keypoints, keypoint_scores=np.ones((1, 14), np.float32)
                ),
                gt_instances=dict(bbox_scores=np.ones(1), bbox_scales=np.ones((1, 2))),
            )
        )
    metric.process({}, samples)
    metrics = metric.evaluate(size=len(samples))
    assert metrics['crowdpose/AP'] == pytest.approx(1.0)
    by_crowding = [metrics[f'crowdpose/AP({level})'] for level in 'EMH']
    assert set(np.round(by_crowding, 6)) <= {1.0, -1.0}  # -1: nobody in that class
    assert 1.0 in by_crowding
