"""Metrics registered into ``mmpose.registry.METRICS``, and what models are compared with."""

from .coco_metric_with_interval import CocoMetricWithInterval
from .mean_oks import MeanOKS
from .mean_pose import mean_pose, mean_pose_metrics

__all__ = ['CocoMetricWithInterval', 'MeanOKS', 'mean_pose', 'mean_pose_metrics']
