from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    """

    boxes: np.ndarray
    box_scores: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

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
        while len(order):
            best, order = order[0], order[1:]
            kept.append(best)
            order = order[self._similarity(best, order, sigmas) <= limit]
        return self.select(np.sort(np.array(kept, np.int64)))

    def _similarity(self, one: int, others: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
        distances = ((self.keypoints[others] - self.keypoints[one]) ** 2).sum(axis=2)
        areas = (self.areas[others] + self.areas[one]) / 2 + np.spacing(1)
        return np.exp(-distances / (2 * sigmas) ** 2 / areas[:, None] / 2).mean(axis=1)
