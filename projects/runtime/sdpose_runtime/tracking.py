"""People followed through a video, and their keypoints smoothed.

Boxes come from the keypoints of the frame before, so that detection can rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .boxes import Boxes, box_overlaps
from .people import People

#: Overlap from which on a new box belongs to a person already followed.
SAME_PERSON = 0.3
#: A person's box goes beyond the joints by this share of their extent, at each side: hands, feet, skull.
#: COCO's annotations have 0.09 to 0.15; a narrow person is taken for half as wide as high.
BEYOND_JOINTS = 0.12
#: Share of the keypoints that must be found for a person to be followed on.
FOUND = 0.25


class BoxTracker:
    """Says where people are in the next frame, and who is who.

    Between two detections, people are looked for where their keypoints were; one whose keypoints
    are no longer found is dropped, and detection is asked for at once (not for one just detected,
    who may be a mistake of the detector's). What is detected belongs to the person followed that it
    overlaps most, or is somebody new.

    Args:
        detect_every: Frames from one detection to the next; None: only when somebody was lost.
        threshold: Score from which on a keypoint counts as found.

    Raises:
        ValueError: If ``detect_every`` is below 1.
    """

    def __init__(self, detect_every: int | None = 1, threshold: float = 0.3) -> None:
        if detect_every is not None and detect_every < 1:
            raise ValueError(f'detect_every ({detect_every}) must be 1 or more')
        self.detect_every = detect_every
        self.threshold = threshold
        self.ids = np.zeros(0, np.int64)
        self.boxes = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        self._next_id = 1
        self._first_new_id = 1
        self._since_detection: int | None = None  # none yet, or somebody was lost

    def locate(self, detect: Callable[[], Boxes]) -> tuple[Boxes, np.ndarray]:
        """Boxes for this frame and whose they are; ``detect`` is called only where it is due."""
        self._first_new_id = self._next_id
        since = self._since_detection
        if since is None or since == self.detect_every:
            detected = detect()
            self.ids = self._match(detected)
            self.boxes = detected
            since = 0
        self._since_detection = since + 1
        return self.boxes, self.ids

    def update(self, people: People, image_size: tuple[int, int]) -> None:
        """Learn what was found in this frame.

        Args:
            people: Poses with ids.
            image_size: Width and height of the image, pixels.
        """
        found = people.scores >= self.threshold
        followed = found.sum(axis=1) >= max(2, FOUND * people.scores.shape[1])
        boxes = [
            _around(points[seen]) if seen.any() else np.zeros(4)
            for points, seen in zip(people.keypoints, found)
        ]
        limits = np.array([*image_size, *image_size], np.float32)
        corners = np.array(boxes, np.float32).reshape(-1, 4).clip(0, limits)
        followed &= (corners[:, 2:] - corners[:, :2] >= 1).all(axis=1)
        lost = ~followed & (people.known_ids < self._first_new_id)
        if lost.any() or (not followed.any() and self.detect_every is None):
            self._since_detection = None
        self.ids = people.known_ids[followed]
        self.boxes = Boxes(corners[followed], people.box_scores[followed])

    def _match(self, detected: Boxes) -> np.ndarray:
        """Ids of detected boxes: best overlaps first, each person followed once."""
        ids = np.zeros(len(detected.corners), np.int64)
        overlaps = box_overlaps(detected.corners, self.boxes.corners)
        while overlaps.size and overlaps.max() >= SAME_PERSON:
            new, old = np.unravel_index(overlaps.argmax(), overlaps.shape)
            ids[new] = self.ids[old]
            overlaps[new], overlaps[:, old] = 0, 0
        for new in np.flatnonzero(ids == 0):
            ids[new] = self._next_id
            self._next_id += 1
        return ids


class Smoother:
    """A one-euro filter for each person followed.

    Args:
        min_cutoff: As of :class:`OneEuroFilter`.
        beta: As there.
    """

    def __init__(self, min_cutoff: float = 1.0, beta: float = 10.0) -> None:
        self.options = dict(min_cutoff=min_cutoff, beta=beta)
        OneEuroFilter(**self.options)  # wrong options are refused before the first frame
        self._filters: dict[int, OneEuroFilter] = {}

    def __call__(self, people: People, seconds: float) -> np.ndarray:
        """Smoothed keypoints (P, K, 2), image pixels; who is gone is forgotten."""
        names = [int(name) for name in people.known_ids]
        self._filters = {
            name: self._filters.get(name) or OneEuroFilter(**self.options) for name in names
        }
        sizes = np.sqrt(people.areas)
        smoothed = [
            self._filters[name](points, seconds, size)
            for name, points, size in zip(names, people.keypoints, sizes)
        ]
        return np.array(smoothed, np.float32).reshape(people.keypoints.shape)


class OneEuroFilter:
    """Smooths keypoints over time: much at rest, little in motion.

    Casiez, Roussel and Vogel, CHI 2012, https://gery.casiez.net/1euro: a low-pass filter whose cutoff
    rises with the speed. Speed is measured in sizes of the person, so that one setting serves people
    near and far. A coordinate that is no number is taken to be where it was.

    Args:
        min_cutoff: Cutoff at rest, Hz: lower is steadier.
        beta: How much the cutoff rises with the speed, Hz for each size a second: higher lags less.
        speed_cutoff: Cutoff of the speed itself, Hz.

    Raises:
        ValueError: If a cutoff is not positive, ``beta`` negative, or one of them infinite.
    """

    def __init__(
        self, min_cutoff: float = 1.0, beta: float = 10.0, speed_cutoff: float = 1.0
    ) -> None:
        if not (0 < min_cutoff < math.inf and 0 < speed_cutoff < math.inf and 0 <= beta < math.inf):
            raise ValueError(
                f'cutoffs ({min_cutoff}, {speed_cutoff}) must be positive and beta ({beta}) not '
                'negative, and all finite'
            )
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.speed_cutoff = speed_cutoff
        self._seconds: float | None = None
        self._value = np.zeros(0)
        self._speed = np.zeros(0)

    def __call__(self, value: np.ndarray, seconds: float, size: float) -> np.ndarray:
        """The smoothed coordinates.

        Args:
            value: Coordinates, pixels, of the same shape every time.
            seconds: Their time; a time that is not later than the last one starts anew.
            size: Size of the person, pixels.
        """
        if self._seconds is None or not 0 < seconds - self._seconds < math.inf:
            self._seconds, self._value, self._speed = seconds, value, np.zeros_like(value)
            return value
        elapsed = seconds - self._seconds
        last = np.where(
            np.isfinite(self._value), self._value, value
        )  # starts where it is first seen
        value = np.where(np.isfinite(value), value, last)
        speed = (value - last) / elapsed / max(size, 1e-6)
        speed = np.where(np.isfinite(speed), speed, 0)  # of a size that is NaN
        self._speed = self._speed + _weight(self.speed_cutoff, elapsed) * (speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._value = last + _weight(cutoff, elapsed) * (value - last)
        self._seconds = seconds
        return self._value


def _weight(cutoff: float | np.ndarray, elapsed: float) -> float | np.ndarray:
    """How much of a new value a low-pass filter lets in after ``elapsed`` seconds."""
    ratio = 2 * math.pi * cutoff * elapsed
    return ratio / (ratio + 1)


def _around(points: np.ndarray) -> np.ndarray:
    """The box around a person's joints (N, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = BEYOND_JOINTS * np.maximum(high - low, 0.5 * (high - low).max())
    return np.concatenate([low - margin, high + margin])
