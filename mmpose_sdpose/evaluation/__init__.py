"""Metrics registered into ``mmpose.registry.METRICS``, and what models are compared with."""

from .mean_oks import MeanOKS
from .mean_pose import mean_pose, mean_pose_metrics

__all__ = ['MeanOKS', 'mean_pose', 'mean_pose_metrics']
