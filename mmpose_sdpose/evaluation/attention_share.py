"""Where trained keypoint tokens look, as a number: the share of attention that is near the joint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from torch import nn

from ..configs import keypoint_names
from ..models.distillers import TopdownDistiller
from ..models.heads import TokenHead
from ..visualization.attention import (
    AttentionChoice,
    Person,
    check_choice,
    look,
    plan_views,
    read_person,
)

#: A circle may be smaller than a patch: what it covers of one is counted at so many points a side.
POINTS = 16
#: A torso reaches from a shoulder to the hip below it.
TORSO = (('left_shoulder', 'left_hip'), ('right_shoulder', 'right_hip'))


@dataclass(frozen=True)
class AttentionShare:
    """What one layer's keypoint tokens give to the surroundings of their joints.

    Args:
        view: Student or teacher, and the cycle; empty for a model of one cycle.
        layer: Counted from 1.
        share: Of what the keypoint token gives to patches, mean over annotated joints.
        even: What even attention would have there: the circle's part of the crop.
        joints: Number of joints.
    """

    view: str
    layer: int
    share: float
    even: float
    joints: int


def measure_attention(
    model: nn.Module,
    people: Iterable[dict[str, Any]],
    metainfo: dict[str, Any],
    radius: float = 0.2,
    batch: int = 32,
) -> list[AttentionShare]:
    """Measure every layer of every cycle, of a distiller the student's and then the teacher's.

    Args:
        model: With keypoint tokens; a distiller shows both.
        people: As a test pipeline packs them; who has no torso annotated is left out.
        metainfo: Of their data set.
        radius: Of the circle around a joint, in torso lengths of the person.
        batch: People in one pass.

    Raises:
        ValueError: If the model has no keypoint tokens or others than the data, if the skeleton has no
            torso, or nobody's is annotated.
    """
    if not radius > 0:
        raise ValueError(f'radius ({radius}) must be above 0, in torso lengths')
    choice = every_layer(model)
    check_choice(model, metainfo, choice)
    views = [view for view in plan_views(model, choice) if view.layers]
    names = keypoint_names(metainfo)
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    even: dict[str, list[np.ndarray]] = {}
    for packed in _batches(people, batch):
        read = [read_person(person) for person in packed]
        lengths = np.array([torso_length(person, names) for person in read])
        known = np.stack([person.annotated for person in read]) & np.isfinite(lengths)[:, None]
        if not known.any():
            continue
        joints, radii = np.stack([person.true for person in read]), radius * lengths
        height, width = read[0].crop.shape[:2]
        size = width, height
        for view in views:
            attention = list(look(view, packed).attention.values())
            chance = share_near(np.ones_like(attention[0]), joints, radii, size)
            even.setdefault(view.title, []).append(chance[known])
            for layer, maps in zip(view.layers, attention):
                shares = share_near(maps, joints, radii, size)
                found.setdefault((view.title, layer), []).append(shares[known])
    if not found:
        raise ValueError(
            'nobody has a shoulder and the hip below it annotated: no torso to measure by'
        )
    return [_mean(view, layer, parts, even[view]) for (view, layer), parts in found.items()]


def _mean(
    view: str, layer: int, parts: Sequence[np.ndarray], even: Sequence[np.ndarray]
) -> AttentionShare:
    shares, chance = np.concatenate(parts), np.concatenate(even)
    return AttentionShare(view, layer, float(shares.mean()), float(chance.mean()), len(shares))


def every_layer(model: nn.Module) -> AttentionChoice:
    """All cycles and layers of a model, and of its teacher."""
    head = getattr(model, 'head', None)
    if not isinstance(head, TokenHead):
        return AttentionChoice()  # which says that there are none
    teacher = model.teacher.head if isinstance(model, TopdownDistiller) else None
    return AttentionChoice(
        layers=_layers(head),
        teacher_layers=_layers(teacher) if isinstance(teacher, TokenHead) else None,
        cycles=range(1, head.num_cycles + 1),
    )


def _layers(head: TokenHead) -> Sequence[int]:
    return range(1, head.mct.attention_layout.depth + 1)


def _batches(people: Iterable[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    iterator = iter(people)
    while batch := list(islice(iterator, size)):
        yield batch


def torso_length(person: Person, names: Sequence[str]) -> float:
    """From shoulder to hip, the mean of both sides where both are annotated; NaN without any.

    Raises:
        ValueError: If the skeleton has no such keypoints.
    """
    missing = [name for pair in TORSO for name in pair if name not in names]
    if missing:
        raise ValueError(f'a torso needs {", ".join(missing)}, and the data has {", ".join(names)}')
    pairs = [[names.index(name) for name in pair] for pair in TORSO]
    lengths = [
        np.linalg.norm(person.true[shoulder] - person.true[hip])
        for shoulder, hip in pairs
        if person.annotated[shoulder] and person.annotated[hip]
    ]
    return float(np.mean(lengths)) if lengths and np.mean(lengths) > 0 else float('nan')


def share_near(
    attention: np.ndarray, joints: np.ndarray, radii: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Part of the attention within a circle around each joint, each patch's spread evenly over it.

    Args:
        attention: To each patch.
        joints: In pixels of the crop, whose pixels have their centres at whole numbers.
        radii: Of each person, in pixels.
        size: Width and height of the crop.

    Shape:
        (B, K, rows, columns), (B, K, 2), (B,) -> (B, K)
    """
    rows, columns = attention.shape[-2:]
    x, y = (
        (np.arange(count * POINTS) + 0.5) * side / (count * POINTS) - 0.5
        for count, side in zip((columns, rows), size)
    )
    across = (x - joints[..., :1]) ** 2  # (B, K, columns of points)
    down = (y - joints[..., 1:]) ** 2
    inside = down[..., :, None] + across[..., None, :] < radii[:, None, None, None] ** 2
    covered = inside.reshape(*inside.shape[:2], rows, POINTS, columns, POINTS).mean((3, 5))
    return (covered * attention).sum((2, 3)) / attention.sum((2, 3))
