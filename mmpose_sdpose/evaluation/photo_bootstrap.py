from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arguments import check_positive, check_whole

#: Draws that fit into memory; ten times fewer are more than enough.
_MOST_DRAWS = 100_000


@dataclass(frozen=True)
class PhotoBootstrap:
    """Draws of photos with replacement, all people of a photo together: how far a figure could be off.

    Args:
        draws: Number of draws; 0: no interval.
        level: Part of the draws that lie in the interval.
        seed: Of the draws.

    Raises:
        TypeError: If ``draws`` or ``seed`` is no whole number, or ``level`` no number.
        ValueError: If one is negative, ``draws`` above 100,000, or ``level`` not between 0 and 1.
    """

    draws: int
    level: float
    seed: int

    def __post_init__(self) -> None:
        check_whole(0, bootstrap=self.draws, seed=self.seed)
        check_positive(level=self.level)
        if self.draws > _MOST_DRAWS:
            raise ValueError(f'bootstrap ({self.draws}) must be {_MOST_DRAWS:,} or less')
        if self.level >= 1:
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
