"""From the network's output to coordinates, as MMPose's codecs and flip test do it.

All people and keypoints are decoded at once. Heatmaps: the maximum of ``MSRAHeatmap``, then a quarter of
a cell towards the higher neighbour (Xiao et al., ECCV 2018, https://arxiv.org/abs/1804.06208) or, where
the codec is unbiased, a Newton step on the logarithm of the blurred heatmap (DARK: Zhang et al.,
CVPR 2020, https://arxiv.org/abs/1910.06278). Coordinates: ``RegressionLabel``.
"""

from __future__ import annotations

import cv2
import numpy as np

#: Heatmaps are raised to this before the logarithm, and steps on a singular Hessian are left out.
SMALLEST = 1e-10


def decode_heatmaps(
    heatmaps: np.ndarray,
    input_size: tuple[int, int],
    unbiased: bool = True,
    blur_kernel_size: int = 11,
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in pixels of the input, and the heatmaps' maxima as scores.

    Args:
        heatmaps: Heatmaps of P people.
        input_size: Width and height of the input, pixels.
        unbiased: Newton step instead of the quarter of a cell.
        blur_kernel_size: Width of the Gaussian that the Newton step blurs with, cells; odd.

    Shape:
        (P, K, h, w) -> (P, K, 2), (P, K)
    """
    people, keypoints, height, width = heatmaps.shape
    maps = np.ascontiguousarray(heatmaps, np.float32).reshape(-1, height, width)
    peaks = maps.reshape(len(maps), -1).argmax(axis=1)
    scores = np.take_along_axis(maps.reshape(len(maps), -1), peaks[:, None], axis=1)[:, 0]
    cells = np.stack([peaks % width, peaks // width], axis=1)
    # Where nothing rises above zero there is no keypoint: MMPose then says -1.
    cells[scores <= 0] = -1
    step = _newton_step(maps, cells, blur_kernel_size) if unbiased else _quarter_step(maps, cells)
    points = (cells + step) * (np.array(input_size) / (width, height)).astype(np.float32)
    shape = (people, keypoints)
    return points.reshape(*shape, 2).astype(np.float32), scores.reshape(shape)


def mirror_back_heatmaps(
    heatmaps: np.ndarray, flip_indices: np.ndarray, shift: bool = True
) -> np.ndarray:
    """Heatmaps of mirrored images, as they would be for the images themselves.

    Args:
        heatmaps: (P, K, h, w).
        flip_indices: (K,), where each keypoint is found in a mirror.
        shift: Move them by one cell to the right: a cell's corner, not its middle, was mirrored.
    """
    mirrored = heatmaps[:, flip_indices, :, ::-1].copy()
    if shift:
        mirrored[..., 1:] = mirrored[..., :-1].copy()
    return mirrored


def mirror_back_points(
    points: np.ndarray, flip_indices: np.ndarray, width: float, shift: float = 0.0
) -> np.ndarray:
    """Coordinates (P, K, 2) in mirrored images of ``width``, as they would be in the images."""
    mirrored = points[:, flip_indices].copy()
    mirrored[..., 0] = width - mirrored[..., 0] - shift
    return mirrored


def _quarter_step(maps: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(N, 2): a quarter of a cell towards the higher neighbour, nothing at the border."""
    height, width = maps.shape[1:]
    x, y = cells.T
    inside_x = (x > 1) & (x < width - 1) & (y > 0) & (y < height)
    inside_y = (y > 1) & (y < height - 1) & (x > 0) & (x < width)
    value = _reader(maps, x, y)
    step = np.stack(
        [inside_x * (value(1, 0) - value(-1, 0)), inside_y * (value(0, 1) - value(0, -1))], axis=1
    )
    return 0.25 * np.sign(step)


def _newton_step(maps: np.ndarray, cells: np.ndarray, kernel: int) -> np.ndarray:
    """(N, 2): to the maximum of the parabola that fits the logarithm around the highest cell."""
    height, width = maps.shape[1:]
    x, y = cells.T
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    value = _reader(_blurred(maps, kernel), x, y, lambda v: np.log(np.maximum(v, SMALLEST)))
    middle = value(0, 0)
    dx, dy = 0.5 * (value(1, 0) - value(-1, 0)), 0.5 * (value(0, 1) - value(0, -1))
    dxx = 0.25 * (value(2, 0) - 2 * middle + value(-2, 0))
    dyy = 0.25 * (value(0, 2) - 2 * middle + value(0, -2))
    dxy = 0.25 * (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1))
    determinant = dxx * dyy - dxy * dxy
    usable = inside & (determinant != 0)
    divisor = np.where(usable, determinant, 1)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1) / divisor[:, None]
    return np.where(usable[:, None], step, 0)


def _reader(maps: np.ndarray, x: np.ndarray, y: np.ndarray, transform=np.asarray):
    """A function of an offset: the transformed values (N,) there, seen from one cell of each map.

    Cells outside read the border, which the callers leave out.
    """
    height, width = maps.shape[1:]
    index = np.arange(len(maps))

    def value(right: int, down: int) -> np.ndarray:
        column = np.clip(x + right, 0, width - 1)
        row = np.clip(y + down, 0, height - 1)
        return transform(maps[index, row, column])

    return value


def _blurred(maps: np.ndarray, kernel: int) -> np.ndarray:
    """Maps blurred with zeros around them, each with its maximum as before: (N, h, w)."""
    count, height, width = maps.shape
    gap = kernel // 2
    # One tall image with gaps of zeros between the maps: one call blurs all of them.
    tall = np.zeros((count, height + gap, width), np.float32)
    tall[:, :height] = maps
    tall = cv2.GaussianBlur(
        tall.reshape(-1, width), (kernel, kernel), 0, borderType=cv2.BORDER_CONSTANT
    )
    blurred = tall.reshape(count, height + gap, width)[:, :height]
    before = maps.reshape(count, -1).max(axis=1)
    after = blurred.reshape(count, -1).max(axis=1)
    scale = np.divide(before, after, out=np.ones_like(before), where=after != 0)
    return blurred * scale[:, None, None]
