"""Backgrounds: floor and wall, or ground and sky, with texture and clutter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .appearance import muted_colour, random_colour
from .camera import Camera
from .clutter import add_shapes, add_skyline, add_wall_things
from .raster import rays


@dataclass
class Backdrop:
    """A painted background.

    Args:
        image: (H, W, 3) colours in 0..1.
        ground: (H, W) True where the ground shows.
    """

    image: np.ndarray
    ground: np.ndarray


@dataclass
class _Planes:
    """Where rays meet the ground and the wall: metres, (H, W) each."""

    ground_x: np.ndarray
    ground_z: np.ndarray
    wall_x: np.ndarray
    wall_y: np.ndarray
    ground: np.ndarray


def paint_backdrop(
    rng: np.random.Generator, camera: Camera, size: int, noise: np.ndarray
) -> Backdrop:
    """Paint what lies behind the people.

    Args:
        rng: Source of randomness.
        camera: The scene's camera.
        size: Height and width in pixels.
        noise: Smooth texture.
    """
    indoors = rng.random() < 0.6
    wall_z = -rng.uniform(0.9, 3.5) if indoors else -60.0
    planes = _meet_planes(camera, size, wall_z)
    image: np.ndarray = _wall(rng, planes) if indoors else _sky(rng, camera, size, noise)
    if indoors:
        add_wall_things(rng, image, camera, wall_z)
    else:
        add_skyline(rng, image, camera)
    floor = _floor(rng, planes)
    image = cv2.copyTo(floor, planes.ground.astype(np.uint8), image)
    zoom = cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR)
    image = image * cv2.merge([1 + np.float32(rng.uniform(0.1, 0.5)) * zoom] * 3)
    add_shapes(rng, image)
    return Backdrop(np.clip(image, 0, 1), planes.ground)


def _meet_planes(camera: Camera, size: int, wall_z: float) -> _Planes:
    u, v = rays(camera, size)
    r = camera.rotation.astype(np.float32)
    # World direction of each ray: R' (u, v, 1).
    direction = [r[0, k] * u[None, :] + r[1, k] * v[:, None] + r[2, k] for k in range(3)]
    down = np.minimum(direction[1], -1e-4)
    to_ground = -camera.position[1].astype(np.float32) / down
    to_wall = np.float32(wall_z - camera.position[2]) / np.minimum(direction[2], -1e-3)
    px, py, pz = camera.position.astype(np.float32)
    return _Planes(
        ground_x=px + to_ground * direction[0],
        ground_z=pz + to_ground * direction[2],
        wall_x=px + to_wall * direction[0],
        wall_y=py + to_wall * direction[1],
        ground=(direction[1] < -1e-3) & (to_ground < to_wall),
    )


def _blend(mask: np.ndarray, one: tuple, two: tuple) -> np.ndarray:
    """Colour ``one`` where the mask is 1, ``two`` where it is 0."""
    mask = mask.astype(np.float32)
    return cv2.merge([np.float32(b) + mask * np.float32(a - b) for a, b in zip(one, two)])


def _fraction(values: np.ndarray) -> np.ndarray:
    return values - np.floor(values)  # several times as fast as % 1


def _wall(rng: np.random.Generator, planes: _Planes) -> np.ndarray:
    x, y = planes.wall_x, planes.wall_y
    period = rng.uniform(0.15, 0.7)
    kind = rng.integers(5)
    if kind == 0:
        mask = np.clip(y / 3.0, 0, 1)
    elif kind == 1:  # bricks: every other course shifted by half
        course = np.floor(y / (0.4 * period))
        shifted = x / period + _fraction(0.5 * course)
        mask = (_fraction(shifted) > 0.07) & (_fraction(y / (0.4 * period)) > 0.12)
    elif kind == 2:
        mask = _fraction(x / period) < 0.5
    elif kind == 3:
        mask = (_fraction(x / period) > 0.06) & (_fraction(y / period) > 0.06)
    else:
        mask = y < rng.uniform(0.6, 1.4)
    one = muted_colour(rng)
    two = muted_colour(rng) if rng.random() < 0.4 else tuple(rng.uniform(0.6, 1.1) * c for c in one)
    return _blend(mask, one, two)


def _floor(rng: np.random.Generator, planes: _Planes) -> np.ndarray:
    x, z = planes.ground_x, planes.ground_z
    turn = rng.uniform(0, np.pi)
    x, z = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    period = rng.uniform(0.25, 0.9)
    kind = rng.integers(4)
    mask: np.ndarray
    if kind == 0:
        mask = np.full(x.shape, 0.5, dtype=np.float32)
    elif kind == 1:
        mask = _fraction(0.5 * (np.floor(x / period) + np.floor(z / period))) > 0.25
    elif kind == 2:
        mask = _fraction(x / (0.4 * period)) > 0.08
    else:
        mask = (_fraction(x / period) > 0.06) & (_fraction(z / period) > 0.06)
    one = np.array(muted_colour(rng))
    two = one * rng.uniform(0.5, 0.95) + 0.1 * np.array(random_colour(rng))
    return _blend(mask, tuple(one), tuple(two))


def _sky(rng: np.random.Generator, camera: Camera, size: int, noise: np.ndarray) -> np.ndarray:
    top = np.array([rng.uniform(0.6, 0.95), rng.uniform(0.5, 0.75), rng.uniform(0.3, 0.6)])
    low = np.array([0.9, 0.88, 0.85]) * rng.uniform(0.7, 1.05)
    rise = np.clip((camera.horizon() - np.arange(size)) / (0.8 * size), 0, 1)
    sky = low + rise[:, None] * (top - low)
    clouds = np.clip(cv2.resize(noise, (size, size)), 0, 1) * rng.uniform(0, 0.5)
    return (sky[:, None, :] + clouds[..., None]).astype(np.float32)
