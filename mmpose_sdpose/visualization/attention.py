"""What each keypoint looks at: the attention of keypoint tokens to the image, read off a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor, nn

from ..models.distillers.knowledge import heatmap_frame
from ..models.heads import TokenHead
from ..models.layers import AttentionMaps
from ..models.losses.simulated_heatmap_loss import simulate_heatmaps
from .attention_plan import View


@dataclass
class Person:
    """A crop as the model gets it, and where its joints are."""

    crop: np.ndarray  # (H, W, 3), BGR
    true: np.ndarray  # (K, 2), pixels of the crop
    annotated: np.ndarray  # (K,), whether the joint's position is known


@dataclass
class Heatmaps:
    """Heatmaps of some people."""

    title: str
    values: np.ndarray  # (B, K, H, W)
    cells_per_pixel: tuple[float, float]  # x and y: from pixels of the crop to cells


@dataclass
class Look:
    """What one cycle of one model shows of some people."""

    attention: dict[str, np.ndarray]  # title -> (B, K, rows, columns), the part each patch gets
    heatmaps: Heatmaps | None
    keypoints: np.ndarray  # (B, K, 2), predicted, pixels of the crop


def read_person(packed: dict[str, Any]) -> Person:
    """A person as a test pipeline packs it; positions are known where it was annotated."""
    crop = to_numpy(packed['inputs']).transpose(1, 2, 0)
    sample: PoseDataSample = packed['data_samples']
    given = sample.gt_instances.get('keypoints', np.zeros((1, 0, 2)))[0]
    visible = sample.gt_instances.get('keypoints_visible', np.zeros((1, 0)))[0]
    # A box of a detector comes with joints at zero that count as visible.
    annotated = (visible > 0) & given.any(-1)
    size = np.array(crop.shape[1::-1])
    corner = sample.input_center - 0.5 * sample.input_scale
    return Person(crop, (given - corner) / sample.input_scale * size, annotated)


@torch.no_grad()
def look(view: View, packed: Sequence[dict[str, Any]]) -> Look:
    """Run a model on people and keep where its keypoint tokens look, and what it says.

    Args:
        view: The cycle of the model, the layers and the heads.
        packed: People as a test pipeline packs them; no flip test is made.
    """
    head, training = view.model.head, view.model.training
    view.model.eval()
    try:
        feats = view.model.extract_feat(_inputs(view.model, packed))
        if not isinstance(head, TokenHead):
            return _of_heatmaps(head, head(feats), {})
        cycle = head.run_cycles(feats, view.cycle, {view.cycle: view.layers})[-1]
    finally:
        view.model.train(training)
    quantities = head.read(cycle.output)
    attention = _titled(cycle.tokens.attention, view.heads)
    if 'heatmaps' in quantities:
        return _of_heatmaps(head, quantities['heatmaps'], attention)
    keypoints = _decode(head, quantities['coordinates'][:, None])
    return Look(attention, _simulated(view, quantities), keypoints)


def keypoint_attention(maps: Tensor, grid_size: tuple[int, int]) -> Tensor:
    """What keypoint tokens give to each patch; they keep the rest for keypoint tokens.

    Shape:
        (B, heads, K + N, K + N) -> (B, heads, K, rows, columns)
    """
    keypoints = maps.shape[-1] - grid_size[0] * grid_size[1]
    return maps[..., :keypoints, keypoints:].unflatten(-1, grid_size)


def _titled(attention: AttentionMaps, heads: Sequence[int]) -> dict[str, np.ndarray]:
    """Maps by title: a layer's mean over heads, or each head asked for."""
    titled = {}
    for layer, maps in attention.layers.items():
        maps = keypoint_attention(maps.float(), attention.grid_size)
        if not heads:
            titled[f'layer {layer}'] = to_numpy(maps.mean(1))
        for number in heads:
            titled[f'layer {layer}, head {number}'] = to_numpy(maps[:, number - 1])
    return titled


def _inputs(model: nn.Module, packed: Sequence[dict[str, Any]]) -> Tensor:
    data = dict(
        inputs=[person['inputs'] for person in packed],
        data_samples=[person['data_samples'] for person in packed],
    )
    return model.data_preprocessor(data, False)['inputs']


def _of_heatmaps(head: nn.Module, values: Tensor, attention: dict[str, np.ndarray]) -> Look:
    codec = head.decoder
    sizes = zip(heatmap_frame(codec), codec.heatmap_size, codec.input_size)
    scale = tuple(frame * cells / pixels for frame, cells, pixels in sizes)
    heatmaps = Heatmaps('heatmap', to_numpy(values.float()), scale)
    return Look(attention, heatmaps, _decode(head, values))


def _decode(head: nn.Module, output: Tensor) -> np.ndarray:
    return np.stack([instance.keypoints[0] for instance in head.decode(output)])


def _simulated(view: View, quantities: dict[str, Tensor]) -> Heatmaps | None:
    """What a regression student was taught to draw as a heatmap; sigmas nothing taught say nothing."""
    if view.simulated is None or 'sigmas' not in quantities:
        return None
    rows, columns = view.simulated
    values = simulate_heatmaps(quantities['coordinates'], quantities['sigmas'], view.simulated)
    width, height = view.model.head.decoder.input_size
    return Heatmaps('simulated heatmap', to_numpy(values), (columns / width, rows / height))
