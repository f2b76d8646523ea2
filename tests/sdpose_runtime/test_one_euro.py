"""Steady at rest, without lag in motion, and equal to the paper's own few lines."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sdpose_runtime.one_euro import OneEuroFilter


def reference(values: list[float], rate: float, min_cutoff: float, beta: float) -> list[float]:
    """The algorithm of the paper's page, one number at a time."""

    def alpha(cutoff: float) -> float:
        return 1 / (1 + rate / (2 * math.pi * cutoff))

    smoothed, speed = [values[0]], 0.0
    for value in values[1:]:
        raw = (value - smoothed[-1]) * rate
        speed = alpha(1.0) * raw + (1 - alpha(1.0)) * speed
        weight = alpha(min_cutoff + beta * abs(speed))
        smoothed.append(weight * value + (1 - weight) * smoothed[-1])
    return smoothed


def test_equals_the_paper():
    values = np.random.default_rng(0).normal(size=40).cumsum()
    smooth = OneEuroFilter(min_cutoff=0.5, beta=3.0)
    out = [float(smooth(np.array([v]), i / 25, size=1.0)[0]) for i, v in enumerate(values)]
    np.testing.assert_allclose(out, reference(values.tolist(), 25, 0.5, 3.0), rtol=1e-9)


def test_jitter_at_rest_becomes_small_and_motion_is_followed():
    numbers = np.random.default_rng(0)
    seconds = np.arange(120) / 30
    still = 100 + numbers.normal(0, 2, 120)
    smooth = OneEuroFilter()
    rest = [smooth(np.array([v]), t, size=200)[0] for v, t in zip(still, seconds)]
    assert np.std(rest[30:]) < 0.5 * np.std(still[30:])
    moving = 300 * seconds
    smooth = OneEuroFilter()
    walk = [smooth(np.array([v]), t, size=200)[0] for v, t in zip(moving, seconds)]
    assert np.abs(np.array(walk[30:]) - moving[30:]).max() < 10  # one frame's way is 10


def test_size_is_the_unit_of_speed():
    values = np.random.default_rng(0).normal(size=(20, 3)).cumsum(axis=0)
    small, large = OneEuroFilter(), OneEuroFilter()
    for i, value in enumerate(values):
        near = large(10 * value, i / 30, size=1000)
        np.testing.assert_allclose(near, 10 * small(value, i / 30, size=100))


def test_time_that_goes_back_starts_anew():
    smooth = OneEuroFilter()
    smooth(np.zeros(2), 1.0, 1.0)
    np.testing.assert_array_equal(smooth(np.ones(2), 0.5, 1.0), np.ones(2))


@pytest.mark.parametrize('options', [dict(min_cutoff=0), dict(speed_cutoff=-1), dict(beta=-1)])
def test_wrong_options(options):
    with pytest.raises(ValueError, match='must be positive and beta'):
        OneEuroFilter(**options)
