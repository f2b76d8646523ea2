"""Pose families, each with random variation inside the joint limits."""

from __future__ import annotations

from typing import Callable

import numpy as np

from .geometry import rot_x, rot_y, rot_z
from .skeleton import Body, Figure, Pose, clip_to_limits, forward_kinematics

Angles = dict[str, float]
ARM = ('shoulder_flex', 'shoulder_abd', 'shoulder_int', 'elbow')
LEG = ('hip_flex', 'hip_abd', 'hip_int', 'knee', 'ankle')

# What people in photos do, roughly: name -> share.
FAMILIES = dict(
    standing=0.26,
    walking=0.22,
    sitting=0.14,
    reaching=0.16,
    crouching=0.06,
    jumping=0.09,
    lying=0.07,
)

# Arm habits: (flexion, abduction, inward turn, elbow) as (mean, spread) in degrees.
ARM_HABITS = dict(
    hanging=((5, 10), (9, 4), (10, 15), (14, 9)),
    on_hip=((-12, 8), (45, 7), (45, 10), (95, 10)),
    folded=((38, 6), (6, 3), (62, 6), (98, 8)),
    phone=((35, 10), (10, 5), (35, 12), (115, 12)),
    carrying=((18, 12), (10, 4), (15, 10), (85, 12)),
    forward=((80, 18), (8, 8), (5, 20), (25, 18)),
    up=((160, 14), (12, 8), (0, 20), (22, 18)),
    aside=((10, 15), (85, 15), (-10, 25), (25, 20)),
    waving=((20, 15), (95, 15), (-50, 10), (70, 20)),
)


def sample_pose(rng: np.random.Generator, body: Body, family: str | None = None) -> Pose:
    """Draw a pose; poses whose limbs run through the trunk are drawn again.

    Args:
        rng: Source of randomness.
        body: The person who takes the pose.
        family: A name in ``FAMILIES``; drawn by its shares if absent.

    Raises:
        ValueError: For a family that does not exist.
    """
    if family is None:
        family = sample_family(rng)
    if family not in FAMILIES:
        raise ValueError(f'family ({family!r}) must be one of {", ".join(FAMILIES)}')
    for _ in range(8):
        pose = POSERS[family](rng, body)
        pose.angles = clip_to_limits(pose.angles)
        if not _penetrates(forward_kinematics(body, pose, np.zeros(2), 0.0)):
            break
    return pose


def sample_family(rng: np.random.Generator, without: str = '') -> str:
    """Draw a name in ``FAMILIES`` by their shares, but for one."""
    names = [name for name in FAMILIES if name != without]
    shares = np.array([FAMILIES[name] for name in names])
    return str(rng.choice(names, p=shares / shares.sum()))


def _relaxed(rng: np.random.Generator) -> Angles:
    angles = dict(
        spine_flex=rng.normal(4, 5),
        spine_side=rng.normal(0, 4),
        spine_twist=rng.normal(0, 7),
        neck_flex=rng.normal(3, 10),
        neck_side=rng.normal(0, 6),
        neck_yaw=rng.normal(0, 22),
    )
    for side in ('left', 'right'):
        _set_arm(rng, angles, side, 'hanging')
        stance = (rng.normal(2, 4), rng.normal(5, 3), rng.normal(-6, 6), rng.uniform(1, 10), 0)
        angles.update({f'{side}_{name}': value for name, value in zip(LEG, stance)})
    return angles


def _set_arm(rng: np.random.Generator, angles: Angles, side: str, habit: str) -> None:
    for name, (mean, spread) in zip(ARM, ARM_HABITS[habit]):
        angles[f'{side}_{name}'] = rng.normal(mean, spread)


def _pick_arms(rng: np.random.Generator, angles: Angles, habits: tuple[str, ...]) -> None:
    """Both arms alike in four cases of ten, else each on its own."""
    alike = rng.random() < 0.4
    first = str(rng.choice(habits))
    for side in ('left', 'right'):
        _set_arm(rng, angles, side, first if alike or side == 'left' else str(rng.choice(habits)))


def _standing(rng: np.random.Generator, body: Body) -> Pose:
    angles = _relaxed(rng)
    habits = ('hanging', 'hanging', 'on_hip', 'folded', 'phone', 'carrying', 'aside')
    _pick_arms(rng, angles, habits)
    if rng.random() < 0.5:  # weight on one leg
        side = str(rng.choice(['left', 'right']))
        angles[f'{side}_knee'] += rng.uniform(8, 30)
        angles[f'{side}_hip_flex'] += rng.uniform(5, 18)
        angles[f'{side}_hip_abd'] += rng.uniform(0, 10)
    lean = rot_z(rng.normal(0, 2.5)) @ rot_x(rng.normal(0, 2))
    return Pose('standing', angles, lean)


def _walking(rng: np.random.Generator, body: Body) -> Pose:
    angles = _relaxed(rng)
    effort = rng.uniform(0.6, 1.0) if rng.random() < 0.6 else rng.uniform(1.3, 2.1)  # walk, run
    phase = rng.uniform(0, 2 * np.pi)
    angles['spine_flex'] += 6 * effort
    for sign, side in ((1.0, 'left'), (-1.0, 'right')):
        swing = sign * np.sin(phase)
        forwards = sign * np.cos(phase)  # positive while the leg swings forward
        angles[f'{side}_hip_flex'] = 6 + 26 * effort * swing + rng.normal(0, 3)
        angles[f'{side}_knee'] = 8 + 45 * effort * max(forwards, 0) + rng.uniform(0, 8)
        angles[f'{side}_ankle'] = 12 * effort * max(-swing, 0) - 4
        angles[f'{side}_hip_abd'] = rng.normal(2, 2)
        angles[f'{side}_shoulder_flex'] = -30 * effort * swing + rng.normal(4, 4)
        angles[f'{side}_elbow'] = 15 + 40 * max(effort - 0.6, 0) + rng.normal(5, 8)
    if rng.random() < 0.2:
        side = str(rng.choice(['left', 'right']))
        _set_arm(rng, angles, side, str(rng.choice(['phone', 'carrying'])))
    lift = rng.uniform(0.02, 0.1) if effort > 1.2 and rng.random() < 0.5 else 0.0
    return Pose('walking', angles, rot_x(3 * effort), lift)


