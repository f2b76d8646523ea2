"""Where people are: in the whole image. By a file: :mod:`.box_file`; by a detector: :mod:`.detector`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .sources import Frame

#: Pixels from an image's corner beyond which nothing is a place any more.
FAR = 1e6


@dataclass(frozen=True)
class Boxes:
    """Boxes of P people.

    Args:
        corners: (P, 4), left, top, right and bottom, image pixels.
        scores: (P,).

    Examples:
        >>> import numpy as np
        >>> from sdpose_runtime import Boxes
        >>> boxes = Boxes(np.array([[0, 0, 50, 80], [10, 5, 60, 90]]), np.array([0.9, 0.2]))
        >>> boxes.above(0.3).corners.tolist()
        [[0, 0, 50, 80]]
    """

    corners: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.corners)

    def select(self, index: np.ndarray) -> Boxes:
        """Some of them, by index or mask."""
        return Boxes(self.corners[index], self.scores[index])

    def join(self, others: Boxes) -> Boxes:
        """These, then the others."""
        corners = np.concatenate([self.corners, others.corners])
        return Boxes(corners, np.concatenate([self.scores, others.scores]))

    def usable(self) -> np.ndarray:
        """(P,): whether place and score of each are numbers, and the place one that can be."""
        return are_places(self.corners) & np.isfinite(self.scores)

    def above(self, threshold: float) -> Boxes:
        """Those with at least this score, and with a width and a height."""
        good = self.scores >= threshold
        return self.select(good & (self.corners[:, 2:] > self.corners[:, :2]).all(axis=1))


def box_overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair of boxes: (P, 4), (Q, 4) -> (P, Q)."""
    shared, one, other = _areas(first, second)
    return shared / np.maximum(one + other - shared, 1e-9)


def box_shares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share of the smaller one that is in the larger one, of every pair: (P, 4), (Q, 4) -> (P, Q)."""
    shared, one, other = _areas(first, second)
    return shared / np.maximum(np.minimum(one, other), 1e-9)


def _areas(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What every pair of boxes shares (P, Q), and their own areas (P, 1), (1, Q)."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (opposite - corner).clip(0).prod(axis=2)
    one, other = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second))
    return shared, one[:, None], other[None]


def are_places(coordinates: np.ndarray) -> np.ndarray:
    """(P,): whether all coordinates (P, ...) of each are within :data:`FAR`; NaN is not."""
    return (np.abs(coordinates) <= FAR).all(axis=tuple(range(1, coordinates.ndim)))


class BoxSource(Protocol):
    """Anything that says where the people in a frame are."""

    def __call__(self, frame: Frame) -> Boxes: ...


class WholeImage:
    """One person that fills the image.

    Examples:
        >>> import cv2
        >>> from sdpose_runtime import WholeImage
        >>> from sdpose_runtime.sources import Frame
        >>> WholeImage()(Frame('photo.jpg', cv2.imread('photo.jpg'))).corners.tolist()
        [[0.0, 0.0, 400.0, 500.0]]
    """

    def __call__(self, frame: Frame) -> Boxes:
        width, height = frame.size
        return Boxes(np.array([[0, 0, width, height]], np.float32), np.ones(1, np.float32))
