"""Colours of the drawn pixels: surface, painted details, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .appearance import Material, Outfit
from .camera import Camera
from .details import paint_details
from .raster import Buffers, rays
from .shapes import BOX, Table
from .skeleton import Figure
from .texture import cloth_colours


@dataclass
class Light:
    """Light of a scene.

    Args:
        direction: (3,) unit vector towards the main light, camera axes.
        up: (3,) unit vector towards the sky, camera axes.
        key: (3,) colour and strength of the main light.
        sky: Strength of the light from above.
        ground: Strength of the light from below.
    """

    direction: np.ndarray
    up: np.ndarray
    key: np.ndarray
    sky: float
    ground: float


@dataclass
class Surface:
    """Drawn pixels as one list of length N.

    Args:
        shape: (N,) shape number.
        at: (3, N) position, camera axes, metres.
        normal: (3, N) unit surface normal, camera axes.
        own: (3, N) position in the shape's own axes, metres.
    """

    shape: np.ndarray
    at: np.ndarray
    normal: np.ndarray
    own: np.ndarray


def shade(
    index: np.ndarray,
    buffers: Buffers,
    table: Table,
    materials: list[Material],
    camera: Camera,
    light: Light,
    noise: np.ndarray,
    people: list[tuple[Figure, Outfit]],
) -> np.ndarray:
    """Colours of drawn pixels.

    Args:
        index: (N,) flat numbers of pixels that show a shape.
        buffers: What each pixel shows.
        table: The shapes.
        materials: Their surfaces.
        camera: The camera the buffers were drawn with.
        light: The scene's light.
        noise: Smooth texture.
        people: Posed bodies and what they wear, for painted details.

    Shape:
        (3, N) blue, green, red; 0..1, highlights brighter
    """
    surface = _surface(index, buffers, table, camera)
    shape = surface.shape
    kinds = table.material[shape]
    radius = table.half[:, [0, 2]].mean(1).astype(np.float32)[shape]
    around = np.arctan2(surface.own[0], surface.own[2]) * radius
    colours = cloth_colours(materials, kinds, surface.own[1], around, noise)
    _paint(colours, surface, table, camera, people)
    colours *= _illumination(surface.normal, light)
    gloss = np.array([m.gloss for m in materials], dtype=np.float32)[kinds]
    gloss *= _highlight(surface.normal, light)
    colours += gloss * light.key.astype(np.float32)[:, None]
    return colours


def _surface(index: np.ndarray, buffers: Buffers, table: Table, camera: Camera) -> Surface:
    size = buffers.depth.shape[0]
    shape = buffers.shape.ravel()[index]
    u, v = rays(camera, size)
    rows, columns = np.divmod(index.astype(np.int32), np.int32(size))
    z = buffers.depth.ravel()[index]
    x, y = u[columns] * z, v[rows] * z
    form = np.ascontiguousarray(table.form.T, dtype=np.float32)
    xx, yy, zz, xy, xz, yz, x1, y1, z1 = (form[k][shape] for k in range(9))
    normal = np.empty((3, len(index)), dtype=np.float32)
    normal[0] = xx * x + xy * y + xz * z + x1
    normal[1] = xy * x + yy * y + yz * z + y1
    normal[2] = xz * x + yz * y + zz * z + z1
    own = np.empty_like(normal)
    axes = np.ascontiguousarray(table.axes.transpose(1, 2, 0), dtype=np.float32)
    offset = table.offset.T.astype(np.float32)
    for k in range(3):
        ax, ay, az = axes[k]
        own[k] = ax[shape] * x + ay[shape] * y + az[shape] * z + offset[k][shape]
    _box_normals(normal, own, shape, table)
    normal /= np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-12
    return Surface(shape, np.stack([x, y, z]), normal, own)


def _box_normals(normal: np.ndarray, own: np.ndarray, shape: np.ndarray, table: Table) -> None:
    picked = np.flatnonzero(table.kind[shape] == BOX)
    if not len(picked):
        return
    boxes = shape[picked]
    relative = own[:, picked] / table.half[boxes].T
    face = np.abs(relative).argmax(0)
    sign = np.sign(relative[face, np.arange(len(face))])
    normal[:, picked] = table.axes[boxes, face].T * sign


def _paint(
    colours: np.ndarray,
    surface: Surface,
    table: Table,
    camera: Camera,
    people: list[tuple[Figure, Outfit]],
) -> None:
    detailed = np.flatnonzero((table.detail > 0)[surface.shape])
    shape = surface.shape[detailed]
    rotation = camera.rotation.T.astype(np.float32)
    at = surface.at[:, detailed]
    world = [r[0] * at[0] + r[1] * at[1] + r[2] * at[2] for r in rotation]
    world = np.stack(world) + camera.position.astype(np.float32)[:, None]
    own = surface.own[:, detailed] / table.half.astype(np.float32)[shape].T
    painted = colours[:, detailed]
    paint_details(painted, world, own, table.detail[shape], table.owner[shape], people)
    colours[:, detailed] = painted


def _illumination(normal: np.ndarray, light: Light) -> np.ndarray:
    direct = _dot(0.85 * light.direction, normal)
    direct += 0.15  # light wraps a little round the body, as from a broad lamp
    np.maximum(direct, 0, out=direct)
    ambient = _dot((0.5 * (light.sky - light.ground)) * light.up, normal)
    ambient += 0.5 * (light.sky + light.ground)
    return light.key.astype(np.float32)[:, None] * direct + ambient


def _highlight(normal: np.ndarray, light: Light) -> np.ndarray:
    """Blinn's highlight with exponent 16, for a viewer along the optical axis."""
    middle = light.direction + np.array([0.0, 0.0, -1.0])
    shine = _dot(middle / (np.sqrt((middle * middle).sum()) + 1e-6), normal)
    np.maximum(shine, 0, out=shine)
    for _ in range(4):
        shine *= shine
    return shine


def _dot(vector: np.ndarray, field: np.ndarray) -> np.ndarray:
    x, y, z = (np.float32(part) for part in vector)
    return x * field[0] + y * field[1] + z * field[2]
