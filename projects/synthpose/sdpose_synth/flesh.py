"""Flesh and clothes on a skeleton: the shapes that a posed, dressed person is drawn from."""

from __future__ import annotations

import numpy as np

from .appearance import Material, Outfit
from .geometry import Vector, rot_x
from .head import add_hair, add_head
from .parts import PART
from .shapes import CHEST, FOOT, PELVIS, Shapes
from .skeleton import SIDES, Figure


def add_person(shapes: Shapes, figure: Figure, outfit: Outfit, owner: int) -> None:
    """Add the shapes of one person to ``shapes``."""
    shapes.owner = owner
    _add_trunk(shapes, figure, outfit)
    add_head(shapes, figure, outfit)
    add_hair(shapes, figure, outfit)
    for side, sign in SIDES.items():
        _add_arm(shapes, figure, outfit, side)
        _add_leg(shapes, figure, outfit, side)
        _add_foot(shapes, figure, outfit, side, sign)
    if outfit.skirt:
        _add_skirt(shapes, figure, outfit)
    if outfit.backpack:
        _add_backpack(shapes, figure, outfit)
    shapes.owner = -1


def _add_trunk(shapes: Shapes, figure: Figure, outfit: Outfit) -> None:
    p, f, size = figure.points, figure.frames, figure.body.stature
    g = size * (0.55 + 0.45 * figure.body.girth)
    shoulder = figure.body.lengths['half_shoulders']
    torso, pelvis = PART['torso'], PART['pelvis']
    top, bottom = outfit.top, outfit.bottom
    front = {name: f[name][:, 2] for name in ('pelvis', 'lumbar', 'thorax', 'neck')}
    low, waist, chest, collar = p['pelvis'], p['waist'], p['chest'], p['neck_base']
    hips = (0.098 * g, 0.060 * g, 0.070 * g)
    shapes.ellipsoid(low + 0.005 * f['pelvis'][:, 1], f['pelvis'], hips, bottom, pelvis, PELVIS)
    for sign in SIDES.values():  # the seat tells back from front
        seat = low + f['pelvis'] @ np.array([sign * 0.042, -0.014, -0.03]) * g
        shapes.ellipsoid(seat, f['pelvis'], (0.054 * g, 0.055 * g, 0.05 * g), bottom, pelvis)
    shapes.cone(low, waist, front['pelvis'], (0.098 * g, 0.068 * g), 0.88, bottom, pelvis, PELVIS)
    waist_half = (0.086 * g, 0.035 * g, 0.062 * g)
    shapes.ellipsoid(waist, f['lumbar'], waist_half, top, torso)
    shapes.cone(waist, chest, front['lumbar'], (0.086 * g, 0.062 * g), 1.13, top, torso, CHEST)
    shapes.ellipsoid(chest, f['thorax'], (0.097 * g, 0.05 * g, 0.069 * g), top, torso, CHEST)
    shapes.cone(chest, collar, front['thorax'], (0.097 * g, 0.069 * g), 0.72, top, torso, CHEST)
    girdle = collar - 0.022 * size * f['thorax'][:, 1]
    shapes.ellipsoid(girdle, f['thorax'], (shoulder, 0.036 * g, 0.05 * g), top, torso, CHEST)
    if outfit.curves:
        for sign in SIDES.values():
            at = chest + f['thorax'] @ np.array([sign * 0.042, 0.045, 0.042]) * g
            shapes.ellipsoid(at, f['thorax'], (0.042 * g, 0.045 * g, 0.038 * g), top, torso)
    neck_end = p['head_pivot'] + 0.02 * size * f['neck'][:, 1]
    shapes.cone(
        collar - 0.02 * size * f['thorax'][:, 1],
        neck_end,
        front['neck'],
        (0.036 * g, 0.036 * g),
        0.85,
        outfit.skin,
        PART['neck'],
    )
    nape = collar - 0.004 * size * f['thorax'][:, 1]
    shapes.ellipsoid(nape, f['thorax'], (0.062 * g, 0.026 * g, 0.036 * g), top, torso, CHEST)


