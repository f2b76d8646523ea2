from __future__ import annotations

import json

from mmpose_sdpose.evaluation import mean_pose_metrics

import cv2
import numpy as np
import pytest
from mmengine.config import Config

POSE = np.random.default_rng(0).uniform(-0.4, 0.4, (17, 2))  # in units of the box


def person(index: int, box: list[float], pose: np.ndarray) -> dict:
    x, y, width, height = box
    keypoints = pose * [width, height] + [x + width / 2, y + height / 2]
    flat = np.concatenate([keypoints, np.full((17, 1), 2)], axis=1).flatten().tolist()
    return dict(
        id=index, image_id=1, category_id=1, bbox=box, area=width * height / 2, iscrowd=0,
        keypoints=flat, num_keypoints=17,
    )  # fmt: skip


def config(root, people: list[dict], split: str) -> dict:
    content = dict(
        images=[dict(id=1, file_name='a.jpg', width=400, height=400)],
        annotations=people,
        categories=[dict(id=1, name='person')],
    )
    (root / f'{split}.json').write_text(json.dumps(content))
    return dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file=f'{split}.json',
        data_prefix=dict(img=''),
        pipeline=[dict(type='LoadImage')],
    )


@pytest.fixture
def run(tmp_path):
    """Metrics of the mean of the training poses on the validation poses."""
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.zeros((400, 400, 3), np.uint8))

    def evaluate(train: list[np.ndarray], val: list[np.ndarray]) -> dict[str, float]:
        boxes = [[10, 20, 90, 120], [200, 30, 120, 160], [50, 200, 60, 80]]
        datasets = {
            split: config(
                tmp_path,
                [person(i + 1, boxes[i], pose) for i, pose in enumerate(poses)],
                split,
            )
            for split, poses in dict(train=train, val=val).items()
        }
        cfg = Config(
            dict(
                train_dataloader=dict(dataset=datasets['train']),
                val_dataloader=dict(dataset=dict(datasets['val'], test_mode=True)),
                val_evaluator=[
                    dict(type='CocoMetric', ann_file=str(tmp_path / 'val.json')),
                    dict(type='PCKAccuracy', thr=0.2),
                ],
            )
        )
        return mean_pose_metrics(cfg)

    return evaluate


def test_one_pose_for_all_is_predicted_perfectly(run):
    metrics = run([POSE, POSE], [POSE, POSE, POSE])
    assert metrics['coco/AP'] == pytest.approx(1.0) and metrics['PCK'] == 1.0


def test_the_mean_of_two_poses_is_predicted(run):
    offset = np.full((17, 2), 0.05)
    assert run([POSE - offset, POSE + offset], [POSE])['coco/AP'] == pytest.approx(1.0)


def test_another_pose_is_missed(run):
    assert run([POSE, POSE], [-POSE])['coco/AP'] == 0.0


def test_every_metric_of_the_config_is_asked(run):
    """PCK counts joints within a fifth of the longer side of the box, here 90 x 120."""
    distances = np.linalg.norm(0.5 * POSE * [90, 120], axis=1)
    share = (distances < 0.2 * 120).mean()
    assert 0 < share < 1
    assert run([POSE, POSE], [0.5 * POSE])['PCK'] == pytest.approx(share)
