"""A tiny model of every family that is exported."""

from __future__ import annotations

import torch
from torch import nn

from ..small_models import (
    HEATMAP_CODEC,
    TOKENS,
    build,
    resnet_heatmap_model,
    token_heatmap_model,
    token_regression_model,
)


def _with_backbone(config: dict, **backbone) -> dict:
    return {**config, 'backbone': backbone}


def _token_t() -> dict:
    tokens = dict(TOKENS, in_channels=3, in_featuremap_size=(24, 32), patch_size=(8, 6))
    return _with_backbone(token_heatmap_model(depth=1, **tokens), type='IdentityBackbone')


def _token_b() -> dict:
    """Its smallest branch has a sixteenth of the image's width, so this image is 32x32."""
    codec = dict(HEATMAP_CODEC, input_size=(32, 32), heatmap_size=(8, 8))
    tokens = dict(TOKENS, in_channels=8, in_featuremap_size=(8, 8), patch_size=(4, 4))
    config = token_heatmap_model(depth=1, decoder=codec, **tokens)
    return _with_backbone(config, type='HRNetThreeStage', channels=8, stage1_channels=8)


HRNET = 'sdpose-b, three-stage hrnet'
FAMILIES = {
    'sdpose, stem': lambda: token_heatmap_model(depth=2, num_cycles=2, hidden_dims=24),
    'sdpose, trained on softmax': lambda: token_heatmap_model(
        depth=1, loss=dict(type='HeatmapCrossEntropyLoss', use_target_weight=True)
    ),
    'tokenpose-t': _token_t,
    HRNET: _token_b,
    'distilpose': lambda: token_regression_model(depth=2),
    'sdpose-reg': lambda: token_regression_model(
        depth=1, loss=dict(type='RLELoss', use_target_weight=True)
    ),
    'ladpose, se gate': lambda: _with_backbone(
        token_regression_model(depth=1),
        type='CAUNet', stem_channels=8, mid_channels=16, out_channels=16, num_units=2, groups=4,
        reduction=4,
    ),
    'ladpose, eca gate': lambda: _with_backbone(
        token_regression_model(depth=1),
        type='CAUNet', stem_channels=8, mid_channels=16, out_channels=16, num_units=1, groups=4,
        gate='eca',
    ),
    "mmpose's heatmap head": resnet_heatmap_model,
}  # fmt: skip


def family(name: str) -> nn.Module:
    """In evaluation mode, weights and statistics of norms such that every layer matters."""
    model = build(FAMILIES[name]()).eval()
    numbers = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=numbers)
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.Linear)):
            nn.init.normal_(module.weight, std=0.3, generator=numbers)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.3, generator=numbers)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=numbers)
            module.running_var.uniform_(0.5, 2, generator=numbers)
    return model


def images(count: int, model: nn.Module) -> torch.Tensor:
    """(count, 3, H, W) of the size that the model takes."""
    width, height = model.head.decoder.input_size
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))
