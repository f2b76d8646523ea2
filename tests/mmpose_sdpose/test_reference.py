from __future__ import annotations

import numpy as np
import pytest

from .reference import normal, recorded_json, rule_input, rule_weight

CHECKS = {check['what']: check for check in recorded_json('rule_check')['checks']}

TEACHER = 'teacher: seed key "teacher_model.backbone.conv1.weight"'


def value_of(what: str, shape: list[int]) -> np.ndarray:
    if what.startswith('raw normal'):
        return normal('input', tuple(shape))
    if what.startswith('input image'):
        return rule_input().numpy()
    if what == TEACHER:
        return rule_weight('backbone.conv1.weight', tuple(shape), seed_prefix='teacher_model.')
    return rule_weight(what, tuple(shape))


@pytest.mark.parametrize(
    'what',
    [what for what in CHECKS if ' ' not in what or what.startswith(('raw', 'input', 'teacher'))],
)
def test_the_rule_gives_the_recorded_numbers(what):
    check = CHECKS[what]
    value = value_of(what, check['shape']).astype(np.float64)
    np.testing.assert_allclose(value.flatten()[:4], check['first4'], rtol=1e-6)
    np.testing.assert_allclose(value.flatten()[-1], check['last'], rtol=1e-6)
    np.testing.assert_allclose(value.sum(), check['sum'], rtol=1e-6)
    np.testing.assert_allclose((value**2).sum(), check['sum_sq'], rtol=1e-6)