def _add_arm(shapes: Shapes, figure: Figure, outfit: Outfit, side: str) -> None:
    p, f = figure.points, figure.frames
    g = figure.body.stature * (0.4 + 0.6 * figure.body.girth)
    shoulder, elbow, wrist = (p[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist'))
    upper, fore = f[f'{side}_upper_arm'], f[f'{side}_forearm']
    skin, top, sleeve = outfit.skin, outfit.top, outfit.sleeve
    upper_part, fore_part = PART[f'{side}_upper_arm'], PART[f'{side}_forearm']
    cap = 0.034 * g
    shapes.ellipsoid(shoulder, upper, (cap, cap, cap), top if sleeve else skin, upper_part)
    _limb(
        shapes, (shoulder, elbow), upper[:, 2], (0.030 * g, 0.78), (skin, top), sleeve, upper_part
    )
    joint = 0.0242 * g
    covered = top if sleeve > 1 else skin
    shapes.ellipsoid(elbow, fore, (joint, joint, joint), covered, fore_part)
    _limb(
        shapes, (elbow, wrist), fore[:, 2], (0.0255 * g, 0.64), (skin, top), sleeve - 1, fore_part
    )
    palm = p[f'{side}_hand']
    half = (0.013 * g, 1.0 * figure.body.lengths['hand'], 0.025 * g)
    shapes.ellipsoid(palm, fore, half, skin, PART[f'{side}_hand'])
    thumb = palm + fore @ np.array([0.0, 0.012, 0.026]) * g
    shapes.ellipsoid(
        thumb, fore @ rot_x(25), (0.008 * g, 0.022 * g, 0.009 * g), skin, PART[f'{side}_hand']
    )


def _limb(
    shapes: Shapes,
    ends: tuple[Vector, Vector],
    forward: Vector,
    size: tuple[float, float],
    skin_and_cloth: tuple[Material, Material],
    covered: float,
    part: int,
) -> None:
    """A tapered limb; a share ``covered`` of it from its start wears cloth, a little wider."""
    (start, end), (radius, taper), (skin, cloth) = ends, size, skin_and_cloth
    covered = min(max(covered, 0.0), 1.0)
    if covered < 1.0:
        shapes.cone(start, end, forward, (radius, radius), taper, skin, part)
    if covered > 0.0:
        wide = radius * (1.10 if covered == 1.0 else 1.2)
        stop = start + covered * (end - start)
        shapes.cone(
            start, stop, forward, (wide, wide), 1 + (taper - 1) * covered * 0.8, cloth, part
        )


def _add_leg(shapes: Shapes, figure: Figure, outfit: Outfit, side: str) -> None:
    p, f = figure.points, figure.frames
    g = figure.body.stature * (0.4 + 0.6 * figure.body.girth)
    hip, knee, ankle = (p[f'{side}_{name}'] for name in ('hip', 'knee', 'ankle'))
    thigh, shank = f[f'{side}_thigh'], f[f'{side}_shank']
    skin, cloth, leg = outfit.skin, outfit.bottom, outfit.leg
    thigh_part, shank_part = PART[f'{side}_thigh'], PART[f'{side}_shank']
    start = 0.051 * g
    shapes.ellipsoid(hip, thigh, (start, start, start), cloth, thigh_part)
    _limb(shapes, (hip, knee), thigh[:, 2], (start, 0.68), (skin, cloth), leg, thigh_part)
    joint = 0.0355 * g
    covered = cloth if leg > 1 else skin
    shapes.ellipsoid(knee, shank, (joint, joint, joint), covered, shank_part)
    _limb(shapes, (knee, ankle), shank[:, 2], (0.035 * g, 0.62), (skin, cloth), leg - 1, shank_part)
    calf = knee + 0.33 * (ankle - knee) - 0.012 * g * shank[:, 2]
    calf_length = 0.09 * figure.body.stature
    shapes.ellipsoid(
        calf, shank, (0.032 * g, calf_length, 0.034 * g), cloth if leg > 1.5 else skin, shank_part
    )


def _add_foot(shapes: Shapes, figure: Figure, outfit: Outfit, side: str, sign: float) -> None:
    p, frame = figure.points, figure.frames[f'{side}_foot']
    g, part = figure.body.stature, PART[f'{side}_foot']
    heel, toe = p[f'{side}_heel'], p[f'{side}_toe']
    ankle = p[f'{side}_ankle']
    shapes.ellipsoid(ankle, frame, (0.023 * g, 0.026 * g, 0.026 * g), outfit.shoes, part)
    shapes.ellipsoid(
        heel + 0.012 * g * frame[:, 2],
        frame,
        (0.022 * g, 0.02 * g, 0.026 * g),
        outfit.shoes,
        part,
        FOOT,
    )
    shapes.ellipsoid(
        0.5 * (heel + toe), frame, (0.025 * g, 0.02 * g, 0.068 * g), outfit.shoes, part, FOOT
    )
    ball = toe - 0.03 * g * frame[:, 2] - sign * 0.004 * g * frame[:, 0]
    shapes.ellipsoid(ball, frame, (0.029 * g, 0.016 * g, 0.035 * g), outfit.shoes, part, FOOT)


def _add_skirt(shapes: Shapes, figure: Figure, outfit: Outfit) -> None:
    """A skirt hangs between the thighs' directions; it belongs to the pelvis."""
    p, frame = figure.points, figure.frames['pelvis']
    g = figure.body.stature * (0.55 + 0.45 * figure.body.girth)
    knees = 0.5 * (p['left_knee'] + p['right_knee'])
    apart = float(np.linalg.norm(p['left_knee'] - p['right_knee']))
    hem = p['pelvis'] + outfit.skirt * (knees - p['pelvis'])
    length = float(np.linalg.norm(hem - p['pelvis']))
    if length < 0.08 * g:
        return
    wide = 0.5 * apart * outfit.skirt + 0.055 * g
    taper = max(wide / (0.1 * g), 1.05)
    forward = frame[:, 2] + frame[:, 1]  # stays across the thighs when they are raised
    shapes.cone(
        p['pelvis'], hem, forward, (0.1 * g, 0.072 * g), taper, outfit.bottom, PART['pelvis']
    )


def _add_backpack(shapes: Shapes, figure: Figure, outfit: Outfit) -> None:
    p, frame, g = figure.points, figure.frames['thorax'], figure.body.stature
    middle = 0.5 * (p['chest'] + p['neck_base'])
    at = middle + frame @ np.array([0.0, -0.01, -0.105]) * g
    shapes.owner = -1  # a bag is no part of the person's silhouette
    shapes.ellipsoid(at, frame, (0.085 * g, 0.115 * g, 0.06 * g), outfit.trim)
