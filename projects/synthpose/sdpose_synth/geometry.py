"""Small rotations and frames: three axes as the columns of a 3x3 matrix."""

from __future__ import annotations

import math

import numpy as np

Vector = np.ndarray  # (3,)
Matrix = np.ndarray  # (3, 3)


def rot_x(degrees: float) -> Matrix:
    """Rotation about x that turns y towards z."""
    c, s = _cos_sin(degrees)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rot_y(degrees: float) -> Matrix:
    """Rotation about y that turns z towards x."""
    c, s = _cos_sin(degrees)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rot_z(degrees: float) -> Matrix:
    """Rotation about z that turns x towards y."""
    c, s = _cos_sin(degrees)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def bone_frame(start: Vector, end: Vector, forward: Vector) -> tuple[Matrix, float]:
    """Frame whose y axis runs from start to end and whose z axis stays near ``forward``.

    Returns:
        The frame (columns x, y, z) and the distance from start to end.
    """
    axis = end - start
    length = math.sqrt(float(axis @ axis))
    y = axis / max(length, 1e-9)
    z = forward - (forward @ y) * y
    norm = math.sqrt(float(z @ z))
    if norm < 1e-6:  # forward runs along the bone: any perpendicular direction serves
        z = np.array([y[1], y[2], y[0]])
        z = z - (z @ y) * y
        norm = math.sqrt(float(z @ z))
    z = z / norm
    x = np.array([y[1] * z[2] - y[2] * z[1], y[2] * z[0] - y[0] * z[2], y[0] * z[1] - y[1] * z[0]])
    return np.stack([x, y, z], axis=1), length


def _cos_sin(degrees: float) -> tuple[float, float]:
    radians = math.radians(degrees)
    return math.cos(radians), math.sin(radians)
