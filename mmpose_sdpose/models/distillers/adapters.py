"""How MMPose's heads and ours are read: what each gives, from which other quantities follow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from mmpose.codecs import UDPHeatmap
from mmpose.models import heads
from torch import Tensor, nn

from ..heads import MCTHead, TokenHead, TokenRegressionHead
from ..heads.token_head import Cycle
from .codecs import heatmap_frame
from .registries import Value, refuse_heads, register_adapter

Given = Mapping[str, Value | Callable[[], Value]]


@register_adapter(heads.HeatmapHead)
def heatmap_head(head: nn.Module, output: Tensor) -> Given:
    if isinstance(head.decoder, UDPHeatmap) and head.decoder.heatmap_type != 'gaussian':
        heatmap_frame(head.decoder)  # says what is wrong with it
    return dict(heatmaps=output)


@register_adapter(heads.RTMCCHead, heads.RTMWHead, heads.SimCCHead)
def simcc_head(head: nn.Module, output: tuple[Tensor, Tensor]) -> Given:
    return dict(simcc=output)


@register_adapter(heads.RegressionHead)
def regression_head(head: nn.Module, output: Tensor) -> Given:
    return dict(coordinates=output)


@register_adapter(heads.RLEHead)
def rle_head(head: nn.Module, output: Tensor) -> Given:
    def scales() -> Tensor:
        return output[..., 2:4].sigmoid()

    return dict(
        coordinates=output[..., :2],
        scales=scales,
        scores=lambda: (1 - scales()).mean(-1),  # as MMPose decodes them
    )


@register_adapter(heads.IntegralRegressionHead)  # and DSNTHead
def integral_regression_head(head: nn.Module, output: tuple[Tensor, Tensor]) -> Given:
    positions, maps = output
    return dict(coordinates=positions, probability_maps=maps)


@register_adapter(TokenHead, method='run_cycles', arguments=(1,))
def token_head(head: TokenHead, output: list[Cycle]) -> Given:
    """The first cycle, the deployed one."""
    cycle = output[0]
    read = functools.cache(lambda: head.read(cycle.output))
    given: dict[str, Any] = dict(
        keypoint_tokens=cycle.tokens.keypoint, visual_tokens=cycle.tokens.visual
    )
    if cycle.tokens.attention.layers:
        given['attention'] = cycle.tokens.attention
    for name in head.predicts:
        given[name] = functools.partial(lambda name: read()[name], name)
    if isinstance(head, TokenRegressionHead) and head.learns_residual:
        given['scales'] = lambda: cycle.output[..., 3:].sigmoid()  # as the loss reads them
    if isinstance(head, MCTHead) and head.softmax_scale is not None:
        given['probability_maps'] = lambda: read()['heatmaps'] / head.softmax_scale
    return given


refuse_heads(
    'it finds all people of a picture at once, and what is compared here is one person, cut out',
    heads.AssociativeEmbeddingHead,
    heads.CIDHead,
    heads.DEKRHead,
    heads.EDPoseHead,
    heads.RTMOHead,
)
refuse_heads(
    'it predicts joints in space, and what is compared here lies in the picture',
    heads.InternetHead,
    heads.MotionRegressionHead,
    heads.TemporalRegressionHead,
    heads.TrajectoryRegressionHead,
)
