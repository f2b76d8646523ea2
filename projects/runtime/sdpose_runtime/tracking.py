"""People followed through a video, and their keypoints smoothed.

Boxes come from the keypoints of the frame before, so that detection can rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .boxes import Boxes, box_overlaps, box_shares
from .people import People

#: Overlap from which on a new box belongs to a person already followed.
SAME_PERSON = 0.3
#: Worth of the share of the smaller box that is in the larger one: a person may be followed by a part.
PART = 0.4
#: A person's box goes beyond the joints by this share of their extent, at each side: hands, feet, skull.
#: COCO's annotations have 0.09 to 0.15; a narrow person is taken for half as wide as high.
BEYOND_JOINTS = 0.12
#: Share of the keypoints that must be found for a person to be followed on.
FOUND = 0.25
#: Share of a box's longer side by which a side may come in from frame to frame while joints are missing.
COMES_IN = 0.03
#: Frames for which a person is followed whom detection misses, and known again after being lost.
REMEMBERED = 30


class BoxTracker:
    """Says where people are in the next frame, and who is who.

    Between two detections, people are looked for where their keypoints were. Whoever detection does not
    find is followed by keypoints alone for a while. One whose keypoints are no longer found is lost:
    detection is asked for at once (not for one just detected, who may be a mistake of the
    detector's). What is detected belongs to the person it overlaps most, first of those followed, then
    of those lost a short while ago, or is somebody new.

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
        self._followed = self.ids  # until the frame at hand
        self._since_detection: int | None = None  # none yet, or somebody was lost
        self._frame = 0
        self._width = 0
        self._known: dict[int, _Known] = {}

    def locate(self, detect: Callable[[], Boxes]) -> tuple[Boxes, np.ndarray]:
        """Boxes for this frame and whose they are; ``detect`` is called only where it is due."""
        self._frame += 1
        self._followed = self.ids
        since = self._since_detection
        if since is None or since == self.detect_every:
            self._take_in(detect())
            since = 0
        self._since_detection = since + 1
        return self.boxes, self.ids

    def update(self, people: People, image_size: tuple[int, int]) -> None:
        """Learn what was found in this frame.

        Args:
            people: Poses with ids.
            image_size: Width and height of the image, pixels.
        """
        self._width = image_size[0]
        ids = people.known_ids
        found = people.scores >= self.threshold
        followed = found.sum(axis=1) >= max(2, FOUND * people.scores.shape[1])
        boxes = [
            _next_box(points, seen, self._moved_box(name, box, points, seen))
            for name, box, points, seen in zip(ids.tolist(), people.boxes, people.keypoints, found)
        ]
        limits = np.array([*image_size, *image_size], np.float32)
        corners = np.array(boxes, np.float32).reshape(-1, 4).clip(0, limits)
        followed &= (corners[:, 2:] - corners[:, :2] >= 1).all(axis=1)
        lost = ~followed & np.isin(ids, self._followed)
        if lost.any() or (not followed.any() and self.detect_every is None):
            self._since_detection = None
        self.ids = ids[followed]
        self.boxes = Boxes(corners[followed], people.box_scores[followed])
        for name, box, points in zip(ids.tolist(), corners, people.keypoints):
            known = self._known[name]
            known.points = points
            if name in self.ids:
                known.box, known.followed = box, self._frame

    def _moved_box(
        self, name: int, box: np.ndarray, points: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        """The box a person was looked for in, moved as the joints seen did; one just detected is new."""
        known = self._known[name]
        if known.detected == self._frame or known.points is None or not seen.any():
            return box
        return box + np.tile(np.median((points - known.points)[seen], axis=0), 2)

    def _take_in(self, detected: Boxes) -> None:
        """The boxes detected, and those of whoever was missed but is followed on."""
        ids = self._match(detected)
        for name, box in zip(ids.tolist(), detected.corners):
            known = self._known.setdefault(name, _Known(box, self._frame, self._frame))
            known.detected = self._frame
        missed = [name not in ids and self._is_followed_on(name) for name in self.ids.tolist()]
        self.ids = np.concatenate([ids, self.ids[missed]])
        self.boxes = detected.join(self.boxes.select(np.array(missed, bool)))
        self._known = {
            name: known
            for name, known in self._known.items()
            if name in self.ids or self._frame - known.followed < REMEMBERED
        }

    def _is_followed_on(self, name: int) -> bool:
        """Whether somebody whom detection missed may be there; at the left and right they leave."""
        known = self._known[name]
        is_within = known.box[0] > 0 and known.box[2] < self._width
        return bool(is_within) and self._frame - known.detected <= REMEMBERED

    def _match(self, detected: Boxes) -> np.ndarray:
        """Ids of detected boxes: best overlaps first, each person only once."""
        ids = np.zeros(len(detected), np.int64)
        _give_ids(ids, detected.corners, self.ids.tolist(), self.boxes.corners)
        lost = [name for name in self._known if name not in self.ids]
        places = np.array([self._known[name].box for name in lost], np.float32).reshape(-1, 4)
        _give_ids(ids, detected.corners, lost, places)
        for new in np.flatnonzero(ids == 0):
            ids[new] = self._next_id
            self._next_id += 1
        return ids


@dataclass
class _Known:
    """What is remembered of a person.

    Args:
        box: Where the person was last: left, top, right, bottom.
        detected: Frame in which detection found the person last.
        followed: Frame in which enough keypoints did.
        points: (K, 2), keypoints in the frame before.
    """

    box: np.ndarray
    detected: int
    followed: int
    points: np.ndarray | None = None


def _give_ids(
    ids: np.ndarray, corners: np.ndarray, known_ids: list[int], known_corners: np.ndarray
) -> None:
    """Write known ids over zeros, where boxes overlap enough."""
    overlaps = np.maximum(
        box_overlaps(corners, known_corners), PART * box_shares(corners, known_corners)
    )
    overlaps[ids != 0] = 0
    while overlaps.size and overlaps.max() >= SAME_PERSON:
        new, old = np.unravel_index(overlaps.argmax(), overlaps.shape)
        ids[new] = known_ids[old]
        overlaps[new], overlaps[:, old] = 0, 0


class Smoother:
    """A one-euro filter for each person followed.

    A keypoint that is not found is left where it is, and begins anew where it is found again: else
    it would slide there from wherever it was taken to be.

    Args:
        min_cutoff: As of :class:`OneEuroFilter`.
        beta: As there.
        threshold: Score from which on a keypoint counts as found.
    """

    def __init__(self, min_cutoff: float = 1.0, beta: float = 10.0, threshold: float = 0.3) -> None:
        self.threshold = threshold
        self.options = dict(min_cutoff=min_cutoff, beta=beta)
        OneEuroFilter(**self.options)  # wrong options are refused before the first frame
        self._filters: dict[int, OneEuroFilter] = {}

    def __call__(self, people: People, seconds: float) -> np.ndarray:
        """Smoothed keypoints (P, K, 2), image pixels; who is gone is forgotten."""
        names = [int(name) for name in people.known_ids]
        self._filters = {
            name: self._filters.get(name) or OneEuroFilter(**self.options) for name in names
        }
        smoothed = people.keypoints.astype(np.float32)
        seen = people.scores >= self.threshold
        for index, (name, size) in enumerate(zip(names, np.sqrt(people.areas))):
            points = self._filters[name](people.keypoints[index], seconds, size)
            smoothed[index, seen[index]] = points[seen[index]]
            self._filters[name].forget(~seen[index])
        return smoothed


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
        # A coordinate starts where it is first seen.
        last = np.where(np.isfinite(self._value), self._value, value)
        value = np.where(np.isfinite(value), value, last)
        speed = (value - last) / elapsed / max(size, 1e-6)
        speed = np.where(np.isfinite(speed), speed, 0)  # of a size that is NaN
        self._speed = self._speed + _weight(self.speed_cutoff, elapsed) * (speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._value = last + _weight(cutoff, elapsed) * (value - last)
        self._seconds = seconds
        return self._value

    def forget(self, which: np.ndarray) -> None:
        """Begin anew with some of the coordinates: an index or a mask."""
        self._value, self._speed = self._value.copy(), self._speed.copy()
        self._value[which], self._speed[which] = math.nan, 0


def _weight(cutoff: float | np.ndarray, elapsed: float) -> float | np.ndarray:
    """How much of a new value a low-pass filter lets in after ``elapsed`` seconds."""
    ratio = 2 * math.pi * cutoff * elapsed
    return ratio / (ratio + 1)


def _next_box(points: np.ndarray, seen: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Where to look for a person next.

    Around the joints that were seen. Where some were not, no side comes in by more than a little: else
    the box of who is seen in part closes around that part, and the rest is never seen again.

    Args:
        points: (K, 2).
        seen: (K,).
        box: Left, top, right and bottom of where the person was, as far as that is known.
    """
    if not seen.any():
        return np.zeros(4)
    around = _around(points[seen])
    if seen.all():
        return around
    step = COMES_IN * (box[2:] - box[:2]).max()
    return np.concatenate(
        [np.minimum(around[:2], box[:2] + step), np.maximum(around[2:], box[2:] - step)]
    )


def _around(points: np.ndarray) -> np.ndarray:
    """The box around a person's joints (N, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = BEYOND_JOINTS * np.maximum(high - low, 0.5 * (high - low).max())
    return np.concatenate([low - margin, high + margin])
