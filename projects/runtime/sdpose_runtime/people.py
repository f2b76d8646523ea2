"""The people in a frame: what they are alike in, and which of them can be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .boxes import are_places


@dataclass(frozen=True)
class People:
    """Poses of the P people in a frame.

    Args:
        boxes: (P, 4), left, top, right and bottom, image pixels.
        box_scores: (P,).
        keypoints: (P, K, 2), image pixels.
        scores: (P, K).
        areas: (P,), square pixels, of the padded boxes.
        ids: (P,), the same for the same person from frame to frame; None where nobody is followed.

    Examples:
        >>> import numpy as np
        >>> from sdpose_runtime import People
        >>> one = People(
        ...     boxes=np.array([[0, 0, 50, 80]]),
        ...     box_scores=np.array([0.5]),
        ...     keypoints=np.array([[[10.0, 20.0], [30.0, 40.0]]]),
        ...     scores=np.array([[0.8, 0.1]]),
        ...     areas=np.array([6250.0]),
        ... )
        >>> one.pose_scores().tolist()  # the second keypoint's score is too low to count
        [0.4]
    """

    boxes: np.ndarray
    box_scores: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def known_ids(self) -> np.ndarray:
        """(P,), where people are followed.

        Raises:
            ValueError: If they are not.
        """
        if self.ids is None:
            raise ValueError('these people have no ids: nobody followed them')
        return self.ids

    @staticmethod
    def join(parts: Sequence[People], keypoints: int) -> People:
        """People of one frame that were found in several goes, or nobody, of so many keypoints."""
        fields: dict[str, tuple[int, ...]] = dict(
            boxes=(4,), box_scores=(), keypoints=(keypoints, 2), scores=(keypoints,), areas=()
        )
        nobody = {name: [np.zeros((0, *shape), np.float32)] for name, shape in fields.items()}
        found = {name: [getattr(part, name) for part in parts] for name in fields}
        return People(**{name: np.concatenate(found[name] or nobody[name]) for name in fields})

    def select(self, index: np.ndarray) -> People:
        """Some of them, by index or mask."""
        ids = None if self.ids is None else self.ids[index]
        return People(
            self.boxes[index],
            self.box_scores[index],
            self.keypoints[index],
            self.scores[index],
            self.areas[index],
            ids,
        )

    def usable(self) -> np.ndarray:
        """(P,): whether everything about a person is a number, and the places such as can be."""
        numbers = np.isfinite(self.box_scores) & np.isfinite(self.scores).all(axis=1)
        numbers &= np.isfinite(self.areas)
        return numbers & are_places(self.boxes) & are_places(self.keypoints)

    def pose_scores(self, threshold: float = 0.2) -> np.ndarray:
        """(P,): box score times the mean score of the keypoints above ``threshold``.

        The score that ``CocoMetric`` of MMPose gives a person.
        """
        above = self.scores > threshold
        means = (self.scores * above).sum(axis=1) / np.maximum(above.sum(axis=1), 1)
        return self.box_scores * means

    def distinct(self, sigmas: np.ndarray, limit: float = 0.9) -> People:
        """One of those whose poses are alike: object keypoint similarity above ``limit``.

        The better pose stays, as in ``CocoMetric``; the order is kept.

        Args:
            sigmas: (K,) of object keypoint similarity.
            limit: Similarity from which on two poses are one person's.
        """
        order, kept = np.argsort(-self.pose_scores(), kind='stable'), []
        # So few keypoints tell of most people that they are elsewhere, were all others equal.
        few = min(len(sigmas), int((1 - limit) * len(sigmas)) + 1) if limit < 1 else 1
        while len(order):
            best, order = order[0], order[1:]
            kept.append(best)
            missing = few - self._closeness(best, order, sigmas[:few]).sum(axis=1)
            near = order[missing < (1 - limit) * len(sigmas) + 1e-4]
            alike = near[self._closeness(best, near, sigmas).mean(axis=1) > limit]
            order = order[~np.isin(order, alike)] if len(alike) else order
        return self.select(np.sort(np.array(kept, np.int64)))

    def _closeness(self, one: int, others: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
        """Object keypoint similarity of the first keypoints: 1 where they are in one place, else less.

        Shape:
            others (Q,), sigmas (k,) -> (Q, k)
        """
        points = self.keypoints[:, : len(sigmas)]
        distances = ((points[others] - points[one]) ** 2).sum(axis=2)
        areas = (self.areas[others] + self.areas[one]) / 2 + np.spacing(1)
        return np.exp(-distances / (2 * sigmas) ** 2 / areas[:, None] / 2)