def _sitting(rng: np.random.Generator, body: Body) -> Pose:
    angles = _relaxed(rng)
    angles['spine_flex'] = rng.normal(12, 12)
    _pick_arms(rng, angles, ('carrying', 'phone', 'folded', 'forward', 'waving', 'hanging'))
    spread = rng.uniform(0, 18)
    for side in ('left', 'right'):
        angles[f'{side}_hip_flex'] = rng.normal(84, 7)
        angles[f'{side}_hip_abd'] = spread + rng.normal(3, 4)
        angles[f'{side}_hip_int'] = rng.normal(0, 6)
        angles[f'{side}_knee'] = rng.normal(80, 16)
        angles[f'{side}_ankle'] = rng.normal(2, 8)
    return Pose('sitting', angles, rot_x(rng.normal(-6, 6)))


def _reaching(rng: np.random.Generator, body: Body) -> Pose:
    pose = _standing(rng, body)
    _pick_arms(rng, pose.angles, ('up', 'forward', 'aside', 'waving', 'up', 'hanging'))
    side = str(rng.choice(['left', 'right']))
    _set_arm(rng, pose.angles, side, str(rng.choice(['up', 'forward', 'aside'])))
    pose.angles['spine_flex'] = rng.normal(8, 16)
    pose.angles['spine_side'] = rng.normal(0, 12)
    pose.angles['spine_twist'] = rng.normal(0, 16)
    return Pose('reaching', pose.angles, pose.root)


def _crouching(rng: np.random.Generator, body: Body) -> Pose:
    angles = _relaxed(rng)
    deep = rng.uniform(0.3, 1.0)
    angles['spine_flex'] = rng.uniform(15, 55)
    angles['neck_flex'] = -rng.uniform(0, 30)
    _pick_arms(rng, angles, ('forward', 'carrying', 'phone', 'hanging'))
    for side in ('left', 'right'):
        angles[f'{side}_hip_flex'] = 25 + 70 * deep + rng.normal(0, 8)
        angles[f'{side}_knee'] = 35 + 85 * deep + rng.normal(0, 8)
        angles[f'{side}_hip_abd'] = rng.uniform(5, 25)
        angles[f'{side}_ankle'] = rng.normal(-12, 4)
    return Pose('crouching', angles, rot_x(rng.uniform(5, 25)))


def _jumping(rng: np.random.Generator, body: Body) -> Pose:
    angles = _relaxed(rng)
    _pick_arms(rng, angles, ('up', 'aside', 'up', 'waving', 'forward'))
    tuck = rng.uniform(0, 1)
    for side in ('left', 'right'):
        angles[f'{side}_hip_flex'] = 65 * tuck + rng.normal(5, 18)
        angles[f'{side}_knee'] = 75 * tuck + rng.uniform(0, 45)
        angles[f'{side}_hip_abd'] = rng.uniform(0, 32)
        angles[f'{side}_ankle'] = rng.uniform(10, 40)
    lean = rot_z(rng.normal(0, 8)) @ rot_x(rng.normal(4, 10))
    return Pose('jumping', angles, lean, rng.uniform(0.15, 0.55))


def _lying(rng: np.random.Generator, body: Body) -> Pose:
    angles = _relaxed(rng)
    _pick_arms(rng, angles, ('hanging', 'aside', 'up', 'folded', 'carrying'))
    posture = rng.choice(['back', 'front', 'side'], p=[0.45, 0.2, 0.35])
    bend = rng.uniform(0, 60)
    for side in ('left', 'right'):
        own = bend if rng.random() < 0.7 else 5
        angles[f'{side}_hip_flex'] = own * (0.1 if posture == 'front' else 0.8)
        angles[f'{side}_knee'] = own * rng.uniform(0.9, 1.4)
        angles[f'{side}_ankle'] = rng.uniform(5, 30)
    turn = dict(back=rot_x(-88), front=rot_x(88), side=rot_z(90.0 * rng.choice([-1, 1])))
    return Pose('lying', angles, rot_y(rng.uniform(0, 360)) @ turn[str(posture)])


POSERS: dict[str, Callable[[np.random.Generator, Body], Pose]] = dict(
    standing=_standing,
    walking=_walking,
    sitting=_sitting,
    reaching=_reaching,
    crouching=_crouching,
    jumping=_jumping,
    lying=_lying,
)


def _penetrates(figure: Figure) -> bool:
    """Whether a forearm or hand runs through the trunk or head, or the legs through each other."""
    p, size = figure.points, figure.body.stature
    trunk = [(p['pelvis'], 0.075), (p['waist'], 0.07), (p['chest'], 0.075), (p['head'], 0.06)]
    for side in ('left', 'right'):
        elbow, wrist, hand = p[f'{side}_elbow'], p[f'{side}_wrist'], p[f'{side}_hand']
        for probe in (elbow, 0.5 * (elbow + wrist), wrist, hand):
            if any(np.linalg.norm(probe - c) < r * size for c, r in trunk):
                return True
    return any(
        np.linalg.norm(p[f'left_{name}'] - p[f'right_{name}']) < limit * size
        for name, limit in (('knee', 0.06), ('ankle', 0.045), ('wrist', 0.04), ('hand', 0.035))
    )
