from __future__ import annotations

from types import SimpleNamespace

from mmpose_sdpose.engine import CostHook
from mmpose_sdpose.engine.hooks.cost_hook import images_a_second
from mmpose_sdpose.evaluation.complexity import measure_complexity

import pytest
import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.runner import get_priority

from ..small_models import (
    build,
    packed_batch,
    resnet_heatmap_model,
    token_heatmap_model,
)


def run_test(hook: CostHook, model: torch.nn.Module, batches: list[int]) -> dict[str, float]:
    """What MMEngine's test loop calls, in its order."""
    runner, metrics = SimpleNamespace(model=model), {'coco/AP': 0.5}
    hook.before_test(runner)
    for index, size in enumerate(batches):
        batch = packed_batch(size)
        hook.before_test_iter(runner, batch_idx=index, data_batch=batch)
        model.test_step(batch)
    hook.after_test_epoch(runner, metrics)
    return metrics


@pytest.mark.parametrize('config', [token_heatmap_model, resnet_heatmap_model])
def test_cost_is_added_to_the_metrics(config):
    model = build(config()).eval()
    metrics = run_test(CostHook(warmup=1), model, [4, 4, 2])
    cost = measure_complexity(model, (24, 32))
    assert metrics.pop('cost/FPS') > 0
    assert metrics == {
        'coco/AP': 0.5,
        'cost/params_M': cost.params / 1e6,
        'cost/GFLOPs': cost.published_flops / 1e9,
        'cost/GFLOPs_with_attention': cost.flops_with_attention / 1e9,
        'cost/batch_size': 4.0,
    }


def test_the_first_batches_are_not_timed_where_there_are_more():
    hook, model = CostHook(), build(resnet_heatmap_model()).eval()
    metrics = run_test(hook, model, [1, 1, 2, 2])
    assert [images for images, _ in hook.batches] == [1, 1, 2, 2]
    assert metrics['cost/FPS'] == images_a_second(hook.batches[2:])
    metrics = run_test(hook, model, [3])
    assert metrics['cost/FPS'] == images_a_second(hook.batches)
    assert not model._forward_hooks


def test_images_a_second():
    assert images_a_second([(8, 0.5), (4, 0.25)]) == 16


def test_a_negative_warmup_is_refused():
    with pytest.raises(ValueError, match='warmup'):
        CostHook(warmup=-1)


def test_it_comes_before_those_who_log_the_metrics():
    assert get_priority(CostHook.priority) < get_priority(RuntimeInfoHook.priority)
