"""Where COCO's and CrowdPose's keypoints lie on a figure, and whether a picture shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .details import EYE_ACROSS, EYE_UP
from .geometry import Vector
from .head import head_size
from .parts import PART
from .skeleton import Figure

COCO_KEYPOINTS = (
    'nose',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)
CROWDPOSE_KEYPOINTS = COCO_KEYPOINTS[5:] + ('top_head', 'neck')
KEYPOINTS = COCO_KEYPOINTS + ('top_head', 'neck')

# Body parts that may show at a joint, and how deep (in statures) it may lie under the surface.
# A joint under more than that is hidden although the right part covers it: a shoulder seen
# through the chest from the other side.
_HEAD = ('head', 'left_ear', 'right_ear')
_SEEN_ON = {
    'nose': (_HEAD, 0.02),
    'eye': (_HEAD, 0.016),
    'ear': (_HEAD, 0.025),
    'shoulder': (('{}_upper_arm', 'torso'), 0.058),
    'elbow': (('{}_upper_arm', '{}_forearm'), 0.045),
    'wrist': (('{}_forearm', '{}_hand'), 0.04),
    'hip': (('{}_thigh', 'pelvis', 'torso'), 0.1),
    'knee': (('{}_thigh', '{}_shank', 'pelvis'), 0.06),
    'ankle': (('{}_shank', '{}_foot'), 0.055),
    'top_head': (('head', 'hair'), 0.05),
    'neck': (('neck', 'torso', 'head'), 0.06),
}


@dataclass
class SeenOn:
    """Parts that may show at each keypoint.

    Args:
        parts: (K, number of parts) True where the part may show at the keypoint.
        depth: (K,) how deep under the surface it may lie, in statures.
    """

    parts: np.ndarray
    depth: np.ndarray


def seen_on() -> SeenOn:
    """The table of ``_SEEN_ON`` for all of ``KEYPOINTS``."""
    parts = np.zeros((len(KEYPOINTS), len(PART)), dtype=bool)
    depth = np.zeros(len(KEYPOINTS))
    for row, name in enumerate(KEYPOINTS):
        side, _, joint = name.rpartition('_') if name != 'top_head' else ('', '', name)
        names, depth[row] = _SEEN_ON[joint]
        for part in names:
            parts[row, PART[part.format(side)]] = True
    return SeenOn(parts, depth)


def keypoint_positions(figure: Figure) -> np.ndarray:
    """World positions of ``KEYPOINTS`` in metres: (19, 3)."""
    named = dict(figure.points, **_head_points(figure))
    return np.array([named[name] for name in KEYPOINTS])


def _head_points(figure: Figure) -> dict[str, Vector]:
    frame, centre = figure.frames['head'], figure.points['head']
    half = np.array(head_size(figure))
    eye_forward = float(np.sqrt(1 - EYE_ACROSS**2 - EYE_UP**2))
    unit = {
        'nose': (0.0, -0.15, 1.15),
        'left_eye': (EYE_ACROSS, EYE_UP, eye_forward),
        'right_eye': (-EYE_ACROSS, EYE_UP, eye_forward),
        'left_ear': (1.02, -0.05, -0.05),
        'right_ear': (-1.02, -0.05, -0.05),
        'top_head': (0.0, 1.0, 0.0),
    }
    points = {name: centre + frame @ (np.array(at) * half) for name, at in unit.items()}
    points['neck'] = (
        figure.points['neck_base'] + 0.012 * figure.body.stature * (figure.frames['neck'][:, 1])
    )
    return points
