from .mean_pose import mean_pose, mean_pose_metrics

__all__ = ['mean_pose', 'mean_pose_metrics']
