"""What a model can give a distillation: quantities by name."""

from __future__ import annotations

from typing import Any

from mmpose.models.heads import HeatmapHead
from torch import Tensor, nn

from ..heads.token_head import Cycle, TokenHead


def given_by(model: nn.Module) -> list[str]:
    """Names of the quantities that a pose estimator gives.

    Raises:
        ValueError: If it gives none: its head is neither one of ours nor an MMPose heatmap head.
    """
    head = getattr(model, 'head', None)
    if isinstance(head, TokenHead):
        quantities = ['keypoint_tokens', 'visual_tokens', 'attention', *head.predicts]
    elif isinstance(head, HeatmapHead):
        quantities = ['heatmaps']
    else:
        raise ValueError(
            f'a {type(head).__name__} cannot teach: teachers have a HeatmapHead of MMPose, an MCTHead '
            'or a TokenRegressionHead'
        )
    return quantities + ['coordinates'] * ('coordinates' not in quantities)


def quantities_of(head: TokenHead, cycle: Cycle) -> dict[str, Any]:
    """What one cycle of a token head gives."""
    return _with_coordinates(
        dict(
            keypoint_tokens=cycle.tokens.keypoint,
            visual_tokens=cycle.tokens.visual,
            attention=cycle.tokens.attention,
            **head.read(cycle.output),
        )
    )


def ask(teacher: nn.Module, inputs: Tensor, map_layers: list[int]) -> dict[str, Any]:
    """What a teacher says of a batch of images: one plain forward pass.

    Args:
        teacher: A pose estimator that :func:`given_by` knows.
        inputs: (B, 3, H, W), normalised.
        map_layers: Layers whose attention maps are needed, counted from 1.
    """
    feats = teacher.extract_feat(inputs)
    if isinstance(teacher.head, TokenHead):
        (cycle,) = teacher.head.run_cycles(feats, num_cycles=1, map_layers=map_layers)
        return quantities_of(teacher.head, cycle)
    return _with_coordinates(dict(heatmaps=teacher.head(feats)))


def _with_coordinates(quantities: dict[str, Any]) -> dict[str, Any]:
    """Heatmaps give coordinates too: those of their peaks."""
    if 'coordinates' not in quantities:
        quantities['coordinates'] = heatmap_peaks(quantities['heatmaps'])
    return quantities


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
