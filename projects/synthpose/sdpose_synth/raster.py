"""Depth-buffered drawing of shapes: which shape each pixel shows, and how far away it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Camera
from .shapes import BOX, ELLIPSOID, Table

NEAR = 0.3  # metres; shapes that reach nearer to the camera are left out


@dataclass
class Buffers:
    """What the camera sees.

    Shape:
        depth: (H, W) metres along the optical axis, infinite where nothing is
        shape: (H, W) shape number, -1 where nothing is
    """

    depth: np.ndarray
    shape: np.ndarray


def rays(camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Ray slopes (x / z of each column, y / z of each row) of a square picture."""
    pixels = np.arange(size, dtype=np.float64)
    u = (pixels - camera.centre[0]) / camera.focal
    v = (pixels - camera.centre[1]) / camera.focal
    return u.astype(np.float32), v.astype(np.float32)


def rasterise(table: Table, camera: Camera, size: int) -> Buffers:
    """Draw every shape into depth and shape buffers of ``size`` x ``size`` pixels."""
    u, v = rays(camera, size)
    depth = np.full((size, size), np.inf, dtype=np.float32)
    shape = np.full((size, size), -1, dtype=np.int32)
    outlines = _outlines(table)
    terms = _terms(table, outlines, u, v)
    with np.errstate(invalid='ignore', divide='ignore', over='ignore'):
        for index, (x0, y0, x1, y1) in _visible_boxes(table, outlines, camera, size):
            columns, rows = slice(x0, x1), slice(y0, y1)
            if table.kind[index] == BOX:
                hit, inside = _hit_box(table, index, u[columns], v[rows, None])
                inside &= hit < depth[rows, columns]
            else:
                hit = _hit_quadric(terms, index, columns, rows)
                inside = hit < depth[rows, columns]  # False where a ray misses: NaN
                if terms.is_cut[index]:
                    _cut(inside, hit, terms, index, columns, rows)
            np.copyto(depth[rows, columns], hit, where=inside)
            np.copyto(shape[rows, columns], np.int32(index), where=inside)
    return Buffers(depth, shape)


@dataclass
class _Terms:
    """What the drawing loop needs of each shape, worked out for all columns and rows at once.

    Args:
        u: (W,) slopes of the columns.
        outline_u, outline_v, outline_uv: (P, W), (P, H, 1), (P, H, 1) of the outline polynomial.
        linear_u, linear_v: (P, W), (P, H, 1) of the quadric's linear term B.
        cut_u, cut_v: (P, W), (P, H, 1) of the linear function that cuts the shape.
        constant: (P,) the quadric's constant term C.
        span: (P, 2) range of the cutting function, less its constant.
        is_cut: (P,) whether there is a cut.
    """

    u: np.ndarray
    outline_u: np.ndarray
    outline_v: np.ndarray
    outline_uv: np.ndarray
    linear_u: np.ndarray
    linear_v: np.ndarray
    cut_u: np.ndarray
    cut_v: np.ndarray
    constant: np.ndarray
    span: np.ndarray
    is_cut: np.ndarray


def _terms(table: Table, outlines: np.ndarray, u: np.ndarray, v: np.ndarray) -> _Terms:
    v = v[:, None]
    uu, vv, uv, u1, v1, one = (part[:, None] for part in outlines.astype(np.float32).T)
    x, y, z, constant = (part[:, None] for part in table.form[:, 6:].astype(np.float32).T)
    nx, ny, nz = (part[:, None] for part in table.limit[:, :3].astype(np.float32).T)
    return _Terms(
        u=u,
        outline_u=(uu * u + u1) * u + one,
        outline_v=(vv[..., None] * v + v1[..., None]) * v,
        outline_uv=uv[..., None] * v,
        linear_u=x * u + z,
        linear_v=y[..., None] * v,
        cut_u=nx * u + nz,
        cut_v=ny[..., None] * v,
        constant=constant[:, 0],
        span=(table.span - table.limit[:, 3:]).astype(np.float32),
        is_cut=(table.limit[:, :3] != 0).any(1),
    )


