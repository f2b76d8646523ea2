from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_positive, check_sizes, check_weights
from ..layers import at_least_float32, constants


@MODELS.register_module()
class ScoreLoss(nn.Module):
    """The score of a joint learns what a teacher's heatmap says of the place that was predicted.

    Ye et al., DistilPose, CVPR 2023, https://arxiv.org/abs/2303.02455: absolute difference between the
    score and the heatmap's value at the nearest cell, 0 outside the image.

    Args:
        loss_weight: Factor; the official one is 0.01.

    Shape:
        coordinates (B, K, 2) in [0, 1], scores (B, K), heatmaps (B, K, H, W), weights (B, K) -> ()

    Raises:
        TypeError, ValueError: If ``loss_weight`` is no finite number of at least 0.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import ScoreLoss
        >>> heatmaps = torch.full((1, 17, 32, 24), 0.25)
        >>> coordinates, scores = torch.rand(1, 17, 2), torch.full((1, 17), 0.75)
        >>> ScoreLoss(loss_weight=1.0)(coordinates, scores, heatmaps, torch.ones(1, 17)).item()
        0.5
    """

    def __init__(self, loss_weight: float = 0.01) -> None:
        super().__init__()
        check_weights(loss_weight=loss_weight)
        self.loss_weight = loss_weight

    def forward(
        self, coordinates: Tensor, scores: Tensor, heatmaps: Tensor, weights: Tensor
    ) -> Tensor:
        distance = (scores - _values_at(heatmaps, coordinates)).abs()
        return self.loss_weight * (distance * weights).mean()


@MODELS.register_module()
class LocalizationScoreLoss(nn.Module):
    """The score of a joint learns how near the prediction is to the truth, where no teacher says it.

    Ours, for regression models trained alone, whose scores nothing else would train: the target is the
    value that a ground-truth heatmap has at the predicted place.

    Args:
        sigma: Standard deviation of the heatmap's Gaussian, in cells.
        heatmap_size: Width and height of the heatmap, in cells.
        loss_weight: Factor.

    Shape:
        coordinates (B, K, 2) in [0, 1], scores (B, K), target (B, K, 2), weights (B, K) -> ()

    Raises:
        TypeError, ValueError: If ``sigma`` is not above 0, or another option no such thing.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import LocalizationScoreLoss
        >>> target, sure = torch.rand(1, 17, 2), torch.ones(1, 17)
        >>> LocalizationScoreLoss()(target, sure, target, torch.ones(1, 17)).item()
        0.0
    """

    def __init__(
        self,
        sigma: float = 2.0,
        heatmap_size: tuple[int, int] = (48, 64),
        loss_weight: float = 0.01,
    ) -> None:
        super().__init__()
        check_positive(sigma=sigma)
        check_sizes(heatmap_size=heatmap_size)
        check_weights(loss_weight=loss_weight)
        self.sigma = sigma
        self.heatmap_size = tuple(heatmap_size)
        self.loss_weight = loss_weight

    def forward(
        self, coordinates: Tensor, scores: Tensor, target: Tensor, weights: Tensor
    ) -> Tensor:
        cells = (coordinates.detach() - target) * constants(target, self.heatmap_size)
        value = torch.exp(-(cells**2).sum(-1) / (2 * self.sigma**2))
        return self.loss_weight * ((scores - value).abs() * weights).mean()


def _values_at(heatmaps: Tensor, coordinates: Tensor) -> Tensor:
    """Heatmap values at the cells nearest to (B, K, 2) coordinates in [0, 1], 0 outside: (B, K)."""
    coordinates = at_least_float32(coordinates.detach())
    height, width = heatmaps.shape[-2:]
    # The official code counts from cell centre to cell centre here (width - 1), unlike in decoding.
    column, row = (coordinates * constants(coordinates, [width - 1, height - 1])).round().unbind(-1)
    inside = ((coordinates >= 0) & (coordinates <= 1)).all(-1)
    cell = row.long().clamp(0, height - 1) * width + column.long().clamp(0, width - 1)
    return heatmaps.flatten(2).gather(2, cell[..., None])[..., 0] * inside
