"""Scenes: who stands where, what is around them, where the camera is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .appearance import Outfit, sample_outfit
from .camera import Camera, look_at
from .flesh import add_person
from .keypoints import keypoint_positions
from .objects import add_clutter, add_held, add_occluder, add_seat
from .poses import sample_family, sample_pose
from .shapes import Shapes
from .skeleton import Figure, forward_kinematics, sample_body


@dataclass(frozen=True)
class Company:
    """A kind of scene by how near to each other people are.

    Args:
        share: Share of the scenes.
        people: Fewest and most people.
        extent: Least and largest size of the main person as a share of the picture.
        sideways: Offsets between neighbours across the view, metres.
        depth: Offsets between neighbours along the view, metres.
    """

    share: float
    people: tuple[int, int]
    extent: tuple[float, float]
    sideways: tuple[float, float] = (0.0, 0.0)
    depth: tuple[float, float] = (0.0, 0.0)


COMPANIES = dict(
    alone=Company(0.38, (1, 1), (0.55, 0.93)),
    group=Company(0.30, (2, 4), (0.45, 0.85), (0.45, 1.3), (0.0, 1.2)),
    close=Company(0.21, (2, 4), (0.50, 0.88), (0.18, 0.65), (0.28, 0.9)),
    packed=Company(0.11, (3, 6), (0.50, 0.85), (0.0, 0.3), (0.28, 0.75)),
)

VIEWS = ('any', 'front')


@dataclass
class Scene:
    """What the camera sees before light and colour.

    Args:
        people: Posed bodies with their outfits; the first one is the main person.
        shapes: All shapes, those of person i owned by i.
        camera: The camera.
        company: Name in ``COMPANIES``.
    """

    people: list[tuple[Figure, Outfit]]
    shapes: Shapes
    camera: Camera
    company: str


def sample_scene(
    rng: np.random.Generator, size: int, company: str = 'mixed', view: str = 'any'
) -> Scene:
    """Draw a scene for a square picture of ``size`` pixels.

    Args:
        rng: Source of everything random.
        size: Height and width in pixels.
        company: Name in ``COMPANIES``; any other draws one by their shares.
        view: Name in ``VIEWS``: 'front' has people upright or seated, turned to the camera.
    """
    shares = [kind.share for kind in COMPANIES.values()]
    drawn = str(rng.choice(list(COMPANIES), p=shares))
    company = company if company in COMPANIES else drawn
    people = _sample_people(rng, company, view)
    figures = [figure for figure, _ in people]
    extent = rng.uniform(*COMPANIES[company].extent) * size
    camera, distance = _aim(rng, figures, size, extent)
    shapes = Shapes()
    for owner, (figure, outfit) in enumerate(people):
        add_person(shapes, figure, outfit, owner)
        if figure.pose.family == 'sitting':
            add_seat(rng, shapes, figure)
        if rng.random() < 0.1:
            add_held(rng, shapes, figure)
    add_clutter(rng, shapes)
    if rng.random() < 0.3:
        add_occluder(rng, shapes, figures[0], min(0.9, distance - 1.0))
    return Scene(people, shapes, camera, company)


def _sample_people(
    rng: np.random.Generator, company: str, view: str
) -> list[tuple[Figure, Outfit]]:
    kind = COMPANIES[company]
    spots = [np.zeros(2)]
    for _ in range(int(rng.integers(kind.people[0], kind.people[1] + 1)) - 1):
        spots.append(_free_spot(rng, spots, kind))
    people: list[tuple[Figure, Outfit]] = []
    for spot in spots:
        body = sample_body(rng)
        family = None
        if len(people) and rng.random() < 0.5:  # people together often do the same
            family = people[0][0].pose.family
        if company == 'packed' and family is None:
            family = str(rng.choice(['standing', 'walking', 'reaching', 'sitting']))
        if view == 'front' and family is None:
            family = sample_family(rng, without='lying')
        pose = sample_pose(rng, body, family)
        figure = forward_kinematics(body, pose, spot, _sample_yaw(rng, view))
        people.append((figure, sample_outfit(rng)))
    return people


def _free_spot(rng: np.random.Generator, taken: list[np.ndarray], kind: Company) -> np.ndarray:
    for _ in range(12):
        base = taken[int(rng.integers(len(taken)))]
        step = np.array([rng.uniform(*kind.sideways), rng.uniform(*kind.depth)])
        spot = base + step * rng.choice([-1.0, 1.0], 2)
        if all(np.hypot(*(spot - other)) > 0.28 for other in taken) and spot[1] < 0.9:
            break
    return spot


def _sample_yaw(rng: np.random.Generator, view: str) -> float:
    """Front, side, back, or anything: degrees, 0 faces the camera."""
    kind = 0 if view == 'front' else rng.choice(4, p=[0.4, 0.25, 0.2, 0.15])
    if kind == 3:
        return rng.uniform(0, 360)
    middle = (0.0, 90.0 * rng.choice([-1, 1]), 180.0)[kind]
    return middle + rng.normal(0, 22)


def _aim(
    rng: np.random.Generator, figures: list[Figure], size: int, extent: float
) -> tuple[Camera, float]:
    """A camera that shows the main person ``extent`` pixels large, and its distance."""
    focal = size / (2 * np.tan(np.radians(rng.uniform(32, 62) / 2)))
    pitch, roll = rng.choice([rng.normal(4, 5), rng.uniform(10, 35)], p=[0.8, 0.2]), 0.0
    if rng.random() < 0.4:
        roll = rng.normal(0, 4)
    outlines = [_outline(figure) for figure in figures]
    target = 0.5 * (outlines[0].min(0) + outlines[0].max(0))
    nearest = max(float(outline[:, 2].max()) for outline in outlines) - target[2]
    distance = 4.0
    for _ in range(3):
        camera = look_at(target, distance, float(pitch), float(roll), float(focal))
        seen = camera.project(outlines[0])[:, :2]
        distance = max(distance * float((seen.max(0) - seen.min(0)).max()) / extent, nearest + 0.9)
    camera = look_at(target, distance, float(pitch), float(roll), float(focal))
    boxes = [_box(camera, outline) for outline in outlines]
    camera.centre = _compose(rng, boxes, size)
    return camera, distance


def _outline(figure: Figure) -> np.ndarray:
    """Points that reach as far as the body does."""
    tips = [figure.points[n] for n in figure.points if n.endswith(('hand', 'toe', 'heel'))]
    crown = figure.points['head'] + 1.1 * figure.body.lengths['head'] * figure.frames['head'][:, 1]
    return np.concatenate([keypoint_positions(figure), np.array([*tips, crown])])


def _box(camera: Camera, outline: np.ndarray) -> np.ndarray:
    seen = camera.project(outline)[:, :2]
    return np.concatenate([seen.min(0), seen.max(0)])


def _compose(rng: np.random.Generator, boxes: list[np.ndarray], size: int) -> np.ndarray:
    """Principal point that puts the group into the picture, the main person first."""
    group = np.array(boxes)
    low, high = group[:, :2].min(0), group[:, 2:].max(0)
    centre = (
        size / 2
        - 0.5 * (low + high)
        + rng.uniform(-0.5, 0.5, 2) * (np.maximum(size - (high - low), 0.04 * size))
    )
    main_low, main_high = boxes[0][:2], boxes[0][2:]
    margin = 0.03 * size
    if rng.random() < 0.12:  # cut by the border, as in many photos
        axis, side = int(rng.random() < 0.7), rng.choice([-1.0, 1.0])
        cut = rng.uniform(0.1, 0.35) * (main_high - main_low)[axis]
        edge = -main_low[axis] - cut if side < 0 else size - main_high[axis] + cut
        centre[axis] = edge
        return centre
    return np.clip(
        centre,
        np.minimum(margin - main_low, size - margin - main_high),
        np.maximum(margin - main_low, size - margin - main_high),
    )
