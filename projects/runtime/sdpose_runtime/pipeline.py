"""From a frame to the people in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .boxes import Boxes, BoxSource, WholeImage
from .people import People
from .pose_model import PoseModel, Stopwatch
from .sources import Frame
from .tracking import BoxTracker, Smoother

#: Frames from one detection to the next, where people are followed.
DETECT_EVERY = 10


@dataclass(frozen=True)
class PipelineOptions:
    """How people are found, apart from the model and where boxes come from.

    Args:
        threshold: Score from which on a keypoint counts as found; None: the model's.
        box_threshold: Boxes of a lower score are left out.
        similarity: Poses more alike than this are one person's.
        track: Follow people through a video.
        detect_every: Frames from one detection to the next, where people are followed.
        one_euro: Smooth the keypoints in a video with the one-euro filter; people are followed then.
        min_cutoff: As of :class:`~.tracking.OneEuroFilter`.
        beta: As there.

    Raises:
        ValueError: If ``detect_every`` is below 1, a threshold is not finite, or ``similarity`` none.
    """

    threshold: float | None = None
    box_threshold: float = 0.3
    similarity: float = 0.9
    track: bool = False
    detect_every: int | None = None
    one_euro: bool = False
    min_cutoff: float = 1.0
    beta: float = 10.0

    def __post_init__(self) -> None:
        for name in ('threshold', 'box_threshold', 'similarity'):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f'{name} ({value}) must be a number')
        if not 0 <= self.similarity <= 1:
            raise ValueError(f'similarity ({self.similarity}) must be 0 to 1')
        if self.detect_every is not None and self.detect_every < 1:
            raise ValueError(f'detect_every ({self.detect_every}) must be 1 or more')


class PosePipeline:
    """From a frame to the people in it: boxes, poses, and in a video who is who.

    Args:
        model: The pose model.
        locate: Where people are.
        options: How they are found.

    Attributes:
        threshold: Score from which on a keypoint counts as found.
        left_out: People so far whose box or keypoints were NaN, infinite or millions of pixels away.
        poor: Boxes so far that scored too low.
        best_score: Of all keypoints so far.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(self, model: PoseModel, locate: BoxSource, options: PipelineOptions) -> None:
        self.model = model
        self.locate = locate
        self.options = options
        self.threshold = model.info.threshold if options.threshold is None else options.threshold
        self.stopwatch = Stopwatch()
        self.left_out = self.poor = 0
        self.best_score = -math.inf
        self.start(is_video=True)  # wrong options are refused before the first frame

    def start(self, is_video: bool) -> None:
        """Forget whom was followed: another video, or an image, begins."""
        options = self.options
        follows = options.track or options.one_euro or options.detect_every is not None
        self.tracker = BoxTracker(self._period(), self.threshold) if follows else None
        self.smoother = None
        if options.one_euro:
            self.smoother = Smoother(options.min_cutoff, options.beta, self.threshold)
        if not is_video:
            self.tracker = self.smoother = None

    def __call__(self, frame: Frame) -> People:
        """The people in a frame.

        Raises:
            ValueError: If its image is none that the model takes.
        """
        size = frame.size  # a frame without an image is not counted as one
        if self.tracker is None:
            return self._pose(frame, self._detect(frame))
        boxes, ids = self.tracker.locate(lambda: self._detect(frame))
        people = self._pose(frame, boxes, ids)
        with self.stopwatch.measure('tracking'):
            self.tracker.update(people, size)
            if self.smoother is not None:
                people = replace(people, keypoints=self.smoother(people, frame.seconds))
        return people

    def _period(self) -> int | None:
        """Frames from one detection to the next; None: only when somebody was lost."""
        if isinstance(self.locate, WholeImage):
            return None  # the image says nothing new; the joints found do
        if self.options.detect_every is not None:
            return self.options.detect_every
        return DETECT_EVERY if self.options.track else 1

    def _detect(self, frame: Frame) -> Boxes:
        with self.stopwatch.measure('detection'):
            boxes = self.locate(frame)
        boxes = boxes.select(self._count_usable(boxes))
        self.poor += int((boxes.scores < self.options.box_threshold).sum())
        return boxes.above(self.options.box_threshold)

    def _pose(self, frame: Frame, boxes: Boxes, ids: np.ndarray | None = None) -> People:
        people = self.model(frame.pixels, boxes.corners, self.stopwatch)
        people = replace(people, box_scores=boxes.scores, ids=ids)
        # One person who is NaN is like nobody, and would hide all others.
        people = people.select(self._count_usable(people))
        self.best_score = float(people.scores.max(initial=self.best_score))
        return people.distinct(self.model.info.sigmas, self.options.similarity)

    def _count_usable(self, found: Boxes | People) -> np.ndarray:
        """Which of them can be used; the others are counted."""
        usable = found.usable()
        self.left_out += int((~usable).sum())
        return usable
