from .attention_visualization_hook import AttentionVisualizationHook
from .check_data_hook import CheckDataHook
from .check_finite_hook import CheckFiniteHook
from .checkpoint_guard_hook import CheckpointGuardHook
from .cost_hook import CostHook
from .distiller_state_hook import DistillerStateHook
from .epoch_seed_hook import EpochSeedHook
from .loss_weight_hook import LossWeightHook
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'AttentionVisualizationHook',
    'CheckDataHook',
    'CheckFiniteHook',
    'CheckpointGuardHook',
    'CostHook',
    'DistillerStateHook',
    'EpochSeedHook',
    'LossWeightHook',
    'SafeCheckpointHook',
]
