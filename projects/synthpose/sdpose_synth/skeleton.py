"""Body model: limb lengths, joint limits, forward kinematics.

A person's own axes are x to the left, y up and z forward. Lengths are fractions of stature after
Drillis & Contini, "Body segment parameters" (1966), angles are in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Matrix, Vector, rot_x, rot_y, rot_z

SIDES = {'left': 1.0, 'right': -1.0}

# Fractions of stature. The spine's three pieces add up to hip height to shoulder height.
SEGMENTS = dict(
    lumbar=0.060,
    thorax=0.100,
    upper_chest=0.128,
    neck=0.052,
    head=0.066,  # half of chin to crown
    half_shoulders=0.106,
    half_hips=0.056,
    upper_arm=0.186,
    forearm=0.146,
    hand=0.054,  # half of wrist to finger tip: the hand's centre
    thigh=0.245,
    shank=0.246,
    foot=0.110,  # ankle to toe
    ankle_height=0.039,
)

# Degrees, (least, most). Flexion is forward, abduction away from the body's middle.
JOINT_LIMITS = dict(
    spine_flex=(-25, 75),
    spine_side=(-30, 30),
    spine_twist=(-40, 40),
    neck_flex=(-35, 45),
    neck_side=(-30, 30),
    neck_yaw=(-65, 65),
    shoulder_flex=(-50, 175),
    shoulder_abd=(4, 165),
    shoulder_int=(-60, 80),
    elbow=(3, 145),
    hip_flex=(-20, 120),
    hip_abd=(-8, 50),
    hip_int=(-35, 40),
    knee=(1, 140),
    ankle=(-20, 45),
)


@dataclass
class Body:
    """Measures of one person.

    Args:
        stature: Height in metres.
        girth: Thickness of torso and limbs relative to the average.
        lengths: Segment lengths in metres, keys as in ``SEGMENTS``.
    """

    stature: float
    girth: float
    lengths: dict[str, float]


@dataclass
class Pose:
    """Joint angles (degrees) and how the body is turned and lifted.

    Args:
        family: Name of the pose family.
        angles: Keys as in ``JOINT_LIMITS``, limbs prefixed with ``left_`` or ``right_``.
        root: Orientation of the pelvis before the person is turned to the camera.
        lift: Metres between the ground and the body's lowest point.
    """

    family: str
    angles: dict[str, float]
    root: Matrix
    lift: float = 0.0


@dataclass
class Figure:
    """A posed body in the world.

    Args:
        body: Its measures.
        pose: Its pose.
        points: Named 3-D points in metres, world axes (y up, ground at 0).
        frames: Named orientations of body segments, columns left, up, forward.
    """

    body: Body
    pose: Pose
    points: dict[str, Vector]
    frames: dict[str, Matrix]


def sample_body(rng: np.random.Generator) -> Body:
    """Draw a person's measures: adults, and now and then a child with a larger head."""
    child = rng.random() < 0.12
    stature = rng.uniform(1.05, 1.45) if child else float(np.clip(rng.normal(1.72, 0.09), 1.5, 2.0))
    lengths = {
        name: stature * part * float(np.clip(rng.normal(1.0, 0.035), 0.9, 1.1))
        for name, part in SEGMENTS.items()
    }
    if child:
        lengths['head'] *= rng.uniform(1.15, 1.35)
    girth = float(np.clip(rng.normal(1.0, 0.13), 0.78, 1.4))
    return Body(stature=stature, girth=girth, lengths=lengths)


def clip_to_limits(angles: dict[str, float]) -> dict[str, float]:
    """Bring every angle into ``JOINT_LIMITS``."""
    clipped = {}
    for name, angle in angles.items():
        low, high = JOINT_LIMITS[name.replace('left_', '').replace('right_', '')]
        clipped[name] = min(max(float(angle), low), high)
    return clipped


def forward_kinematics(body: Body, pose: Pose, position: Vector, yaw: float) -> Figure:
    """Place a posed body in the world, its lowest point ``pose.lift`` above the ground.

    Args:
        body: The person's measures.
        pose: Joint angles inside ``JOINT_LIMITS``.
        position: Where on the ground, metres (x, z).
        yaw: Turn about the vertical in degrees; 0 looks along +z.
    """
    frames = {'pelvis': rot_y(yaw) @ pose.root}
    points = {'pelvis': np.zeros(3)}
    _add_spine(body.lengths, pose.angles, points, frames)
    for side, sign in SIDES.items():
        _add_arm(body.lengths, pose.angles, side, sign, points, frames)
        _add_leg(body.lengths, pose.angles, side, sign, points, frames)
    clearance = {'pelvis': 0.065, 'head': 0.055, 'neck_base': 0.05, 'chest': 0.06}
    lowest = min(p[1] - clearance.get(n, 0.02) * body.stature for n, p in points.items())
    centre = 0.5 * (points['pelvis'] + points['chest'])
    shift = np.array([position[0] - centre[0], pose.lift - lowest, position[1] - centre[2]])
    return Figure(body, pose, {n: p + shift for n, p in points.items()}, frames)


