from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_weights


@MODELS.register_module()
class SimulatedHeatmapLoss(nn.Module):
    """Mean squared distance between Gaussians drawn from coordinates and a teacher's heatmaps.

    Ye et al., DistilPose, CVPR 2023, https://arxiv.org/abs/2303.02455. Each joint of each sample has
    its own weight; the official code mixes the weights of different samples up.

    Args:
        loss_weight: Factor; the official one is 1.

    Shape:
        coordinates (B, K, 2) in [0, 1], sigmas (B, K, 2) in cells, heatmaps (B, K, H, W),
        weights (B, K) -> ()

    Raises:
        TypeError, ValueError: If ``loss_weight`` is no finite number of at least 0.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import SimulatedHeatmapLoss, simulate_heatmaps
        >>> coordinates, sigmas = torch.rand(2, 17, 2), torch.full((2, 17, 2), 2.0)
        >>> teacher = simulate_heatmaps(coordinates, sigmas, (32, 24))
        >>> SimulatedHeatmapLoss()(coordinates, sigmas, teacher, torch.ones(2, 17)).item()
        0.0
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_weights(loss_weight=loss_weight)
        self.loss_weight = loss_weight

    def forward(
        self, coordinates: Tensor, sigmas: Tensor, heatmaps: Tensor, weights: Tensor
    ) -> Tensor:
        rows, columns = heatmaps.shape[-2:]
        simulated = simulate_heatmaps(coordinates, sigmas, (rows, columns))
        distance = ((simulated - heatmaps) ** 2).mean((2, 3))
        return self.loss_weight * (distance * weights).mean()


def simulate_heatmaps(coordinates: Tensor, sigmas: Tensor, size: tuple[int, int]) -> Tensor:
    """Gaussians of height one.

    Args:
        coordinates: (B, K, 2) in [0, 1], x first.
        sigmas: (B, K, 2), standard deviations in cells.
        size: Rows and columns of the heatmaps.

    Shape:
        (B, K, 2), (B, K, 2) -> (B, K, rows, columns)
    """
    rows, columns = size
    across = _profile(coordinates[..., 0] * columns, sigmas[..., 0], columns)
    down = _profile(coordinates[..., 1] * rows, sigmas[..., 1], rows)
    return down[..., :, None] * across[..., None, :]


def _profile(center: Tensor, sigma: Tensor, cells: int) -> Tensor:
    """(B, K) -> (B, K, cells): a Gaussian along one axis."""
    cell = torch.arange(cells, dtype=center.dtype, device=center.device)
    variance = sigma[..., None] ** 2 + 1e-9  # as official: a sigma of zero must not divide by zero
    return torch.exp(-((cell - center[..., None]) ** 2) / (2 * variance))
