"""The quantities that can be taught. Positions are fractions of the input image, x first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...arguments import check_sizes
from ..heads import TokenHead
from ..layers import AttentionMaps, at_least_float32
from .quantity_checks import (
    check_attention,
    check_cells,
    check_grids,
    check_heatmaps,
    say_other_betas,
    say_other_units,
)
from .registries import Lacking, register_quantity
from .sides import Side
from .watching import attention_of_layers, module_output

# How sharply the largest value of a heatmap that peaks at one is told from the rest: thousands of cells
# of background must outweigh no peak.
_SHARPNESS = 25.0


@register_quantity(
    'heatmaps',
    'B K H W',
    check=check_heatmaps,
    remedy='give both decoders one heatmap_size, or compare coordinates',
)
def heatmaps(side: Side) -> Tensor:
    """Heatmaps that peak at one: (B, K, H, W)."""
    raise Lacking


@register_quantity(
    'probability_maps',
    'B K H W',
    check=check_cells,
    remedy='give both heads one heatmap_size, or compare coordinates',
)
def probability_maps(side: Side) -> Tensor:
    """Heatmaps that sum to one: (B, K, H, W); of heatmaps that peak at one, what is above zero."""
    mass = at_least_float32(side['heatmaps']).clamp(min=0)
    return mass / mass.sum((2, 3), keepdim=True).clamp(min=1e-6)


@register_quantity(
    'simcc',
    ('B K X', 'B K Y'),
    check=say_other_betas,
    remedy='give both codecs one input_size and simcc_split_ratio, or compare coordinates',
)
def simcc(side: Side) -> tuple[Tensor, Tensor]:
    """Logits of a joint's column and of its row: (B, K, X) and (B, K, Y)."""
    raise Lacking


@register_quantity('coordinates', 'B K 2', check=say_other_units)
def coordinates(side: Side) -> Tensor:
    """Positions (B, K, 2): a teacher's are the peaks of what it gives, a student's have a gradient."""
    teaches = side.role == 'teacher'
    if 'simcc' in side.given:
        return _simcc_peaks(side) if teaches else _simcc_centres(side)
    if 'heatmaps' in side.given and teaches:
        return side.from_heatmap(heatmap_peaks(side['heatmaps']))
    if 'probability_maps' in side.given:
        return side.from_heatmap(_centres(side['probability_maps']))
    return side.from_heatmap(soft_peaks(side['heatmaps']))


@register_quantity('scores', 'B K')
def scores(side: Side) -> Tensor:
    """How sure a model is of each joint, about 0 to 1: (B, K), the peak of what it gives."""
    if 'simcc' in side.given:
        across, down = (axis.amax(-1) for axis in side['simcc'])
        return torch.minimum(across, down)  # as MMPose decodes them
    return side['heatmaps'].amax((2, 3))


@register_quantity('sigmas', 'B K 2')
def sigmas(side: Side) -> Tensor:
    """Standard deviations of a joint's Gaussian (B, K, 2), in cells of a heatmap."""
    raise Lacking


@register_quantity('scales', 'B K 2')
def scales(side: Side) -> Tensor:
    """Scales of a residual likelihood (B, K, 2), in units of the input size: no sigmas in cells."""
    raise Lacking


_ONE_WIDTH = (
    'give both encoders one embed_dims, or compare features by a FeatureLoss, which adapts widths'
)


@register_quantity('keypoint_tokens', 'B K D', remedy=_ONE_WIDTH)
def keypoint_tokens(side: Side) -> Tensor:
    """The token of each joint after the last layer: (B, K, D)."""
    raise Lacking


@register_quantity('visual_tokens', 'B N D', select=None, check=check_grids, remedy=_ONE_WIDTH)
def visual_tokens(side: Side) -> Tensor:
    """The token of each patch after the last layer: (B, N, D)."""
    raise Lacking


def _attention_of_joints(maps: AttentionMaps, joints: Tensor) -> AttentionMaps:
    rows, columns = maps.grid_size
    layers = {}
    for number, values in maps.layers.items():
        visual = (
            torch.arange(rows * columns, device=joints.device) + values.shape[-1] - rows * columns
        )
        tokens = torch.cat([joints, visual])
        layers[number] = values[:, :, tokens][..., tokens]
    return AttentionMaps(layers, maps.grid_size)


@register_quantity(
    'attention',
    watch=attention_of_layers,
    select=_attention_of_joints,
    check=check_attention,
    offered=lambda side: 'attention' in side.given or isinstance(side.head, TokenHead),
)
def attention(side: Side, seen: Any, layers: Sequence[int]) -> AttentionMaps:
    """Attention maps of layers, counted from 1."""
    raise Lacking


