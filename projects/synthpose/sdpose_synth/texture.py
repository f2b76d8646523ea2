"""Cloth patterns and grain, evaluated at surface coordinates."""

from __future__ import annotations

import cv2
import numpy as np

from .appearance import BANDS, BLOTCHES, CHECKS, DENIM, DOTS, STRIPES, Material

NOISE_SIZE = 128


def smooth_noise(rng: np.random.Generator) -> np.ndarray:
    """Smooth random texture of several scales, within -1..1: (NOISE_SIZE, NOISE_SIZE)."""
    shape = (NOISE_SIZE, NOISE_SIZE)
    total = np.zeros(shape, dtype=np.float32)
    for cells, weight in ((4, 0.5), (12, 0.4), (32, 0.25), (NOISE_SIZE, 0.12)):
        grid = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        total += weight * cv2.resize(grid, shape, interpolation=cv2.INTER_CUBIC)
    return np.clip(total, -1, 1)


def sample_noise(noise: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Texture values at coordinates that repeat with period 1."""
    rows = (y * NOISE_SIZE).astype(np.int32) & (NOISE_SIZE - 1)
    columns = (x * NOISE_SIZE).astype(np.int32) & (NOISE_SIZE - 1)
    return noise.ravel()[rows * NOISE_SIZE + columns]


def cloth_colours(
    materials: list[Material],
    kinds: np.ndarray,
    along: np.ndarray,
    around: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """Colours of surface points.

    Args:
        materials: All surfaces.
        kinds: (N,) which of them each point has.
        along, around: (N,) surface coordinates in metres.
        noise: Texture from :func:`smooth_noise`.

    Shape:
        (3, N) blue, green, red
    """
    first = np.array([m.colour for m in materials], dtype=np.float32).T
    second = np.array([m.second for m in materials], dtype=np.float32).T
    scales = np.array([m.scale for m in materials], dtype=np.float32)
    patterns = np.array([m.pattern for m in materials], dtype=np.int8)[kinds]
    colours = first[:, kinds]
    for pattern in (BANDS, STRIPES, CHECKS, DOTS, BLOTCHES, DENIM):
        picked = np.flatnonzero(patterns == pattern)
        if len(picked):
            kind = kinds[picked]
            y, x = along[picked] / scales[kind], around[picked] / scales[kind]
            mix = _second_share(pattern, x, y, noise)
            colours[:, picked] += mix * (second[:, kind] - colours[:, picked])
    rough = np.array([0.3 * m.rough for m in materials], dtype=np.float32)[kinds]
    rough *= sample_noise(noise, along * 1.7 + 0.37 * kinds, around * 1.7)
    colours *= 1 + rough
    return colours


def _second_share(pattern: int, x: np.ndarray, y: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Share of the second colour at pattern coordinates x (around) and y (along)."""
    x_, y_ = x - np.floor(x), y - np.floor(y)
    if pattern == BANDS:
        return (y_ < 0.45).astype(np.float32)
    if pattern == STRIPES:
        return (x_ < 0.4).astype(np.float32)
    if pattern == CHECKS:
        return 0.5 * ((y_ < 0.45).astype(np.float32) + (x_ < 0.45))
    if pattern == DOTS:
        return ((x_ - 0.5) ** 2 + (y_ - 0.5) ** 2 < 0.08).astype(np.float32)
    if pattern == BLOTCHES:
        return (sample_noise(noise, y * 0.09, x * 0.09) > 0.15).astype(np.float32)
    return 0.12 + 0.12 * sample_noise(noise, y * 0.4, x * 0.4)  # denim: washed unevenly
