from .attention_visualization_hook import AttentionVisualizationHook
from .channels_last_hook import ChannelsLastHook
from .checkpoint_guard_hook import CheckpointGuardHook
from .cost_hook import CostHook
from .loss_weight_hook import LossWeightHook

__all__ = [
    'AttentionVisualizationHook',
    'ChannelsLastHook',
    'CheckpointGuardHook',
    'CostHook',
    'LossWeightHook',
]