@register_quantity(
    'features', 'B C H W', watch=module_output, select=None, offered=lambda side: True
)
def features(
    side: Side, seen: list[Any], module: str, grid: tuple[int, int] | None = None
) -> Tensor:
    """What a module gives, any of the model's, at its first call: (B, C, H, W).

    Args:
        module: Dotted path, with an index: ``backbone[-1]``, ``backbone.layer3``.
        grid: Rows and columns of tokens (B, N, D): the last rows * columns of them are taken.
    """
    if grid is not None:
        _check_grid(side.role, grid)
    if not seen:
        raise ValueError(
            f'the {side.role} did not call its module {module}: name one that its forward does'
        )
    maps = _as_map(seen[0], f"the {side.role}'s {module}", grid)
    _check_own_grid(side, seen[0], module, grid)
    return maps


def _check_own_grid(side: Side, value: Any, module: str, grid: tuple[int, int] | None) -> None:
    """Of a token head it is known."""
    ours = isinstance(side.head, TokenHead) and module.startswith('head.mct')
    if not ours or grid is None or getattr(value, 'ndim', 0) != 3:
        return
    if tuple(grid) != tuple(side.head.mct.grid_size):
        raise ValueError(
            f"the {side.role}'s visual tokens lie on {tuple(side.head.mct.grid_size)} (rows, columns), "
            f'not {tuple(grid)}: set {side.role}_grid so'
        )


def _check_grid(role: str, grid: Any) -> None:
    try:
        check_sizes(**{f'{role}_grid': grid})
    except TypeError as error:
        raise ValueError(f'{error}: rows and columns of the tokens') from error


def _as_map(value: Any, what: str, grid: tuple[int, int] | None) -> Tensor:
    if isinstance(value, (tuple, list)) and len(value) == 1:
        (value,) = value
    if not isinstance(value, Tensor):
        raise ValueError(
            f'{what} gives a {type(value).__name__} instead of a tensor: choose one of its values with '
            'an index, such as backbone[-1]'
        )
    if value.ndim == 4:
        return value
    if value.ndim != 3:
        raise ValueError(
            f'{what} gives {tuple(value.shape)}, which has no channels (B, C, H, W) or (B, N, D): name '
            'another module'
        )
    if grid is None or math.prod(grid) > value.shape[1]:
        raise ValueError(
            f'{what} gives {tuple(value.shape)}, tokens (B, N, D): say their rows and columns with '
            f'{what.split(chr(39))[0].removeprefix("the ")}_grid=(rows, columns), at most N tokens'
        )
    tokens = value[:, -math.prod(grid) :]
    return tokens.transpose(1, 2).unflatten(2, tuple(grid))


def heatmap_peaks(heatmaps: Tensor) -> Tensor:
    """Position of each heatmap's maximum, as a fraction of its size.

    Shape:
        (B, K, H, W) -> (B, K, 2), x first; without a gradient
    """
    height, width = heatmaps.shape[-2:]
    cell = heatmaps.detach().flatten(2).argmax(-1)
    peaks = heatmaps.new_zeros(*cell.shape, 2)
    peaks[..., 0] = (cell % width) / width
    peaks[..., 1] = (cell // width) / height
    return peaks


def soft_peaks(heatmaps: Tensor) -> Tensor:
    """The same with a gradient, of heatmaps that peak at one: the mean cell of a sharp softmax."""
    sharp = (_SHARPNESS * at_least_float32(heatmaps)).flatten(2).softmax(-1)
    return _centres(sharp.unflatten(2, heatmaps.shape[2:]))


def _centres(maps: Tensor) -> Tensor:
    """Mean cell of maps that sum to one, as a fraction of their size: (B, K, H, W) -> (B, K, 2)."""
    return torch.stack([_mean_cell(maps.sum(2)), _mean_cell(maps.sum(3))], dim=-1)


def _mean_cell(weights: Tensor) -> Tensor:
    cells = torch.arange(weights.shape[-1], dtype=weights.dtype, device=weights.device)
    return (weights * cells).sum(-1) / weights.shape[-1]


def _simcc_peaks(side: Side) -> Tensor:
    return torch.stack([axis.argmax(-1) / axis.shape[-1] for axis in side['simcc']], dim=-1)


def _simcc_centres(side: Side) -> Tensor:
    """By the distribution that the head's own loss makes of its logits."""
    beta = getattr(getattr(side.head, 'loss_module', None), 'beta', 1.0)
    spread = [(beta * at_least_float32(axis)).softmax(-1) for axis in side['simcc']]
    return torch.stack([_mean_cell(axis) for axis in spread], dim=-1)
