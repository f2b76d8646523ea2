from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sdpose_runtime.drawing import MIDDLE, SIDES, side_colour
from sdpose_runtime.outputs import write_picture

CELL = (192, 256)  # width and height of one person's picture, in pixels
TRUE = (255, 255, 255)


def draw_pose_grid(
    people: Sequence[dict],
    names: Sequence[str],
    links: Sequence[tuple[int, int]],
    path: str | Path,
    columns: int = 8,
) -> None:
    """A grid of people, each with the true skeleton (white) under the predicted one (coloured).

    Args:
        people: Of each person ``img_path``; ``center`` and ``scale`` of the padded box, pixels;
            ``predicted`` (K, 2) and ``true`` (K, 2), image pixels; ``visible`` (K,).
        names: Keypoint names: those of the left and right side are drawn in two colours.
        links: Pairs of keypoints to join.
        path: Picture to write.
        columns: People in a row.

    Raises:
        OSError: If a photo cannot be read, or the picture not be written.
    """
    cells = [_draw_person(person, names, links) for person in people]
    cells += [np.full_like(cells[0], 30)] * (-len(cells) % columns)
    rows = [np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    grid = np.vstack([_legend(columns * CELL[0]), *rows])
    write_picture(Path(path), grid)


def _draw_person(
    person: dict, names: Sequence[str], links: Sequence[tuple[int, int]]
) -> np.ndarray:
    image = cv2.imread(str(person['img_path']))
    if image is None:
        raise OSError(f'{person["img_path"]} is no readable image')
    corner = person['center'] - 0.5 * person['scale']
    zoom = np.array(CELL) / person['scale']
    matrix = np.array([[zoom[0], 0, -corner[0] * zoom[0]], [0, zoom[1], -corner[1] * zoom[1]]])
    cell = cv2.warpAffine(image, matrix, CELL, flags=cv2.INTER_LINEAR, borderValue=(30, 30, 30))
    true, predicted = (
        np.rint((person[key] - corner) * zoom).astype(int) for key in ('true', 'predicted')
    )
    seen = person['visible'] > 0
    for first, second in links:
        if seen[first] and seen[second]:
            cv2.line(cell, true[first], true[second], TRUE, 4, cv2.LINE_AA)
    for first, second in links:
        colour = side_colour(names[first], names[second])
        cv2.line(cell, predicted[first], predicted[second], colour, 2, cv2.LINE_AA)
    for joint in np.flatnonzero(seen):
        cv2.circle(cell, true[joint], 4, TRUE, -1, cv2.LINE_AA)
    for joint, name in enumerate(names):
        cv2.circle(cell, predicted[joint], 3, side_colour(name, name), -1, cv2.LINE_AA)
    return cv2.rectangle(cell, (0, 0), (CELL[0] - 1, CELL[1] - 1), (0, 0, 0), 1)


def _legend(width: int) -> np.ndarray:
    bar = np.full((28, width, 3), 30, np.uint8)
    entries = [
        ('white: annotated', TRUE),
        ('predicted, left side', SIDES['left']),
        ('predicted, right side', SIDES['right']),
        ('predicted, middle', MIDDLE),
    ]
    for index, (text, colour) in enumerate(entries):
        position = (10 + index * 210, 19)
        cv2.putText(bar, text, position, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return bar
