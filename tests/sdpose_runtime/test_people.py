"""One person found twice is one; scores are CocoMetric's."""

from __future__ import annotations

import numpy as np
import pytest
from mmpose.evaluation.functional import oks_nms

from sdpose_runtime.people import People

SIGMAS = np.float32([0.026, 0.1, 0.05, 0.08, 0.03])


def crowd(seed: int, spread: float) -> People:
    """Twelve people, some of them alike."""
    numbers = np.random.default_rng(seed)
    centers = np.repeat(numbers.uniform(0, 200, (4, 5, 2)), 3, axis=0)
    keypoints = centers + numbers.normal(0, spread, (12, 5, 2))
    boxes = np.tile([0, 0, 10, 20], (12, 1))
    return People(
        boxes,
        numbers.random(12),
        keypoints,
        numbers.random((12, 5)),
        numbers.uniform(2e3, 2e4, 12),
        np.arange(12),
    )


@pytest.mark.parametrize('limit', [0.5, 0.9])
@pytest.mark.parametrize('spread', [0.5, 3, 20])
@pytest.mark.parametrize('seed', range(3))
def test_the_same_people_stay_as_by_mmposes_oks_nms(seed, spread, limit):
    people = crowd(seed, spread)
    scores = people.pose_scores()
    database = [
        dict(
            keypoints=np.column_stack([people.keypoints[i], people.scores[i]]),
            score=scores[i],
            area=people.areas[i],
        )
        for i in range(12)
    ]
    expected = sorted(oks_nms(database, limit, SIGMAS))
    assert people.distinct(SIGMAS, limit).ids.tolist() == expected


def test_scores_leave_out_keypoints_hardly_found():
    people = People(
        np.zeros((2, 4)), np.array([0.5, 1.0]), np.zeros((2, 3, 2)),
        np.array([[0.1, 0.4, 0.8], [0.1, 0.1, 0.2]]), np.ones(2),
    )  # fmt: skip
    np.testing.assert_allclose(people.pose_scores(), [0.5 * 0.6, 0])


def test_nobody():
    nobody = crowd(0, 1).select(np.zeros(12, bool))
    assert len(nobody.distinct(SIGMAS)) == 0
