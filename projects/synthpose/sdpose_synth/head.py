"""Head, face, ears and hair."""

from __future__ import annotations

import numpy as np

from .appearance import Outfit
from .geometry import Vector, rot_x
from .parts import PART
from .shapes import FACE, HAIR, PLAIN, Shapes
from .skeleton import SIDES, Figure

#: Hair beside that on the skull: its place and half axes, in those of the skull.
_LOOSE_HAIR = dict(
    long=((0.0, -0.62, -0.5), (1.02, 1.15, 0.55)),
    bun=((0.0, 0.55, -1.05), (0.42, 0.35, 0.35)),
)


def head_size(figure: Figure) -> tuple[float, float, float]:
    """Half axes of the skull in metres: across, up, forward."""
    half = figure.body.lengths['head']
    return 0.70 * half, half, 0.84 * half


def add_head(shapes: Shapes, figure: Figure, outfit: Outfit) -> None:
    """Add skull, jaw, nose and ears."""
    frame, centre, skin = figure.frames['head'], figure.points['head'], outfit.skin
    a, b, c = head_size(figure)
    head = PART['head']
    shapes.ellipsoid(centre, frame, (a, b, c), skin, head, FACE)
    jaw = centre + frame @ np.array([0.0, -0.48 * b, 0.18 * c])
    shapes.ellipsoid(jaw, frame, (0.78 * a, 0.52 * b, 0.74 * c), skin, head, FACE)
    nose = centre + frame @ np.array([0.0, -0.12 * b, 0.98 * c])
    shapes.ellipsoid(nose, frame @ rot_x(-18), (0.13 * a, 0.2 * b, 0.2 * c), skin, head)
    for side, sign in SIDES.items():
        ear = centre + frame @ np.array([sign * 0.98 * a, -0.05 * b, -0.05 * c])
        shapes.ellipsoid(ear, frame, (0.1 * a, 0.22 * b, 0.17 * c), skin, PART[f'{side}_ear'])


def add_hair(shapes: Shapes, figure: Figure, outfit: Outfit) -> None:
    """Add hair or a cap; hair leaves the face and, unless long, the ears free."""
    frame, centre, style = figure.frames['head'], figure.points['head'], outfit.hair_style
    a, b, c = head_size(figure)
    part = PART['hair']

    def at(x: float, y: float, z: float) -> Vector:
        return centre + frame @ np.array([x * a, y * b, z * c])

    if style == 'cap':
        cap = outfit.trim
        shapes.ellipsoid(
            at(0, 0.1, -0.03),
            frame,
            (1.08 * a, 1.0 * b, 1.08 * c),
            cap,
            part,
            PLAIN,
            (0.0, 0.97, -0.15, 0.22),
        )
        shapes.ellipsoid(at(0, 0.36, 1.05), frame, (0.75 * a, 0.07 * b, 0.6 * c), cap, part)
    if style == 'bald':
        return
    full = (1.08 * a, 1.07 * b, 1.07 * c)
    cut = -0.02 if style == 'cap' else -0.2
    shapes.ellipsoid(
        at(0, 0.02, -0.05), frame, full, outfit.hair, part, HAIR, (0.0, 0.6, -0.8, cut)
    )
    if style in _LOOSE_HAIR:
        place, half = _LOOSE_HAIR[style]
        half = half[0] * a, half[1] * b, half[2] * c
        shapes.ellipsoid(at(*place), frame, half, outfit.hair, part, HAIR)
    elif style == 'tail':
        shapes.cone(
            at(0, 0.35, -1.0),
            at(0, -1.3, -1.25),
            frame[:, 2],
            (0.3 * a, 0.26 * c),
            0.35,
            outfit.hair,
            part,
            HAIR,
        )
