from .attention_transfer_loss import AttentionTransferLoss
from .heatmap_cross_entropy_loss import HeatmapCrossEntropyLoss
from .score_loss import LocalizationScoreLoss, ScoreLoss
from .simulated_heatmap_loss import SimulatedHeatmapLoss, simulate_heatmaps
from .token_distance_loss import TokenDistanceLoss

__all__ = [
    'AttentionTransferLoss',
    'HeatmapCrossEntropyLoss',
    'LocalizationScoreLoss',
    'ScoreLoss',
    'SimulatedHeatmapLoss',
    'TokenDistanceLoss',
    'simulate_heatmaps',
]