def _outlines(table: Table) -> np.ndarray:
    """Polynomial of each quadric that is positive on the rays (u, v, 1) that hit it.

    With s the depth along a ray, the quadric reads A s^2 + 2 B s + C = 0; the polynomial is
    B^2 - A C.

    Shape:
        (P, 6): factors of u^2, v^2, u v, u, v and 1
    """
    xx, yy, zz, xy, xz, yz, x, y, z, c = table.form.T
    parts = [x * x - c * xx, y * y - c * yy, 2 * (x * y - c * xy)]
    parts += [2 * (x * z - c * xz), 2 * (y * z - c * yz), z * z - c * zz]
    return np.stack(parts, axis=1)


def _visible_boxes(
    table: Table, outlines: np.ndarray, camera: Camera, size: int
) -> list[tuple[int, tuple[int, int, int, int]]]:
    """Numbers of the shapes that may show, and the pixels they may cover."""
    z = table.corners[..., 2]
    slopes = table.corners[..., :2] / np.maximum(z, 1e-3)[..., None]
    low, high = slopes.min(1), slopes.max(1)
    round_ = np.flatnonzero((table.kind == ELLIPSOID) & (z.min(1) > NEAR))
    low[round_], high[round_] = _ellipse_bounds(outlines[round_])
    low = np.clip(np.floor(camera.focal * low + camera.centre), 0, size).astype(int)
    high = np.clip(np.ceil(camera.focal * high + camera.centre) + 1, 0, size).astype(int)
    keep = (z.min(1) > NEAR) & (high > low).all(1)
    return [(int(i), (*low[i].tolist(), *high[i].tolist())) for i in np.flatnonzero(keep)]


def _ellipse_bounds(outlines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest u and v on ellipses given by their polynomials: (P, 2) each."""
    uu, vv, uv, u, v, one = outlines.T
    bounds = []
    for own, other, own1, other1 in ((uu, vv, u, v), (vv, uu, v, u)):
        # Where the line of one fixed coordinate touches the ellipse: a quadratic equation.
        a = uv * uv - 4 * own * other
        b = uv * other1 - 2 * other * own1
        c = other1 * other1 - 4 * other * one
        root = np.sqrt(np.maximum(b * b - a * c, 0))
        bounds.append(np.sort(np.stack([(-b - root) / a, (-b + root) / a]), axis=0))
    return np.stack([b[0] for b in bounds], axis=1), np.stack([b[1] for b in bounds], axis=1)


def _hit_quadric(terms: _Terms, index: int, columns: slice, rows: slice) -> np.ndarray:
    """Depth of the nearer hit on a grid of rays, NaN where there is none."""
    root = terms.outline_uv[index, rows] * terms.u[columns]
    root += terms.outline_u[index, columns]
    root += terms.outline_v[index, rows]
    np.sqrt(root, out=root)
    root -= terms.linear_u[index, columns]
    root -= terms.linear_v[index, rows]
    return np.divide(terms.constant[index], root, out=root)


def _cut(
    inside: np.ndarray, hit: np.ndarray, terms: _Terms, index: int, columns: slice, rows: slice
) -> None:
    """Keep only what lies in the shape's range, such as between the ends of a tube."""
    height = terms.cut_u[index, columns] + terms.cut_v[index, rows]
    height *= hit
    inside &= height >= terms.span[index, 0]
    inside &= height <= terms.span[index, 1]


def _hit_box(
    table: Table, index: int, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    axes, offset, half = table.axes[index], table.offset[index], table.half[index]
    near = np.full((len(v), len(u)), NEAR, dtype=np.float32)
    far = np.full_like(near, np.inf)
    for axis in range(3):
        ax, ay, az = axes[axis].tolist()
        slope = (ax * u + az) + ay * v
        slope = np.where(np.abs(slope) < 1e-6, np.float32(1e-6), slope)
        one = (-half[axis] - offset[axis]).astype(np.float32) / slope
        two = (half[axis] - offset[axis]).astype(np.float32) / slope
        np.maximum(near, np.minimum(one, two), out=near)
        np.minimum(far, np.maximum(one, two), out=far)
    return near, near < far
