"""What a model can give a distillation: quantities by name."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.models.heads import HeatmapHead
from torch import Tensor, nn

from ..heads.token_head import Cycle, TokenHead


def given_by_student(model: nn.Module) -> list[str]:
    """Names of the quantities that a student gives, each with a gradient.

    Raises:
        ValueError: If its head is none of ours.
    """
    head = getattr(model, 'head', None)
    if not isinstance(head, TokenHead):
        raise ValueError(
            f'the student has a {type(head).__name__}: students have an MCTHead or a '
            'TokenRegressionHead'
        )
    return ['keypoint_tokens', 'visual_tokens', 'attention', *head.predicts]


def given_by_teacher(model: nn.Module) -> list[str]:
    """Names of the quantities that a teacher gives.

    Raises:
        ValueError: If it gives none: its head is neither one of ours nor an MMPose heatmap head, or
            draws its heatmaps in a way not known here.
    """
    head = getattr(model, 'head', None)
    if isinstance(head, TokenHead):
        quantities = given_by_student(model)
    elif isinstance(head, HeatmapHead):
        quantities = ['heatmaps']
    else:
        raise ValueError(
            f'a {type(head).__name__} cannot teach: teachers have a HeatmapHead of MMPose, an MCTHead '
            'or a TokenRegressionHead'
        )
    if head.decoder is None:
        raise ValueError("the teacher's head has no decoder: add the codec of its heatmaps")
    if 'heatmaps' in quantities:
        heatmap_frame(head.decoder)
    return quantities + ['coordinates'] * ('coordinates' not in quantities)


def quantities_of(head: TokenHead, cycle: Cycle, asked: Set[str]) -> dict[str, Any]:
    """What one cycle of a token head gives; its output is read only where that is asked for."""
    quantities = dict(
        keypoint_tokens=cycle.tokens.keypoint,
        visual_tokens=cycle.tokens.visual,
        attention=cycle.tokens.attention,
    )
    if not asked.isdisjoint(head.predicts):
        quantities.update(head.read(cycle.output))
    return quantities


def ask(
    teacher: nn.Module, inputs: Tensor, asked: Set[str], map_layers: list[int]
) -> dict[str, Any]:
    """What a teacher says of a batch of images: one plain forward pass.

    Heatmaps give coordinates too, those of their peaks, and ``frame`` says how positions in them
    relate to positions in the image.

    Args:
        teacher: A pose estimator that :func:`given_by_teacher` knows.
        inputs: (B, 3, H, W), normalised.
        asked: Names of the quantities that are needed.
        map_layers: Layers whose attention maps are needed, counted from 1.
    """
    head, feats = teacher.head, teacher.extract_feat(inputs)
    if 'coordinates' in asked:
        asked = asked | {'heatmaps', 'frame'}  # which they are read from, where there are any
    if isinstance(head, TokenHead):
        (cycle,) = head.run_cycles(feats, num_cycles=1, map_layers={1: map_layers})
        quantities = quantities_of(head, cycle, asked)
    else:
        quantities = dict(heatmaps=head(feats))
    if 'heatmaps' in quantities and 'frame' in asked:
        heatmaps = quantities['heatmaps']
        quantities['frame'] = heatmaps.new_tensor(heatmap_frame(head.decoder))
        if 'coordinates' in asked:
            quantities['coordinates'] = heatmap_peaks(heatmaps) / quantities['frame']
    return quantities


def heatmap_frame(codec: object) -> tuple[float, float]:
    """Factors (x, y) from a position in units of the input size to one in units of the heatmap.

    A pixel x lies in cell x * W / w of a plain heatmap, in cell x * (W - 1) / (w - 1) of an unbiased one
    (UDP, Huang et al., CVPR 2020, https://arxiv.org/abs/1911.07524).

    Raises:
        ValueError: If the codec is of another kind.
    """
    if isinstance(codec, MSRAHeatmap):
        return (1.0, 1.0)
    if isinstance(codec, UDPHeatmap) and codec.heatmap_type == 'gaussian':
        pairs = zip(codec.input_size, codec.heatmap_size)
        return tuple(pixels * (cells - 1) / (cells * (pixels - 1)) for pixels, cells in pairs)
    kind = getattr(codec, 'heatmap_type', '')
    raise ValueError(
        f"the teacher's heatmaps come from a {type(codec).__name__}{f' ({kind})' * bool(kind)}: "
        'MSRAHeatmap and UDPHeatmap (gaussian) can teach'
    )


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
