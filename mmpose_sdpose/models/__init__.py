"""Backbones, heads and losses, registered into ``mmpose.registry.MODELS``."""

from .backbones import HRNetThreeStage, IdentityBackbone, StemNet
from .heads import MCTHead
from .losses import HeatmapCrossEntropyLoss, TokenDistanceLoss

__all__ = [
    'HRNetThreeStage',
    'HeatmapCrossEntropyLoss',
    'IdentityBackbone',
    'MCTHead',
    'StemNet',
    'TokenDistanceLoss',
]
