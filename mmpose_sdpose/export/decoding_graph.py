"""Raw outputs to keypoints in pixels, in plain operators: what a codec does, inside the graph."""

from __future__ import annotations

import cv2
import torch
from mmpose.codecs import MSRAHeatmap
from torch import Tensor, nn

from .packages import ExportNotPossible


class HeatmapDecoding(nn.Module):
    """``MSRAHeatmap.decode``: the highest cell, refined, in pixels of the input.

    Args:
        codec: The model's codec.

    Shape:
        (B, K, H, W) -> keypoints (B, K, 2), scores (B, K)

    Raises:
        ExportNotPossible: If it is another codec.
    """

    def __init__(self, codec: object) -> None:
        super().__init__()
        if not isinstance(codec, MSRAHeatmap):
            raise ExportNotPossible(
                f'heatmaps of {type(codec).__name__} are not decoded inside the graph, those of '
                'MSRAHeatmap are: leave --decode and --simcc out'
            )
        self.width, self.height = (int(size) for size in codec.heatmap_size)
        if codec.unbiased:
            self.refine = DarkRefinement(self.width, self.height, codec.blur_kernel_size)
        else:
            self.refine = QuarterRefinement(self.width, self.height)
        self.register_buffer('cell', torch.as_tensor(codec.scale_factor))

    def forward(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        cells = heatmaps.flatten(2)
        scores, index = cells.amax(-1), cells.argmax(-1)
        column, row = index % self.width, index // self.width
        location = torch.stack([column, row], dim=-1).to(heatmaps.dtype)
        location = location + self.refine(heatmaps, scores, index, column, row)
        # As the codec says that there is nothing.
        location = torch.where(scores[..., None] > 0, location, -1.0)
        return location * self.cell, scores


class DarkRefinement(nn.Module):
    """One Newton step on the logarithm of the blurred heatmap.

    DARK: Zhang et al., CVPR 2020, https://arxiv.org/abs/1910.06278, as MMPose computes it: derivatives
    over cells two apart, no step within two cells of the border.

    Args:
        width: Columns of a heatmap.
        height: Rows of a heatmap.
        kernel_size: Of the Gaussian, odd.

    Shape:
        heatmaps (B, K, H, W), their maxima, the flat index of each, its column and row, all (B, K)
        -> step in cells (B, K, 2)
    """

    #: x and y of the cells looked at around the maximum, and their factors in dx, dy, dxx, dxy, dyy.
    STENCIL = {
        (0, 0): (0, 0, -0.5, 0, -0.5),
        (1, 0): (0.5, 0, 0, 0, 0),
        (-1, 0): (-0.5, 0, 0, 0, 0),
        (0, 1): (0, 0.5, 0, 0, 0),
        (0, -1): (0, -0.5, 0, 0, 0),
        (2, 0): (0, 0, 0.25, 0, 0),
        (-2, 0): (0, 0, 0.25, 0, 0),
        (0, 2): (0, 0, 0, 0, 0.25),
        (0, -2): (0, 0, 0, 0, 0.25),
        (1, 1): (0, 0, 0, 0.25, 0),
        (-1, -1): (0, 0, 0, 0.25, 0),
        (1, -1): (0, 0, 0, -0.25, 0),
        (-1, 1): (0, 0, 0, -0.25, 0),
    }

    def __init__(self, width: int, height: int, kernel_size: int) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.register_buffer('rows', _blur_matrix(height, kernel_size))
        self.register_buffer('columns', _blur_matrix(width, kernel_size))
        self.register_buffer('around', torch.tensor([x + y * width for x, y in self.STENCIL]))
        self.register_buffer('factors', torch.tensor(list(self.STENCIL.values())))

    def forward(
        self, heatmaps: Tensor, scores: Tensor, index: Tensor, column: Tensor, row: Tensor
    ) -> Tensor:
        inside = (column > 1) & (column < self.width - 2) & (row > 1) & (row < self.height - 2)
        blurred = (self.rows @ heatmaps @ self.columns).flatten(2)
        blurred = blurred * (scores / blurred.amax(-1))[..., None]
        # Any cell that has all neighbours will do where the step is not taken.
        centre = torch.where(inside, index, 2 * self.width + 2)
        values = blurred.gather(2, centre[..., None] + self.around).clamp(min=1e-10).log()
        dx, dy, dxx, dxy, dyy = (values @ self.factors).unbind(-1)
        det = dxx * dyy - dxy * dxy
        step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=-1) / det[..., None]
        return torch.where((inside & (det != 0))[..., None], step, 0.0)


class QuarterRefinement(nn.Module):
    """A quarter of a cell towards the higher neighbour, along each axis; arguments as above."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.register_buffer('around', torch.tensor([1, -1, width, -width]))

    def forward(
        self, heatmaps: Tensor, scores: Tensor, index: Tensor, column: Tensor, row: Tensor
    ) -> Tensor:
        # The codec's own limits, which differ at the two borders.
        sideways = (column > 1) & (column < self.width - 1) & (row > 0)
        upright = (row > 1) & (row < self.height - 1) & (column > 0)
        centre = torch.where(sideways | upright, index, self.width + 1)
        around = (centre[..., None] + self.around).clamp(0, self.width * self.height - 1)
        right, left, below, above = heatmaps.flatten(2).gather(2, around).unbind(-1)
        step = torch.stack([right - left, below - above], dim=-1).sign() * 0.25
        return torch.where(torch.stack([sideways, upright], dim=-1), step, 0.0)


class CoordinateDecoding(nn.Module):
    """Coordinates in units of the input size to pixels; scores pass.

    Args:
        input_size: Width and height, pixels.

    Shape:
        keypoints (B, K, 2), scores (B, K) -> the same
    """

    def __init__(self, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer('size', torch.tensor(input_size, dtype=torch.float32))

    def forward(self, keypoints: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        return keypoints * self.size, scores


def _blur_matrix(length: int, kernel_size: int) -> Tensor:
    """(length, length): what a product with it does is OpenCV's blur along an axis, zeros outside."""
    kernel = torch.from_numpy(cv2.getGaussianKernel(kernel_size, 0, cv2.CV_32F)[:, 0])
    offset = torch.arange(length)[:, None] - torch.arange(length) + kernel_size // 2
    inside = (offset >= 0) & (offset < kernel_size)
    return torch.where(inside, kernel[offset.clamp(0, kernel_size - 1)], torch.zeros(()))
