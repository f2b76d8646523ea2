"""Hooks and an optimizer wrapper, registered into ``mmpose.registry``; where files come from."""

from .atomic_backend import AtomicLocalBackend
from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .cuda_graph_train_loop import CUDAGraphTrainLoop
from .hooks import (
    AttentionVisualizationHook,
    CheckDataHook,
    CheckFiniteHook,
    CheckpointGuardHook,
    CostHook,
    DistillerStateHook,
    EpochSeedHook,
    LossWeightHook,
    SafeCheckpointHook,
)
from .packaged_weights import load_from_package
from .resume import newest_checkpoint

__all__ = [
    'AtomicLocalBackend',
    'AttentionVisualizationHook',
    'BFloat16OptimWrapper',
    'CUDAGraphTrainLoop',
    'CheckDataHook',
    'CheckFiniteHook',
    'CheckpointGuardHook',
    'CostHook',
    'DistillerStateHook',
    'EpochSeedHook',
    'LossWeightHook',
    'SafeCheckpointHook',
    'load_from_package',
    'newest_checkpoint',
]