def _add_spine(
    lengths: dict[str, float], angles: dict[str, float], points: dict, frames: dict
) -> None:
    half_bend = (
        rot_y(angles['spine_twist'] / 2)
        @ rot_z(angles['spine_side'] / 2)
        @ rot_x(angles['spine_flex'] / 2)
    )
    frames['lumbar'] = frames['pelvis'] @ half_bend
    frames['thorax'] = frames['lumbar'] @ half_bend
    points['waist'] = points['pelvis'] + lengths['lumbar'] * frames['pelvis'][:, 1]
    points['chest'] = points['waist'] + lengths['thorax'] * frames['lumbar'][:, 1]
    points['neck_base'] = points['chest'] + lengths['upper_chest'] * frames['thorax'][:, 1]
    half_nod = rot_z(angles['neck_side'] / 2) @ rot_x(angles['neck_flex'] / 2)
    frames['neck'] = frames['thorax'] @ half_nod
    frames['head'] = frames['neck'] @ rot_y(angles['neck_yaw']) @ half_nod
    points['head_pivot'] = points['neck_base'] + lengths['neck'] * frames['neck'][:, 1]
    head = lengths['head']
    points['head'] = points['head_pivot'] + frames['head'] @ np.array([0.0, 0.9, 0.12]) * head


def _add_arm(
    lengths: dict, angles: dict, side: str, sign: float, points: dict, frames: dict
) -> None:
    flex, abduction = angles[f'{side}_shoulder_flex'], angles[f'{side}_shoulder_abd']
    raised = max(flex, abduction) / 180.0  # a raised arm lifts the shoulder and brings it inwards
    half = lengths['half_shoulders']
    shrug = np.array([sign * half * (1 - 0.18 * raised**2), half * (0.45 * raised**2 - 0.12), 0.0])
    upper = (
        frames['thorax']
        @ rot_z(sign * abduction)
        @ rot_x(-flex)
        @ rot_y(-sign * angles[f'{side}_shoulder_int'])
    )
    fore = upper @ rot_x(-angles[f'{side}_elbow'])
    points[f'{side}_shoulder'] = points['neck_base'] + frames['thorax'] @ shrug
    points[f'{side}_elbow'] = points[f'{side}_shoulder'] - lengths['upper_arm'] * upper[:, 1]
    points[f'{side}_wrist'] = points[f'{side}_elbow'] - lengths['forearm'] * fore[:, 1]
    points[f'{side}_hand'] = points[f'{side}_wrist'] - lengths['hand'] * fore[:, 1]
    frames[f'{side}_upper_arm'], frames[f'{side}_forearm'] = upper, fore


def _add_leg(
    lengths: dict, angles: dict, side: str, sign: float, points: dict, frames: dict
) -> None:
    thigh = (
        frames['pelvis']
        @ rot_z(sign * angles[f'{side}_hip_abd'])
        @ rot_x(-angles[f'{side}_hip_flex'])
        @ rot_y(-sign * angles[f'{side}_hip_int'])
    )
    shank = thigh @ rot_x(angles[f'{side}_knee'])
    foot = shank @ rot_x(angles[f'{side}_ankle'])
    hip = points['pelvis'] + frames['pelvis'][:, 0] * sign * lengths['half_hips']
    points[f'{side}_hip'] = hip
    points[f'{side}_knee'] = hip - lengths['thigh'] * thigh[:, 1]
    points[f'{side}_ankle'] = points[f'{side}_knee'] - lengths['shank'] * shank[:, 1]
    sole = points[f'{side}_ankle'] - lengths['ankle_height'] * 0.5 * foot[:, 1]
    points[f'{side}_heel'] = sole - 0.3 * lengths['foot'] * foot[:, 2]
    points[f'{side}_toe'] = sole + lengths['foot'] * foot[:, 2]
    frames[f'{side}_thigh'], frames[f'{side}_shank'], frames[f'{side}_foot'] = thigh, shank, foot
