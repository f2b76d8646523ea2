"""Put drawn shapes over a background with smooth edges."""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np

from .raster import Buffers

SUPERSAMPLE = 2  # shapes are drawn at this many times the size


def overlay(
    image: np.ndarray, buffers: Buffers, colours_at: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Draw shapes over a background, in place.

    A pixel whose four samples show the same shape is coloured once; on edges each sample counts.

    Args:
        image: (H, W, 3) background.
        buffers: Samples, (2 H, 2 W).
        colours_at: Gives (3, N) colours of (N,) flat sample numbers.
    """
    size = image.shape[0]
    quads = buffers.shape.reshape(size, 2, size, 2).transpose(1, 3, 0, 2).reshape(4, -1)
    first = quads[0]
    uniform = (quads[1] == first) & (quads[2] == first) & (quads[3] == first)
    inner = np.flatnonzero(uniform & (first >= 0))
    edges = [np.flatnonzero(~uniform & (quad >= 0)) for quad in quads]
    pixels = [inner, *edges]
    samples = [_sample_number(inner, 0, size)]
    samples += [_sample_number(edge, corner, size) for corner, edge in enumerate(edges)]
    colours = colours_at(np.concatenate(samples))
    colours *= _crevices(buffers.depth[::2, ::2]).ravel()[np.concatenate(pixels)]
    np.clip(colours, 0, 1.1, out=colours)
    _blend(image.reshape(-1, 3), pixels, colours.T)


def _sample_number(pixel: np.ndarray, corner: int, size: int) -> np.ndarray:
    row, column = np.divmod(pixel, size)
    return (2 * row + corner // 2) * (2 * size) + 2 * column + corner % 2


def _blend(flat: np.ndarray, pixels: list[np.ndarray], colours: np.ndarray) -> None:
    inner, *edges = pixels
    flat[inner] = colours[: len(inner)]
    behind = np.ones(len(flat), dtype=np.float32)
    for edge in edges:
        behind[edge] -= 0.25
    touched = np.unique(np.concatenate(edges))
    flat[touched] *= behind[touched, None]
    start = len(inner)
    for edge in edges:
        flat[edge] += 0.25 * colours[start : start + len(edge)]
        start += len(edge)


def _crevices(depth: np.ndarray) -> np.ndarray:
    """Darkening of surfaces that lie just behind a nearer one (depth unsharp masking).

    Luft, Colditz & Deussen, "Image enhancement by unsharp masking the depth buffer" (2006). It
    sets a limb off from the body part behind it, as contact shadows do in photos.
    """
    shallow = np.minimum(depth, np.float32(30.0))
    spread = cv2.GaussianBlur(shallow, (0, 0), 0.012 * depth.shape[0])
    behind = np.clip(shallow - spread, 0.0, 0.25)
    return 1.0 - np.float32(1.8) * behind
