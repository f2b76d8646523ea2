from .attention_visualization_hook import AttentionVisualizationHook
from .checkpoint_guard_hook import CheckpointGuardHook
from .cost_hook import CostHook
from .loss_weight_hook import LossWeightHook

__all__ = [
    'AttentionVisualizationHook',
    'CheckpointGuardHook',
    'CostHook',
    'LossWeightHook',
]
