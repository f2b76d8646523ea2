from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PhotoBootstrap:
    """Draws of photos with replacement, all people of a photo together: how far a figure could be off.

    Args:
        draws: Number of draws; 0: no interval.
        level: Part of the draws that lie in the interval.
        seed: Of the draws.

    Raises:
        TypeError, ValueError: If ``draws`` is negative or ``level`` is not between 0 and 1.
    """

    draws: int
    level: float
    seed: int

    def __post_init__(self) -> None:
        if self.draws < 0:
            raise ValueError(f'bootstrap ({self.draws}) must be 0 or more')
        if not 0 < self.level < 1:
            raise ValueError(f'level ({self.level}) must be between 0 and 1')

    def times(self, photos: int) -> np.ndarray:
        """How often each photo is drawn: (draws, photos)."""
        drawn = np.random.default_rng(self.seed).integers(0, photos, (self.draws, photos))
        return np.stack([np.bincount(draw, minlength=photos) for draw in drawn])

    def interval(self, figures: np.ndarray) -> tuple[float, float]:
        """Lower and upper end of what the draws gave."""
        tail = (1 - self.level) / 2
        low, high = np.quantile(figures, [tail, 1 - tail])
        return float(low), float(high)
