"""Timing several things in one run, in turn, so that noise hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

Result = TypeVar('Result')

#: Rounds before the first one that counts: memory is allocated, kernels are chosen and compiled.
WARMUP_ROUNDS = 2


def timed(run: Callable[[], Result], device: str) -> tuple[Result, float]:
    """What ``run`` returns, and the milliseconds it took; on CUDA until the device is done."""
    if device == 'cuda':
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        result = run()
        end.record()
        end.synchronize()
        return result, begin.elapsed_time(end)
    begin = time.perf_counter()
    result = run()
    return result, 1000 * (time.perf_counter() - begin)


def measure_in_turn(
    measures: Sequence[Callable[[], dict[str, Any]]],
    repeats: int,
    after_turn: Callable[[], None] = lambda: None,
) -> list[dict[str, np.ndarray]]:
    """Round after round, let each one measure itself once.

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
