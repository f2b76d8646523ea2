from __future__ import annotations

from mmpose_sdpose.benchmark.measuring import WARMUP_ROUNDS, MatrixProduct, measure_in_turn, timed

import numpy as np
import torch


class Recorder:
    """Measures itself with the number of its turn."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.turns = name, log, 0

    def __call__(self) -> dict[str, float]:
        self.log.append(self.name)
        self.turns += 1
        return dict(total=float(self.turns), half=self.turns / 2)


def test_all_take_turns_and_only_the_second_pass_of_a_round_counts():
    log, ticks = [], []
    measures = [Recorder(name, log) for name in 'ab']
    first, second = measure_in_turn(measures, 3, lambda: ticks.append(len(log)))
    rounds = WARMUP_ROUNDS + 3
    assert log == ['a', 'a', 'b', 'b'] * rounds
    assert ticks == list(range(2, 4 * rounds + 1, 2))
    counted = 2 * np.arange(WARMUP_ROUNDS + 1, rounds + 1, dtype=float)
    for times in (first, second):
        assert sorted(times) == ['half', 'total']
        np.testing.assert_array_equal(times['total'], counted)
        np.testing.assert_array_equal(times['half'], counted / 2)


def test_timed_hands_the_result_on():
    result, ms = timed(lambda: 'done')
    assert result == 'done'
    assert ms >= 0


def test_matrix_product_is_computed_and_counted():
    product = MatrixProduct('cpu', size=64)
    assert product.measure()['product'] > 0
    torch.testing.assert_close(product.out, product.left @ product.right)
    assert product.rate(ms=2.0) == 64**3 / 2e-3 / 1e9
