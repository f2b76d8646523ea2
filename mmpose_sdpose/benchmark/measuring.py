"""Time in turn, the machine's own rate, and peak memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.benchmark import timer

Result = TypeVar('Result')

#: Rounds before the first one that counts: memory is allocated, kernels are chosen and compiled.
WARMUP_ROUNDS = 2
_PRODUCT_SIZES = {'cpu': 1024, 'cuda': 8192}
_STATUS = Path('/proc/self/status')


def timed(run: Callable[[], Result]) -> tuple[Result, float]:
    """What ``run`` returns, and the milliseconds it took; on CUDA until the device is done."""
    begin = timer()
    result = run()
    return result, 1000 * (timer() - begin)


def measure_in_turn(
    measures: Sequence[Callable[[], dict[str, Any]]],
    repeats: int,
    after_turn: Callable[[], None] = lambda: None,
) -> list[dict[str, np.ndarray]]:
    """Round after round, let each one measure itself once, so that noise hits all alike.

    Whoever's turn it is runs once unmeasured first: what ran before has filled the caches, and threads
    of another library may still be waiting busily.

    Args:
        measures: Each returns part -> milliseconds of one run.
        repeats: Rounds that count.
        after_turn: Called after every turn, also those of the :data:`WARMUP_ROUNDS`.

    Returns:
        For each of ``measures``: part -> milliseconds of every round that counts.
    """
    rounds = []
    for _ in range(WARMUP_ROUNDS + repeats):
        turns = []
        for measure in measures:
            measure()
            turns.append(measure())
            after_turn()
        rounds.append(turns)
    counted = rounds[WARMUP_ROUNDS:]
    return [
        {part: np.array([turns[index][part] for turns in counted]) for part in counted[0][index]}
        for index in range(len(measures))
    ]


class MatrixProduct:
    """One product of square float32 matrices: how fast the machine can compute at all.

    Multiply-adds are counted as one, like the models'. A model cannot be expected to come out above
    the machine's rate, unless it computes in a lower precision.

    Args:
        device: ``cpu`` or ``cuda``.
        size: Rows and columns; default: large enough for the full rate, small enough for many repeats.
    """

    def __init__(self, device: str, size: int | None = None) -> None:
        self.size = size or _PRODUCT_SIZES[device]
        self.left, self.right = torch.randn(2, self.size, self.size, device=device)
        self.out = torch.empty_like(self.left)

    def measure(self) -> dict[str, float]:
        """``product`` -> milliseconds."""
        return dict(product=timed(lambda: torch.mm(self.left, self.right, out=self.out))[1])

    def rate(self, ms: float) -> float:
        """Giga multiply-adds a second, where one product takes ``ms`` milliseconds."""
        return self.size**3 / ms / 1e6


def peak_bytes() -> int:
    """Peak of this process's resident memory so far.

    Linux's ``ru_maxrss`` begins at the peak of the process that started this one, so there the peak is
    read where it is this process's own.
    """
    if _STATUS.exists():
        lines = dict(line.split(':', 1) for line in _STATUS.read_text().splitlines())
        return 1024 * int(lines['VmHWM'].split()[0])
    import resource  # Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else 1024 * peak
