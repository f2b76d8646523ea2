"""Solid primitives that people and objects are built from: ellipsoids, tapered cones, boxes.

Every curved primitive is a quadric ``X' diag(d) X + 2 e.X + g = 0`` in its own axes, cut to a range
of one linear function of X. That makes a ray's hit a root of one quadratic equation, so shapes are
drawn without meshes and with exact depth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .appearance import Material
from .geometry import Matrix, Vector, bone_frame

ELLIPSOID, CONE, BOX = range(3)

# What a shape shows, for details painted on it.
PLAIN, FACE, CHEST, PELVIS, FOOT, HAIR = range(6)
_BIG = 1e6


@dataclass
class Shapes:
    """A growing list of primitives, one row each.

    Args:
        owner: Person index of the shapes added next, -1 for objects.
    """

    owner: int = -1
    rows: list[tuple] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)

    def ellipsoid(
        self,
        centre: Vector,
        frame: Matrix,
        half: tuple[float, float, float],
        material: Material,
        part: int = 0,
        detail: int = PLAIN,
        cut: tuple[float, float, float, float] | None = None,
    ) -> None:
        """Add an ellipsoid.

        Args:
            centre: Metres, world axes.
            frame: Its axes as columns.
            half: Half axes in metres.
            material: Its surface.
            part: Body part number, for visibility.
            detail: What is painted on it.
            cut: Keep only where ``cut[:3] . (x / half) >= cut[3]``.
        """
        a, b, c = half
        quadric = (1 / (a * a), 1 / (b * b), 1 / (c * c), 0.0, -1.0)
        limit = (0.0, 0.0, 0.0, -1.0, 1.0)
        if cut is not None:
            limit = (cut[0] / a, cut[1] / b, cut[2] / c, cut[3], _BIG)
        box = (-a, -b, -c, a, b, c)
        self._add(centre, frame, quadric, limit, box, half, material, part, detail, ELLIPSOID)

    def cone(
        self,
        start: Vector,
        end: Vector,
        forward: Vector,
        half: tuple[float, float],
        taper: float,
        material: Material,
        part: int = 0,
        detail: int = PLAIN,
    ) -> None:
        """Add an open tapered tube of elliptic section.

        Args:
            start, end: Its ends, metres, world axes.
            forward: Direction that its second half axis faces.
            half: Half axes at the start, metres: across, and along ``forward``.
            taper: Size at the end relative to the start.
            material, part, detail: As for an ellipsoid.
        """
        frame, length = bone_frame(start, end, forward)
        length = max(length, 1e-4)
        a, c = half
        k = (taper - 1.0) / length
        quadric = (1 / (a * a), -k * k, 1 / (c * c), -k, -1.0)
        wide = max(taper, 1.0)
        box = (-a * wide, 0.0, -c * wide, a * wide, length, c * wide)
        limit = (0.0, 1.0, 0.0, 0.0, length)
        self._add(start, frame, quadric, limit, box, (a, length, c), material, part, detail, CONE)

    def box(self, centre: Vector, frame: Matrix, half: Vector, material: Material) -> None:
        """Add a box with half edges ``half`` in metres."""
        a, b, c = half
        quadric = (0.0, 0.0, 0.0, 0.0, 0.0)
        box = (-a, -b, -c, a, b, c)
        limit = (0.0, 0.0, 0.0, -1.0, 1.0)
        self._add(centre, frame, quadric, limit, box, (a, b, c), material, 0, PLAIN, BOX)

    def _add(
        self,
        centre: Vector,
        frame: Matrix,
        quadric: tuple,
        limit: tuple,
        box: tuple,
        half: tuple,
        material: Material,
        part: int,
        detail: int,
        kind: int,
    ) -> None:
        if not (self.materials and self.materials[-1] is material):
            self.materials.append(material)
        index = len(self.materials) - 1
        numbers = (*quadric, *limit, *box, *half)
        labels = (self.owner, part, detail, kind, index)
        self.rows.append((centre, frame, numbers, labels))


@dataclass
class Table:
    """Shapes as arrays in camera axes (P shapes).

    Args:
        axes: (P, 3, 3) camera axes to the shape's own axes.
        offset: (P, 3) so that own = axes @ camera + offset.
        form: (P, 10) the quadric in camera axes: xx, yy, zz, xy, xz, yz, x, y, z, 1.
        limit: (P, 4) linear function in camera axes, and its constant.
        span: (P, 2) least and largest value of that function on the shape.
        corners: (P, 8, 3) bounding box in camera axes.
        half: (P, 3) half axes.
        owner, part, detail, kind, material: (P,) labels.
    """

    axes: np.ndarray
    offset: np.ndarray
    form: np.ndarray
    limit: np.ndarray
    span: np.ndarray
    corners: np.ndarray
    half: np.ndarray
    owner: np.ndarray
    part: np.ndarray
    detail: np.ndarray
    kind: np.ndarray
    material: np.ndarray


_SIGNS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=bool)


def to_camera(shapes: Shapes, position: Vector, rotation: Matrix) -> Table:
    """Tabulate shapes in the axes of a camera at ``position`` with ``rotation``."""
    centre = (np.array([row[0] for row in shapes.rows]) - position) @ rotation.T
    frames = rotation @ np.array([row[1] for row in shapes.rows])
    numbers = np.array([row[2] for row in shapes.rows])
    labels = np.array([row[3] for row in shapes.rows], dtype=np.int32)
    axes = frames.transpose(0, 2, 1)
    offset = -(axes @ centre[..., None])[..., 0]
    low, high = numbers[:, None, 10:13], numbers[:, None, 13:16]
    corners = np.where(_SIGNS, high, low) @ axes + centre[:, None]
    normal = (axes.transpose(0, 2, 1) @ numbers[:, 5:8, None])[..., 0]
    constant = (numbers[:, 5:8] * offset).sum(1, keepdims=True)
    return Table(
        axes=axes,
        offset=offset,
        form=_quadric_form(axes, offset, numbers[:, :3], numbers[:, 3], numbers[:, 4]),
        limit=np.concatenate([normal, constant], axis=1),
        span=numbers[:, 8:10],
        corners=corners,
        half=numbers[:, 16:19],
        owner=labels[:, 0],
        part=labels[:, 1],
        detail=labels[:, 2],
        kind=labels[:, 3],
        material=labels[:, 4],
    )


def _quadric_form(
    axes: np.ndarray, offset: np.ndarray, d: np.ndarray, e: np.ndarray, g: np.ndarray
) -> np.ndarray:
    square = axes.transpose(0, 2, 1) @ (d[:, :, None] * axes)
    inner = d * offset
    inner[:, 1] += e
    linear = (axes.transpose(0, 2, 1) @ inner[..., None])[..., 0]
    constant = (d * offset * offset).sum(1) + 2 * e * offset[:, 1] + g
    return np.stack(
        [
            square[:, 0, 0],
            square[:, 1, 1],
            square[:, 2, 2],
            square[:, 0, 1],
            square[:, 0, 2],
            square[:, 1, 2],
            *linear.T,
            constant,
        ],
        axis=1,
    )
