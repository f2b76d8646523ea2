from .heatmap_cross_entropy_loss import HeatmapCrossEntropyLoss
from .token_distance_loss import TokenDistanceLoss

__all__ = ['HeatmapCrossEntropyLoss', 'TokenDistanceLoss']
