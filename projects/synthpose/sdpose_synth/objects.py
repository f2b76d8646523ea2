"""Things around people: seats, occluders in front, clutter behind, things in hands."""

from __future__ import annotations

import numpy as np

from .appearance import BLOTCHES, Material, random_cloth
from .geometry import Vector, rot_x, rot_y, rot_z
from .shapes import Shapes
from .skeleton import Figure


def add_seat(rng: np.random.Generator, shapes: Shapes, figure: Figure) -> None:
    """Put a stool, box or chair under a sitting person."""
    pelvis, frame = figure.points['pelvis'], figure.frames['pelvis']
    top = pelvis[1] - 0.065 * figure.body.stature
    if top < 0.1:
        return
    heading = float(np.degrees(np.arctan2(frame[0, 2], frame[2, 2])))
    turn, cloth = rot_y(heading), random_cloth(rng)
    if rng.random() < 0.5:
        half = np.array([rng.uniform(0.18, 0.5), top / 2, 0.19])
        shapes.box(np.array([pelvis[0], top / 2, pelvis[2]]), turn, half, cloth)
    else:
        foot = np.array([pelvis[0], 0.0, pelvis[2]])
        shapes.cone(foot, foot + [0, top, 0], turn[:, 2], (0.17, 0.17), 1.0, cloth)
        shapes.ellipsoid(foot + [0, top - 0.03, 0], turn, (0.2, 0.04, 0.2), cloth)
    if rng.random() < 0.35:
        at = np.array([pelvis[0], top + 0.2, pelvis[2]]) - 0.24 * turn[:, 2]
        shapes.box(at, turn, np.array([0.2, 0.24, 0.02]), cloth)


def add_occluder(rng: np.random.Generator, shapes: Shapes, figure: Figure, reach: float) -> None:
    """Put something between the camera (in direction +z) and a person.

    Args:
        rng: Source of randomness.
        shapes: Where to add it.
        figure: The person who gets partly hidden.
        reach: Largest distance from the person, metres.
    """
    centre = figure.points['pelvis']
    x = centre[0] + rng.uniform(-0.5, 0.5)
    z = centre[2] + rng.uniform(0.3, 1.0) * max(reach, 0.3)
    cloth, kind = random_cloth(rng), rng.integers(4)
    if kind == 0:  # table, crate, wall
        half = np.array([rng.uniform(0.15, 0.7), rng.uniform(0.12, 0.45), rng.uniform(0.05, 0.25)])
        shapes.box(np.array([x, half[1], z]), rot_y(rng.uniform(-40, 40)), half, cloth)
    elif kind == 1:  # post
        foot, lean = np.array([x, 0.0, z]), rot_z(rng.normal(0, 3))[:, 1]
        radius = rng.uniform(0.02, 0.09)
        shapes.cone(foot, foot + 3 * lean, np.array([0.0, 0, 1]), (radius, radius), 0.9, cloth)
    elif kind == 2:
        _add_bush(rng, shapes, np.array([x, 0.0, z]))
    else:
        radius = rng.uniform(0.1, 0.3)
        at = np.array([x, radius + rng.uniform(0, 0.9), z])
        shapes.ellipsoid(at, rot_x(rng.uniform(0, 90)), (radius,) * 3, cloth)


def add_clutter(rng: np.random.Generator, shapes: Shapes) -> None:
    """Furniture and things that stand behind and beside the people."""
    for _ in range(int(rng.integers(0, 5))):
        at = np.array([rng.uniform(-2.5, 2.5), 0.0, rng.uniform(-3.0, -0.7)])
        cloth, kind = random_cloth(rng), rng.integers(4)
        turn = rot_y(rng.uniform(0, 360))
        if kind == 0:
            half = rng.uniform(0.1, 0.5, 3)
            shapes.box(at + [0, half[1], 0], turn, half, cloth)
        elif kind == 1:
            high, radius = rng.uniform(0.5, 2.6), rng.uniform(0.03, 0.2)
            shapes.cone(at, at + [0, high, 0], turn[:, 2], (radius, radius), 1.0, cloth)
        elif kind == 2:
            _add_bush(rng, shapes, at)
        else:
            x, y, z = rng.uniform(0.08, 0.3, 3).tolist()
            shapes.ellipsoid(at + [0, y + rng.uniform(0, 1), 0], turn, (x, y, z), cloth)


def add_held(rng: np.random.Generator, shapes: Shapes, figure: Figure) -> None:
    """Put a ball, bag or stick into a hand."""
    side = str(rng.choice(['left', 'right']))
    hand, frame = figure.points[f'{side}_hand'], figure.frames[f'{side}_forearm']
    cloth, kind = random_cloth(rng), rng.integers(3)
    if kind == 0:
        radius = rng.uniform(0.05, 0.13)
        shapes.ellipsoid(hand - (radius + 0.04) * frame[:, 1], frame, (radius,) * 3, cloth)
    elif kind == 1:
        half = np.array([rng.uniform(0.05, 0.15), rng.uniform(0.08, 0.16), 0.05])
        drop = np.array([0.0, half[1] + 0.05, 0.0])
        shapes.box(hand - drop, rot_y(rng.uniform(0, 180)), half, cloth)
    else:
        reach = rng.uniform(0.2, 0.6) * frame[:, 2]
        shapes.cone(hand - 0.4 * reach, hand + reach, frame[:, 1], (0.015, 0.015), 1.2, cloth)


def _add_bush(rng: np.random.Generator, shapes: Shapes, foot: Vector) -> None:
    leaf = Material(
        (0.1, float(rng.uniform(0.25, 0.55)), float(rng.uniform(0.1, 0.3))),
        (0.05, 0.2, 0.08),
        pattern=BLOTCHES,
        scale=0.05,
        rough=1.0,
    )
    for _ in range(int(rng.integers(3, 8))):
        at = foot + np.array([rng.normal(0, 0.16), rng.uniform(0.05, 0.6), rng.normal(0, 0.08)])
        half = tuple(rng.uniform(0.08, 0.2, 3).tolist())
        shapes.ellipsoid(at, rot_z(rng.uniform(0, 180)), half, leaf)
