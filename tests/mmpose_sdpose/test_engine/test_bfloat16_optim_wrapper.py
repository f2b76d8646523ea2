from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from ..small_training import Line


def test_products_are_in_bfloat16_and_weights_stay_in_float32():
    init_default_scope('mmpose')
    model = Line()
    model.dropout.p = 0.0  # once in a hundred runs it would drop all that there is to learn from
    wrapper = build_optim_wrapper(
        model, dict(type='BFloat16OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    )
    seen = []
    model.layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    before = model.layer.weight.detach().clone()

    with wrapper.optim_context(model):
        loss = model([torch.ones(3), torch.zeros(3)], [], mode='loss')['loss_line']
    wrapper.update_params(loss)

    assert seen == [torch.bfloat16]
    assert model.layer.weight.dtype == torch.float32
    assert not torch.equal(model.layer.weight, before)
    model([torch.ones(3)], [], mode='loss')
    assert seen[-1] == torch.float32  # nothing of it is left outside


def test_another_error_of_a_step_stays_what_it_is():
    init_default_scope('mmpose')
    wrapper = build_optim_wrapper(
        Line(), dict(type='BFloat16OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    )
    with pytest.raises(TypeError, match='of another kind'), wrapper.optim_context(Line()):
        raise TypeError('of another kind')
