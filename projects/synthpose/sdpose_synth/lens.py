"""What a lens and a sensor do to an image."""

from __future__ import annotations

import cv2
import numpy as np


def photograph(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Exposure, white balance, contrast, vignette, blur and noise.

    Shape:
        (H, W, 3) float, 0..1 -> (H, W, 3) uint8
    """
    size = image.shape[0]
    levels = np.clip(image * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    picture: np.ndarray = cv2.LUT(levels, _tone_curve(rng))
    if rng.random() < 0.04:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.3:
        ramp = np.linspace(-1, 1, size, dtype=np.float32) ** 2
        fall = 1 - np.float32(rng.uniform(0.05, 0.25)) * (ramp[:, None] + ramp)
        picture = (picture * cv2.merge([fall] * 3)).astype(np.uint8)
    kind = rng.random()
    if kind < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0) * size / 256)
    elif kind < 0.36:
        picture = cv2.filter2D(picture, -1, _motion_kernel(rng, size))
    return _add_grain(rng, picture)


def _tone_curve(rng: np.random.Generator) -> np.ndarray:
    """Exposure, colour cast and gamma as a table for each channel: (1, 256, 3) uint8."""
    gain = rng.uniform(0.78, 1.2) * (1 + rng.uniform(-0.06, 0.06, 3))
    level = np.clip(np.linspace(0, 1, 256)[:, None] * gain, 0, 1) ** rng.uniform(0.75, 1.25)
    return np.round(255 * level).astype(np.uint8)[None]


def _add_grain(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Sensor noise; the sum of two uniform bytes is near enough to a normal and much faster."""
    strength = rng.uniform(0.5, 6.5)  # grey levels, standard deviation
    grain = rng.integers(0, 256, (2, *picture.shape), dtype=np.uint8)
    total = grain[0].astype(np.int16) + grain[1]
    noise = ((total - 255) * np.float32(strength / 104.0)).astype(np.int16)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _motion_kernel(rng: np.random.Generator, size: int) -> np.ndarray:
    reach = max(int(rng.uniform(0.006, 0.016) * size), 1)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    angle = rng.uniform(0, np.pi)
    dx, dy = int(round(reach * np.cos(angle))), int(round(reach * np.sin(angle)))
    cv2.line(kernel, (reach - dx, reach - dy), (reach + dx, reach + dy), (1.0,), 1)
    return kernel / kernel.sum()
