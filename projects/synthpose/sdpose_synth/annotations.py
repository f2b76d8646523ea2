"""What a picture shows of each person: silhouette, box, keypoints with visibility."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .compositing import SUPERSAMPLE
from .keypoints import KEYPOINTS, keypoint_positions, seen_on
from .picture import Picture
from .scene import Scene

# People of whom less shows have no keypoints, as annotators leave them in COCO.
LEAST_PIXELS = 150  # in a picture of 256 x 256
LEAST_KEYPOINTS_SEEN = 3


@dataclass
class PersonRecord:
    """One visible person.

    Args:
        keypoints: (19, 3) x, y in pixels and visibility, order of ``KEYPOINTS``.
        bbox: Tight box around the visible silhouette: x, y, width, height in pixels.
        area: Visible silhouette in pixels.
        polygons: Its outline as flat lists x1, y1, x2, y2, ...
    """

    keypoints: np.ndarray
    bbox: list[float]
    area: float
    polygons: list[list[float]]


@dataclass
class ImageRecord:
    """All that is known about one image."""

    people: list[PersonRecord] = field(default_factory=list)
    crowd_index: float = 0.0


def annotate(scene: Scene, picture: Picture) -> ImageRecord:
    """Find every person's visible silhouette and keypoints.

    Each keypoint's flag is 2 where its joint shows, 1 where something hides it (own body, another
    person, a thing), 0 outside the image; then its coordinates are 0 too.
    """
    size = picture.image.shape[0]
    # One sample for each pixel of the image decides about the silhouette.
    samples = picture.buffers.shape[
        SUPERSAMPLE // 2 :: SUPERSAMPLE, SUPERSAMPLE // 2 :: SUPERSAMPLE
    ]
    silhouettes = np.append(picture.table.owner, -1)[samples]  # -1, nothing, is last
    least = LEAST_PIXELS * (size / 256) ** 2
    people = []
    for person, (figure, _) in enumerate(scene.people):
        mask = silhouettes == person
        area = int(np.count_nonzero(mask))
        if area == 0:
            continue
        projected = picture.camera.project(keypoint_positions(figure))
        keypoints = _flag_keypoints(projected, person, figure.body.stature, picture, size)
        if area < least or np.count_nonzero(keypoints[:, 2] == 2) < LEAST_KEYPOINTS_SEEN:
            keypoints[:] = 0
        people.append(PersonRecord(keypoints, _tight_box(mask), float(area), _polygons(mask)))
    return ImageRecord(people, crowd_index(people))


def crowd_index(people: list[PersonRecord]) -> float:
    """Mean over people of other people's keypoints to own keypoints inside their box, at most 1.

    Li et al., "CrowdPose" (2019), arXiv 1812.00324, equation 1; over CrowdPose's keypoints.
    """
    labelled = [p for p in people if p.keypoints[5:, 2].any()]
    ratios = []
    for person in labelled:
        inside = [_count_inside(other.keypoints[5:], person.bbox) for other in labelled]
        own = _count_inside(person.keypoints[5:], person.bbox)
        ratios.append((sum(inside) - own) / max(own, 1))
    return round(min(float(np.mean(ratios)), 1.0), 2) if ratios else 0.0


def _count_inside(keypoints: np.ndarray, bbox: list[float]) -> int:
    x, y, flag = keypoints.T
    left, top, wide, high = bbox
    inside = (x >= left) & (x <= left + wide) & (y >= top) & (y <= top + high) & (flag > 0)
    return int(np.count_nonzero(inside))


def _flag_keypoints(
    projected: np.ndarray, person: int, stature: float, picture: Picture, size: int
) -> np.ndarray:
    keypoints = np.zeros((len(KEYPOINTS), 3))
    xy = np.round(projected[:, :2], 1)
    inside = (xy > -0.5).all(1) & (xy < size - 0.5).all(1) & (projected[:, 2] > 0)
    keypoints[inside, :2] = np.clip(xy[inside], 0, size - 1)
    table = seen_on()
    for row in np.flatnonzero(inside):
        limit = projected[row, 2] - table.depth[row] * stature
        seen = _is_seen(keypoints[row, :2], person, table.parts[row], limit, picture)
        keypoints[row, 2] = 2 if seen else 1
    return keypoints


def _is_seen(
    xy: np.ndarray, person: int, parts: np.ndarray, nearest: float, picture: Picture
) -> bool:
    """Whether a fitting body part shows within a pixel of the joint, not too far before it."""
    column, row = ((xy + 0.5) * SUPERSAMPLE).astype(int)
    reach = SUPERSAMPLE
    window = (
        slice(max(row - reach, 0), row + reach + 1),
        slice(max(column - reach, 0), column + reach + 1),
    )
    shape, depth = picture.buffers.shape[window], picture.buffers.depth[window]
    fits = (picture.table.owner[shape] == person) & parts[picture.table.part[shape]]
    return bool((fits & (shape >= 0) & (depth >= nearest)).any())


def _tight_box(mask: np.ndarray) -> list[float]:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    left, top = float(columns[0]), float(rows[0])
    return [left, top, float(columns[-1] - left + 1), float(rows[-1] - top + 1)]


def _polygons(mask: np.ndarray) -> list[list[float]]:
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    polygons = []
    for contour in contours:
        simple = cv2.approxPolyDP(contour, 0.7, True).reshape(-1)
        if len(simple) >= 6:  # pycocotools takes fewer numbers for a box
            polygons.append([float(value) for value in simple])
    if not polygons:
        x, y, w, h = _tight_box(mask)
        polygons.append([x, y, x + w, y, x + w, y + h, x, y + h])
    return polygons
