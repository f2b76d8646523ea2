"""Training targets of whole batches, made where the keypoints are; the codecs make one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from mmpose.codecs import MSRAHeatmap, RegressionLabel, SimCCLabel, UDPHeatmap
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ...arguments import check_positive
from ..layers import constants

#: (keypoints (B, K, 2) in pixels of the input, visible (B, K)) -> targets by name, each (B, K, ...).
Encoder = Callable[[Tensor, Tensor], dict[str, Tensor]]


def target_encoder(codec: dict) -> Encoder:
    """What makes a codec's targets of a batch: ``keypoint_weights`` and what the codec calls the rest.

    Args:
        codec: Config of an ``MSRAHeatmap``, ``UDPHeatmap`` (Gaussian), ``SimCCLabel`` (Gaussian) or
            ``RegressionLabel``.

    Raises:
        ValueError: For another codec, or a sigma that is not above 0.
    """
    built = KEYPOINT_CODECS.build(codec)
    for sigma in np.ravel(getattr(built, 'sigma', ())):
        check_positive(sigma=float(sigma))
    if isinstance(built, MSRAHeatmap) and built.unbiased:
        return lambda points, visible: _whole_heatmaps(built, points, visible)
    if isinstance(built, MSRAHeatmap) or (
        isinstance(built, UDPHeatmap) and built.heatmap_type == 'gaussian'
    ):
        return lambda points, visible: _patched_heatmaps(built, points, visible)
    if isinstance(built, SimCCLabel) and built.smoothing_type == 'gaussian':
        return lambda points, visible: _simcc_labels(built, points, visible)
    if isinstance(built, RegressionLabel):
        return lambda points, visible: _coordinates(built, points, visible)
    raise ValueError(
        f'codec {codec} has no targets here; there are MSRAHeatmap, UDPHeatmap with Gaussian heatmaps, '
        'SimCCLabel with Gaussian labels and RegressionLabel'
    )


def _whole_heatmaps(codec: MSRAHeatmap, points: Tensor, visible: Tensor) -> dict[str, Tensor]:
    points = points / constants(points, codec.scale_factor)
    width, height = codec.heatmap_size
    weights = visible * _reaches_in(points, 3 * codec.sigma, (width, height))
    columns = _gaussians(points[..., 0], width, codec.sigma)
    rows = _gaussians(points[..., 1], height, codec.sigma)
    heatmaps = rows[..., :, None] * columns[..., None, :]
    return dict(heatmaps=heatmaps * (weights > 0)[..., None, None], keypoint_weights=weights)


def _patched_heatmaps(
    codec: MSRAHeatmap | UDPHeatmap, points: Tensor, visible: Tensor
) -> dict[str, Tensor]:
    """Gaussians that end at three sigmas; MSRA's stand on whole cells, UDP's where the keypoint is."""
    points = points / constants(points, codec.scale_factor)
    cells = (points + 0.5).trunc()
    radius = 3 * codec.sigma
    low, high = (cells - radius).trunc(), (cells + radius + 1).trunc()
    centres = low + (2 * radius + 1) // 2
    if isinstance(codec, UDPHeatmap):
        centres = centres + points - cells
    size = codec.heatmap_size
    inside = ((low < constants(points, size)) & (high >= 0)).all(-1)
    weights = visible * inside
    sides = []
    for axis in range(2):
        steps = torch.arange(size[axis], dtype=points.dtype, device=points.device)
        patch = (steps >= low[..., axis, None]) & (steps < high[..., axis, None])
        sides.append(_gaussians(centres[..., axis], size[axis], codec.sigma) * patch)
    heatmaps = sides[1][..., :, None] * sides[0][..., None, :]
    return dict(heatmaps=heatmaps * (weights > 0)[..., None, None], keypoint_weights=weights)


def _simcc_labels(codec: SimCCLabel, points: Tensor, visible: Tensor) -> dict[str, Tensor]:
    width, height = (round(side * codec.simcc_split_ratio) for side in codec.input_size)
    points = (points * codec.simcc_split_ratio).round()  # as the codec: whole bins
    sigmas = constants(points, codec.sigma)
    weights = visible * _reaches_in(points, 3 * sigmas, (width, height))
    labels = [
        _gaussians(points[..., axis], bins, float(codec.sigma[axis])) * (weights > 0)[..., None]
        for axis, bins in enumerate((width, height))
    ]
    if codec.normalize:
        labels = [
            label / (float(sigma) * math.sqrt(2 * math.pi))
            for label, sigma in zip(labels, codec.sigma)
        ]
    return dict(keypoint_x_labels=labels[0], keypoint_y_labels=labels[1], keypoint_weights=weights)


def _coordinates(codec: RegressionLabel, points: Tensor, visible: Tensor) -> dict[str, Tensor]:
    size = constants(points, codec.input_size)
    inside = ((points >= 0) & (points <= size - 1)).all(-1)
    weights = (inside & (visible > 0.5)).to(points.dtype)
    return dict(keypoint_labels=points / size, keypoint_weights=weights)


def _gaussians(centres: Tensor, bins: int, sigma: float) -> Tensor:
    """(…,) -> (…, bins), 1 at the centre."""
    steps = torch.arange(bins, dtype=centres.dtype, device=centres.device)
    return torch.exp(-((steps - centres[..., None]) ** 2) / (2 * sigma**2))


def _reaches_in(points: Tensor, radius: Tensor | float, size: tuple[int, int]) -> Tensor:
    """Whether the square of this radius around each point touches the map."""
    return (
        ((points - radius < constants(points, size)) & (points + radius + 1 >= 0))
        .all(-1)
        .to(points.dtype)
    )
