"""Details painted on shapes: faces, shirt fronts, belts, shoe soles.

They are what tells a person's front from the back and so the left side from the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .appearance import Outfit
from .geometry import Matrix, Vector
from .head import head_size
from .shapes import CHEST, FACE, FOOT, HAIR, PELVIS
from .skeleton import Figure

EYE_WHITE = np.array([0.86, 0.9, 0.92], dtype=np.float32)
DARK = np.array([0.06, 0.07, 0.09], dtype=np.float32)

# Eyes on the unit sphere of the head: across, up. The keypoints use the same place.
EYE_ACROSS, EYE_UP = 0.38, 0.10


@dataclass
class Patch:
    """The pixels of one person that show one kind of shape.

    Args:
        picked: (n,) their rows in the list of drawn pixels.
        x, y, z: (n,) coordinates to the person's left, upwards and forwards.
    """

    picked: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


def paint_details(
    albedo: np.ndarray,
    world: np.ndarray,
    own: np.ndarray,
    detail: np.ndarray,
    owner: np.ndarray,
    people: list[tuple[Figure, Outfit]],
) -> None:
    """Paint every person's details.

    Args:
        albedo: (3, N) colours, changed in place.
        world: (3, N) positions in metres.
        own: (3, N) positions in the shape's own axes as shares of its half axes.
        detail, owner: (N,) kind of detail and person of each pixel.
        people: Posed bodies and what they wear.
    """
    keys = owner * 8 + detail
    detailed = np.flatnonzero((detail > 0) & (owner >= 0))
    for key in np.unique(keys[detailed]):
        picked = detailed[keys[detailed] == key]
        person, kind = divmod(int(key), 8)
        figure, outfit = people[person]
        if kind in (FOOT, HAIR):
            local = own[:, picked]
        else:
            local = _body_coordinates(world[:, picked], figure, kind)
        _PAINTERS[kind](albedo, Patch(picked, *local), outfit)


def _body_coordinates(world: np.ndarray, figure: Figure, kind: int) -> np.ndarray:
    """Head pixels in half axes of the head, others in statures below neck or waist."""
    point, frame = {
        FACE: ('head', 'head'),
        CHEST: ('neck_base', 'thorax'),
        PELVIS: ('waist', 'pelvis'),
    }[kind]
    scale = head_size(figure) if kind == FACE else (figure.body.stature,) * 3
    return _in_frame(world, figure.points[point], figure.frames[frame], scale)


def _in_frame(
    world: np.ndarray, origin: Vector, frame: Matrix, scale: tuple[float, float, float]
) -> np.ndarray:
    basis = (frame / np.asarray(scale)).T.astype(np.float32)
    x, y, z = world - origin.astype(np.float32)[:, None]
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in basis])


def _fill(
    albedo: np.ndarray, patch: Patch, where: np.ndarray, colour: np.ndarray, share: float = 1.0
) -> None:
    columns = patch.picked[where]
    target = np.asarray(colour, dtype=np.float32)[:, None]
    albedo[:, columns] += np.float32(share) * (target - albedo[:, columns])


def _face(albedo: np.ndarray, patch: Patch, outfit: Outfit) -> None:
    front = patch.z > 0
    across, up = np.abs(patch.x), patch.y
    skin, hair = np.array(outfit.skin.colour), np.array(outfit.hair.colour)
    if outfit.beard:
        _fill(albedo, patch, (patch.z > -0.1) & (up < -0.36) & (up > -1.05), hair, 0.85)
    lips = front & (across < 0.32) & (np.abs(up + 0.52) < 0.085)
    _fill(albedo, patch, lips, skin * np.array([0.45, 0.4, 0.75]))
    brows = front & (np.abs(across - EYE_ACROSS) < 0.22) & (np.abs(up - 0.34) < 0.05)
    _fill(albedo, patch, brows, hair * 0.8)
    _fill(albedo, patch, front & _ellipse(across, up, 0.22, 0.13), EYE_WHITE)
    _fill(albedo, patch, front & _ellipse(across, up, 0.12, 0.14), DARK)
    if outfit.glasses:
        outer, inner = _ellipse(across, up, 0.36, 0.3), _ellipse(across, up, 0.27, 0.21)
        bridge = (across < 0.1) & (np.abs(up - EYE_UP) < 0.05)
        _fill(albedo, patch, front & ((outer & ~inner) | bridge), DARK)


def _ellipse(across: np.ndarray, up: np.ndarray, wide: float, high: float) -> np.ndarray:
    dx, dy = (across - EYE_ACROSS) / wide, (up - EYE_UP) / high
    return dx * dx + dy * dy < 1


def _chest(albedo: np.ndarray, patch: Patch, outfit: Outfit) -> None:
    """Neckline, buttons, jacket opening, print, straps: on the front only."""
    front = patch.z > 0
    across, up, style = np.abs(patch.x), patch.y, outfit.neckline
    skin, trim = np.array(outfit.skin.colour), np.array(outfit.trim.colour)
    if style == 'jacket':
        _fill(albedo, patch, front & (across < 0.028), trim)
    if style == 'print':
        _fill(albedo, patch, front & (across < 0.052) & (np.abs(up + 0.10) < 0.035), trim)
    if style == 'shirt':
        _fill(albedo, patch, front & (across < 0.006), trim)
        _fill(albedo, patch, (across < 0.055) & (up > -0.022), trim)
    depth = 0.085 if style in ('v', 'jacket') else 0.035
    opening = 0.035 * (up + depth) / depth
    _fill(albedo, patch, front & (across < opening), skin)
    if outfit.backpack:
        _fill(albedo, patch, front & (np.abs(across - 0.065) < 0.013), trim)


def _pelvis(albedo: np.ndarray, patch: Patch, outfit: Outfit) -> None:
    """Belt all round, fly in front, pockets behind."""
    if outfit.skirt:
        return
    cloth = np.array(outfit.bottom.colour)
    _fill(albedo, patch, np.abs(patch.y + 0.012) < 0.007, DARK * 2)
    _fill(albedo, patch, (patch.z > 0) & (np.abs(patch.x) < 0.004), cloth * 0.45)
    pocket = (np.abs(np.abs(patch.x) - 0.045) < 0.02) & (np.abs(patch.y + 0.045) < 0.018)
    _fill(albedo, patch, (patch.z < 0) & pocket, cloth * 0.6)


def _sole(albedo: np.ndarray, patch: Patch, outfit: Outfit) -> None:
    cloth = np.array(outfit.shoes.colour)
    pale = 0.25 if cloth.mean() > 0.5 else 0.85
    _fill(albedo, patch, patch.y < -0.45, np.full(3, pale))


def _strands(albedo: np.ndarray, patch: Patch, outfit: Outfit) -> None:
    angle = np.arctan2(patch.x, patch.z)
    albedo[:, patch.picked] *= 1 + 0.18 * np.sin(angle * 23)


_PAINTERS = {FACE: _face, CHEST: _chest, PELVIS: _pelvis, FOOT: _sole, HAIR: _strands}
