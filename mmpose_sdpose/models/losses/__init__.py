from .attention_transfer_loss import AttentionTransferLoss
from .channel_wise_loss import ChannelWiseLoss
from .feature_loss import FeatureLoss
from .heatmap_cross_entropy_loss import HeatmapCrossEntropyLoss
from .heatmap_kl_loss import HeatmapKLLoss
from .relational_loss import RelationalLoss
from .score_loss import LocalizationScoreLoss, ScoreLoss
from .simcc_distribution_loss import SimCCDistributionLoss
from .simulated_heatmap_loss import SimulatedHeatmapLoss, simulate_heatmaps
from .token_distance_loss import TokenDistanceLoss

__all__ = [
    'AttentionTransferLoss',
    'ChannelWiseLoss',
    'FeatureLoss',
    'HeatmapCrossEntropyLoss',
    'HeatmapKLLoss',
    'LocalizationScoreLoss',
    'RelationalLoss',
    'ScoreLoss',
    'SimCCDistributionLoss',
    'SimulatedHeatmapLoss',
    'TokenDistanceLoss',
    'simulate_heatmaps',
]
