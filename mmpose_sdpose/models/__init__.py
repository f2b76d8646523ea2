"""Backbones, heads, losses and distillers, registered into ``mmpose.registry.MODELS``."""

from .backbones import CAUNet, HRNetThreeStage, IdentityBackbone, StemNet, ThinResNet
from .data_preprocessors import DeviceAugmentation
from .distillers import TopdownDistiller
from .heads import MCTHead, TokenRegressionHead
from .losses import (
    AttentionTransferLoss,
    HeatmapCrossEntropyLoss,
    LocalizationScoreLoss,
    ScoreLoss,
    SimulatedHeatmapLoss,
    TokenDistanceLoss,
)

__all__ = [
    'AttentionTransferLoss',
    'CAUNet',
    'DeviceAugmentation',
    'HRNetThreeStage',
    'HeatmapCrossEntropyLoss',
    'IdentityBackbone',
    'LocalizationScoreLoss',
    'MCTHead',
    'ScoreLoss',
    'SimulatedHeatmapLoss',
    'StemNet',
    'ThinResNet',
    'TokenDistanceLoss',
    'TokenRegressionHead',
    'TopdownDistiller',
]
