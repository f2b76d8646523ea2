"""Backbones, heads, losses and distillers, registered into ``mmpose.registry.MODELS``."""

from .backbones import CAUNet, HRNetThreeStage, IdentityBackbone, StemNet, ThinCAUNet, ThinResNet
from .data_preprocessors import DeviceAugmentation
from .distillers import TopdownDistiller
from .heads import MCTHead, TokenRegressionHead, TokenSimCCHead
from .losses import (
    AttentionTransferLoss,
    ChannelWiseLoss,
    FeatureLoss,
    HeatmapCrossEntropyLoss,
    HeatmapKLLoss,
    LocalizationScoreLoss,
    RelationalLoss,
    ScoreLoss,
    SimCCDistributionLoss,
    SimulatedHeatmapLoss,
    TokenDistanceLoss,
)

__all__ = [
    'AttentionTransferLoss',
    'CAUNet',
    'ChannelWiseLoss',
    'DeviceAugmentation',
    'FeatureLoss',
    'HRNetThreeStage',
    'HeatmapCrossEntropyLoss',
    'HeatmapKLLoss',
    'IdentityBackbone',
    'LocalizationScoreLoss',
    'MCTHead',
    'RelationalLoss',
    'ScoreLoss',
    'SimCCDistributionLoss',
    'SimulatedHeatmapLoss',
    'StemNet',
    'ThinCAUNet',
    'ThinResNet',
    'TokenDistanceLoss',
    'TokenRegressionHead',
    'TokenSimCCHead',
    'TopdownDistiller',
]
