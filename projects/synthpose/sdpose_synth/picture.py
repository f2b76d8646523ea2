"""From a scene to an image: backdrop, shadows, people, and what a lens and a sensor add."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .background import Backdrop, paint_backdrop
from .camera import Camera
from .compositing import SUPERSAMPLE, overlay
from .lens import photograph
from .raster import Buffers, rasterise
from .scene import Scene
from .shading import Light, shade
from .shapes import Table, to_camera
from .skeleton import SIDES, Figure
from .texture import smooth_noise

_BONES = [('pelvis', 'neck_base', 0.1), ('neck_base', 'head', 0.06)] + [
    (f'{side}_{one}', f'{side}_{two}', radius)
    for side in SIDES
    for one, two, radius in (
        ('shoulder', 'elbow', 0.03),
        ('elbow', 'hand', 0.025),
        ('hip', 'knee', 0.045),
        ('knee', 'ankle', 0.035),
        ('heel', 'toe', 0.025),
    )
]


@dataclass
class Picture:
    """A rendered scene.

    Args:
        image: (H, W, 3) uint8, blue green red.
        buffers: Depth and shape numbers at ``SUPERSAMPLE`` times the size.
        table: The shapes.
        camera: Camera of the image.
    """

    image: np.ndarray
    buffers: Buffers
    table: Table
    camera: Camera


def render(rng: np.random.Generator, scene: Scene, size: int) -> Picture:
    """Render a scene as a square picture of ``size`` pixels."""
    camera = scene.camera
    fine = _finer(camera)
    table = to_camera(scene.shapes, camera.position, camera.rotation)
    buffers = rasterise(table, fine, size * SUPERSAMPLE)
    noise = smooth_noise(rng)
    light = _sample_light(rng, camera)
    backdrop = paint_backdrop(rng, camera, size, noise)
    _cast_shadows(rng, backdrop, scene, light)
    blur = rng.uniform(0, 0.012) * size if rng.random() < 0.6 else 0.0
    image = _defocus(backdrop.image, blur)

    def colours_at(index: np.ndarray) -> np.ndarray:
        materials = scene.shapes.materials
        return shade(index, buffers, table, materials, fine, light, noise, scene.people)

    overlay(image, buffers, colours_at)
    return Picture(photograph(rng, image), buffers, table, camera)


def _finer(camera: Camera) -> Camera:
    """The same camera for a picture with ``SUPERSAMPLE`` as many pixels a side."""
    centre = (camera.centre + 0.5) * SUPERSAMPLE - 0.5
    return Camera(camera.position, camera.rotation, camera.focal * SUPERSAMPLE, centre)


def _defocus(image: np.ndarray, blur: float) -> np.ndarray:
    """Blur by ``blur`` pixels; a strong blur is done at half the size, four times as fast."""
    if blur < 0.4:
        return image
    if blur < 1.6:
        return cv2.GaussianBlur(image, (0, 0), blur)
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    half = cv2.GaussianBlur(half, (0, 0), blur / 2)
    return cv2.resize(half, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _sample_light(rng: np.random.Generator, camera: Camera) -> Light:
    azimuth, height = rng.normal(0, 70), rng.uniform(15, 75)
    world = np.array(
        [
            np.sin(np.radians(azimuth)) * np.cos(np.radians(height)),
            np.sin(np.radians(height)),
            np.cos(np.radians(azimuth)) * np.cos(np.radians(height)),
        ]
    )
    warm = np.array([1.0, 1.0, 1.0]) + rng.uniform(-0.12, 0.12) * np.array([-1.0, 0.0, 1.0])
    return Light(
        direction=camera.rotation @ world,
        up=camera.rotation[:, 1],
        key=warm * rng.uniform(0.35, 0.9),
        sky=rng.uniform(0.35, 0.7),
        ground=rng.uniform(0.15, 0.35),
    )


def _cast_shadows(rng: np.random.Generator, backdrop: Backdrop, scene: Scene, light: Light) -> None:
    """Darken the ground where bodies keep the main light off it."""
    size = backdrop.image.shape[0]
    world_light = scene.camera.rotation.T @ light.direction
    mask = np.zeros((size, size), dtype=np.uint8)
    for figure, _ in scene.people:
        _draw_shadow(mask, figure, scene.camera, world_light / max(world_light[1], 0.3))
    soft = cv2.GaussianBlur(mask, (0, 0), 0.004 * size + rng.uniform(0, 0.01) * size)
    strength = rng.uniform(0.25, 0.6) / 255.0
    dimming = 1 - np.float32(strength) * (soft * backdrop.ground)
    backdrop.image *= cv2.merge([dimming] * 3)


def _draw_shadow(mask: np.ndarray, figure: Figure, camera: Camera, slope: np.ndarray) -> None:
    bones = [(figure.points[a], figure.points[b]) for a, b, _ in _BONES]
    ends = np.array(bones).reshape(-1, 3)
    on_ground = ends - ends[:, 1:2] * slope
    on_ground[:, 1] = 0.0
    pixels = camera.project(on_ground).reshape(-1, 2, 3)
    spots = np.clip(np.round(pixels[..., :2]), -9999, 9999).astype(int).tolist()
    depths = pixels[..., 2].min(1).tolist()
    for (one, two), depth, (_, _, radius) in zip(spots, depths, _BONES):
        if depth < 0.5:
            continue
        thick = max(int(1.6 * radius * figure.body.stature * camera.focal / depth), 1)
        cv2.line(mask, one, two, (255,), thick)
