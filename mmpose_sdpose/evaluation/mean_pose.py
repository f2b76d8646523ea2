"""What a model that has learned nothing but the mean pose would score: the floor of every table."""

from __future__ import annotations

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS


def mean_pose(dataset: BaseDataset) -> np.ndarray:
    """Mean keypoints of all people, over the joints that are annotated.

    Shape:
        (K, 2), in units of the padded person box, 0 at its centre
    """
    total, count = 0.0, 0.0
    for person in dataset:
        center, scale = person['bbox_center'][0], person['bbox_scale'][0]
        visible = (person['keypoints_visible'][0] > 0)[:, None]
        total = total + visible * (person['keypoints'][0] - center) / scale
        count = count + visible
    return total / np.maximum(count, 1)


def mean_pose_metrics(config: Config) -> dict[str, float]:
    """Evaluate the mean pose of a config's training people on its validation people and boxes.

    Every person gets the same pose, put into the person's box, through the config's own metrics.
    """
    init_default_scope(config.get('default_scope', 'mmpose'))
    pose = mean_pose(_boxes_only(config.train_dataloader.dataset))
    people = _boxes_only(config.val_dataloader.dataset)
    evaluator = Evaluator(config.val_evaluator)
    evaluator.dataset_meta = people.metainfo
    evaluator.process([_sample(person, pose) for person in people], {})
    return evaluator.evaluate(size=len(people))


def _boxes_only(dataset: dict) -> BaseDataset:
    """The data set without images: a box in, its centre and scale out."""
    settings = Config(dict(dataset=dataset)).dataset.copy()
    settings.pipeline = [dict(type='GetBBoxCenterScale')]
    return DATASETS.build(settings)


def _sample(person: dict, pose: np.ndarray) -> dict:
    keypoints = person['bbox_center'] + pose * person['bbox_scale']
    return dict(
        id=person['id'],
        img_id=person['img_id'],
        pred_instances=dict(
            keypoints=keypoints[None], keypoint_scores=np.ones((1, len(pose)), np.float32)
        ),
        gt_instances=dict(
            bboxes=person['bbox'],
            bbox_scores=person['bbox_score'],
            bbox_scales=person['bbox_scale'],
            keypoints=person['keypoints'],
            keypoints_visible=person['keypoints_visible'],
        ),
    )
