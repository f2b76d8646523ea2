"""Flat clutter of backgrounds: skylines, things on walls, things one cannot name."""

from __future__ import annotations

import cv2
import numpy as np

from .appearance import random_colour
from .camera import Camera


def add_skyline(rng: np.random.Generator, image: np.ndarray, camera: Camera) -> None:
    """Houses and trees that stand on the horizon."""
    size, line = image.shape[0], camera.horizon()
    for _ in range(int(rng.integers(3, 12))):
        colour = tuple(float(c) * 0.8 for c in random_colour(rng))
        x, wide = rng.uniform(0, size), rng.uniform(0.05, 0.25) * size
        high = rng.uniform(0.05, 0.45) * size
        if rng.random() < 0.5:
            cv2.rectangle(image, _at(x, line - high), _at(x + wide, line + 3), colour, -1)
        else:
            green = (0.15, float(rng.uniform(0.25, 0.5)), 0.2)
            cv2.ellipse(image, _at(x, line), _at(wide * 0.6, high), 0, 0, 360, green, -1)


def add_wall_things(
    rng: np.random.Generator, image: np.ndarray, camera: Camera, wall_z: float
) -> None:
    """Doors, windows and pictures on the wall, in perspective."""
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(-2.5, 2.5), rng.uniform(0, 2.0)
        wide, high = rng.uniform(0.2, 1.2), rng.uniform(0.2, 1.6)
        frame, inside = random_colour(rng), random_colour(rng)
        for grow, colour in ((0.06, frame), (0.0, inside)):
            left, right, low, top = x - grow, x + wide + grow, y - grow, y + high + grow
            corners = np.array([[left, low], [right, low], [right, top], [left, top]])
            world = np.concatenate([corners, np.full((4, 1), wall_z)], axis=1)
            pixels = camera.project(world)
            if pixels[:, 2].min() > 0.3:
                polygon = np.round(np.clip(pixels[:, :2], -9999, 9999)).astype(np.int32)
                cv2.fillConvexPoly(image, polygon, colour, cv2.LINE_8)


def add_shapes(rng: np.random.Generator, image: np.ndarray) -> None:
    """A few lines, blobs and boxes anywhere: things one cannot name in a photo's background."""
    size = image.shape[0]
    for _ in range(int(rng.integers(0, 9))):
        colour = random_colour(rng)
        x, y, a, b = rng.uniform(0, size, 2).tolist() + rng.uniform(0.02, 0.14, 2).tolist()
        kind = rng.integers(3)
        if kind == 0:
            cv2.ellipse(
                image,
                _at(x, y),
                _at(a * size, b * size),
                float(rng.uniform(0, 180)),
                0,
                360,
                colour,
                -1,
            )
        elif kind == 1:
            cv2.rectangle(image, _at(x, y), _at(x + a * size, y + 2 * b * size), colour, -1)
        else:
            thick = int(rng.integers(1, max(size // 40, 2)))
            end = _at(x + rng.uniform(-1, 1) * size, y + rng.uniform(-1, 1) * size)
            cv2.line(image, _at(x, y), end, colour, thick)


def _at(x: float, y: float) -> tuple[int, int]:
    return int(round(min(max(x, -9999), 9999))), int(round(min(max(y, -9999), 9999)))
