"""Colours of left, right and middle in drawn skeletons. Needs the standard library only."""

from __future__ import annotations

Colour = tuple[int, int, int]

#: Blue, green, red.
SIDES: dict[str, Colour] = {'left': (80, 170, 255), 'right': (255, 160, 60)}
MIDDLE: Colour = (90, 220, 90)


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
