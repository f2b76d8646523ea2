from __future__ import annotations

import math

import numpy as np


class OneEuroFilter:
    """Smooths keypoints over time: much at rest, little in motion.

    Casiez, Roussel and Vogel, CHI 2012, https://gery.casiez.net/1euro: a low-pass filter whose cutoff
    rises with the speed. Speed is measured in sizes of the person, so that one setting serves people
    near and far.

    Args:
        min_cutoff: Cutoff at rest, Hz: lower is steadier.
        beta: How much the cutoff rises with the speed, Hz for each size a second: higher lags less.
        speed_cutoff: Cutoff of the speed itself, Hz.

    Raises:
        ValueError: If a cutoff is not positive, or ``beta`` negative.
    """

    def __init__(
        self, min_cutoff: float = 1.0, beta: float = 10.0, speed_cutoff: float = 1.0
    ) -> None:
        if min_cutoff <= 0 or speed_cutoff <= 0 or beta < 0:
            raise ValueError(
                f'cutoffs ({min_cutoff}, {speed_cutoff}) must be positive and beta ({beta}) not negative'
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
            seconds: Their time; a time no later than the last one starts anew.
            size: Size of the person, pixels.
        """
        if self._seconds is None or seconds <= self._seconds:
            self._seconds, self._value, self._speed = seconds, value, np.zeros_like(value)
            return value
        elapsed = seconds - self._seconds
        speed = (value - self._value) / elapsed / max(size, 1e-6)
        self._speed = self._speed + _weight(self.speed_cutoff, elapsed) * (speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._value = self._value + _weight(cutoff, elapsed) * (value - self._value)
        self._seconds = seconds
        return self._value


def _weight(cutoff: float | np.ndarray, elapsed: float) -> float | np.ndarray:
    """How much of a new value a low-pass filter lets in after ``elapsed`` seconds."""
    ratio = 2 * math.pi * cutoff * elapsed
    return ratio / (ratio + 1)
