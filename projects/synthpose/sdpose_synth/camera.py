"""Perspective camera: world metres to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Matrix, Vector, rot_x, rot_z

# World (x right, y up, z towards the camera) to camera (x right, y down, z away).
_FLIP = np.diag([1.0, -1.0, -1.0])


@dataclass
class Camera:
    """Pinhole camera.

    Args:
        position: Where it stands, metres, world axes.
        rotation: World to camera axes (x right, y down, z forward).
        focal: Focal length in pixels.
        centre: Principal point in pixels (x, y); off the middle as in a cropped photo.
    """

    position: Vector
    rotation: Matrix
    focal: float
    centre: Vector

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels and depth of world points.

        Shape:
            (N, 3) metres -> (N, 3): x, y in pixels, depth in metres
        """
        local = (points - self.position) @ self.rotation.T
        depth = np.maximum(local[:, 2:], 1e-3)
        return np.concatenate([self.focal * local[:, :2] / depth + self.centre, local[:, 2:]], 1)

    def horizon(self) -> float:
        """Image row of the horizon in the middle column."""
        forward = self.rotation[2]
        pitch = -forward[1] / max(float(np.hypot(forward[0], forward[2])), 1e-6)
        return float(self.centre[1] - self.focal * pitch)


def look_at(target: Vector, distance: float, pitch: float, roll: float, focal: float) -> Camera:
    """Camera ``distance`` metres from ``target``, looking down at it by ``pitch`` degrees."""
    rotation = rot_z(roll) @ _FLIP @ rot_x(pitch)
    position = target - distance * rotation[2]
    return Camera(position, rotation, focal, np.zeros(2))
