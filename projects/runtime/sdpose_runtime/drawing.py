"""Skeletons drawn into an image: left and right in two colours, in the width that fits the person."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .model_file import ModelInfo
from .people import People

Colour = tuple[int, int, int]

#: Blue, green, red.
SIDES: dict[str, Colour] = {'left': (80, 170, 255), 'right': (255, 160, 60)}
MIDDLE: Colour = (90, 220, 90)
OUTLINE = (30, 30, 30)
FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Keypoints that must be shown for the person's number to be.
NUMBERED = 3
SHIFT = 3  # coordinates are given in eighths of a pixel


def side_colour(first: str, second: str) -> Colour:
    """Blue, green and red of a link between two keypoints: by the side that both are on.

    Args:
        first: Name of a keypoint.
        second: Name of the other; the same for a keypoint by itself.
    """
    for side, colour in SIDES.items():
        if side in first and side in second:
            return colour
    return MIDDLE


def draw_people(
    image: np.ndarray, people: People, info: ModelInfo, threshold: float | None = None
) -> np.ndarray:
    """A copy of the image with the skeletons of the people in it.

    Args:
        image: (H, W, 3), BGR, uint8.
        people: Their poses; numbers are written beside those who are followed.
        info: The model, for names and skeleton.
        threshold: Keypoints of a lower score are not drawn, nor the links to them; nor what is NaN.
            None: the model's.
    """
    threshold = info.threshold if threshold is None else threshold
    image = image.copy()
    for index in np.argsort(people.areas):  # who is near is drawn over who is far
        finite = np.isfinite(people.keypoints[index]).all(axis=1)
        if not finite.any():
            continue
        shown = (people.scores[index] >= threshold) & finite
        width = line_width(people.keypoints[index][finite])
        _draw_skeleton(image, people.keypoints[index], shown, info, width)
        if people.ids is not None and shown.sum() >= NUMBERED:
            points = people.keypoints[index][shown]
            anchor = (points[:, 0].mean(), points[:, 1].min() - 6 * width)
            draw_text(image, str(people.ids[index]), anchor, 0.3 + 0.1 * width)
    return image


def draw_text(image: np.ndarray, text: str, anchor: Sequence[float], scale: float = 0.6) -> None:
    """White text on a dark outline, kept within the image; ``anchor`` is its lower left, pixels."""
    scale = min(scale, 1.5)
    (width, height), _ = cv2.getTextSize(text, FONT, scale, 1)
    x = int(np.clip(anchor[0], 2, max(2, image.shape[1] - width - 2)))
    y = int(np.clip(anchor[1], height + 2, max(height + 2, image.shape[0] - 4)))
    thin = max(1, round(scale * 1.5))
    cv2.putText(image, text, (x, y), FONT, scale, OUTLINE, thin + 2, cv2.LINE_AA)
    cv2.putText(image, text, (x, y), FONT, scale, (255, 255, 255), thin, cv2.LINE_AA)


def line_width(points: np.ndarray) -> int:
    """Width of the lines for a person with these joints (K, 2), pixels."""
    return int(np.clip(round(np.ptp(points, axis=0).max() / 80), 1, 12))


def _draw_skeleton(
    image: np.ndarray, points: np.ndarray, shown: np.ndarray, info: ModelInfo, width: int
) -> None:
    names = info.keypoint_names
    # Far outside the image OpenCV's fixed-point coordinates overflow.
    limit = 4 * max(image.shape[:2])
    fixed = np.rint(np.nan_to_num(points).clip(-limit, limit) * 2**SHIFT).astype(int)
    links = [link for link in info.skeleton if shown[list(link)].all()]
    joints = np.flatnonzero(shown)
    radius = int((width + 1) * 2**SHIFT)
    edge = int(max(1, width / 3) * 2**SHIFT)
    # First everything dark and a little wider: seen on any background, colours stay on top.
    for first, second in links:
        thick = width + 2 * (edge >> SHIFT)
        cv2.line(image, fixed[first], fixed[second], OUTLINE, thick, cv2.LINE_AA, SHIFT)
    for joint in joints:
        cv2.circle(image, fixed[joint], radius + edge, OUTLINE, -1, cv2.LINE_AA, SHIFT)
    for first, second in links:
        colour = side_colour(names[first], names[second])
        cv2.line(image, fixed[first], fixed[second], colour, width, cv2.LINE_AA, SHIFT)
    for joint in joints:
        colour = side_colour(names[joint], names[joint])
        cv2.circle(image, fixed[joint], radius, colour, -1, cv2.LINE_AA, SHIFT)
