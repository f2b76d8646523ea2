"""One person found twice is one; scores are CocoMetric's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sdpose_runtime import People

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


def similarity(people: People, one: int, other: int) -> float:
    """Object keypoint similarity by its definition, with the mean area of both."""
    area = (people.areas[one] + people.areas[other]) / 2
    terms = [
        np.exp(-((a - b) ** 2).sum() / (2 * area * (2 * sigma) ** 2))
        for a, b, sigma in zip(people.keypoints[one], people.keypoints[other], SIGMAS)
    ]
    return float(np.mean(terms))


@pytest.mark.parametrize('limit', [0.5, 0.9])
@pytest.mark.parametrize('spread', [0.5, 3, 20])
@pytest.mark.parametrize('seed', range(3))
def test_of_those_who_are_alike_the_better_one_stays(seed, spread, limit):
    """Person by person, from the best down. MMPose does: tests/mmpose_sdpose/test_runtime_agrees.py."""
    people, kept = crowd(seed, spread), []
    for index in np.argsort(-people.pose_scores()):
        if all(similarity(people, index, better) <= limit for better in kept):
            kept.append(index)
    assert people.distinct(SIGMAS, limit).ids.tolist() == sorted(kept)
    if spread != 3:
        assert len(kept) == (4 if spread < 3 else 12)


@pytest.mark.parametrize('keypoint', range(5))
def test_one_keypoint_elsewhere_is_a_fifth(keypoint):
    """Whichever it is: the first ones are looked at before the others."""
    one = crowd(0, 1).select(np.array([0, 0]))
    one.keypoints[1, keypoint] += 1e4
    assert len(one.distinct(SIGMAS, limit=0.79)) == 1
    assert len(one.distinct(SIGMAS, limit=0.81)) == 2


@pytest.mark.parametrize('field', ['boxes', 'box_scores', 'keypoints', 'scores', 'areas'])
@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_who_is_no_number_is_told(field, bad):
    people = crowd(0, 1)
    values = np.array(getattr(people, field), np.float32)
    values[3] = bad
    people = replace(people, **{field: values})
    assert np.flatnonzero(~people.usable()).tolist() == [3]
    assert people.select(people.usable()).ids.tolist() == [i for i in range(12) if i != 3]


def test_people_found_in_several_goes():
    people = crowd(0, 1)
    parts = [people.select(np.arange(5)), people.select(np.arange(5, 12))]
    joined = People.join(parts, 5)
    for field in ('boxes', 'box_scores', 'keypoints', 'scores', 'areas'):
        np.testing.assert_array_equal(getattr(joined, field), getattr(people, field))
    assert People.join([], 5).keypoints.shape == (0, 5, 2)
    assert People.join([], 5).usable().shape == (0,)


def test_scores_leave_out_keypoints_hardly_found():
    people = People(
        np.zeros((2, 4)), np.array([0.5, 1.0]), np.zeros((2, 3, 2)),
        np.array([[0.1, 0.4, 0.8], [0.1, 0.1, 0.2]]), np.ones(2),
    )  # fmt: skip
    np.testing.assert_allclose(people.pose_scores(), [0.5 * 0.6, 0])


def test_nobody():
    nobody = crowd(0, 1).select(np.zeros(12, bool))
    assert len(nobody.distinct(SIGMAS)) == 0
