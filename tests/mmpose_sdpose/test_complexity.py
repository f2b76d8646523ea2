from __future__ import annotations

from mmpose_sdpose.configs import build_model
from mmpose_sdpose.evaluation.complexity import measure_complexity

import pytest
import torch

from .official_models import CONFIGS, official_model
from .reference import recorded_json

COST = recorded_json('official_cost')


@pytest.mark.parametrize('name', CONFIGS)
def test_cost_equals_the_official_models(name):
    cost = measure_complexity(official_model(name), (192, 256))
    assert cost.params == COST[name]['params_requires_grad']
    assert cost.published_flops == COST[name]['mmcv_flops']
    assert cost.flops_with_attention == COST[name]['macs_conv_linear_attention']


@pytest.mark.parametrize('name', ['sdpose-t', 'sdpose-s-v1', 'sdpose-s-v2', 'sdpose-b'])
def test_crowdpose_models_lack_three_keypoint_tokens_and_nothing_else(name):
    coco, crowdpose = (
        build_model(f'td-hm_{name}_8xb64-300e_{data}-256x192') for data in ('coco', 'crowdpose')
    )
    difference = {
        key: value.numel() - crowdpose.state_dict()[key].numel()
        for key, value in coco.state_dict().items()
    }
    assert {k: v for k, v in difference.items() if v} == {'head.mct.keypoint_tokens': 3 * 192}


def test_cost_of_a_model_of_mmpose():
    """ResNet-18 with MMPose's heatmap head, counted by hand for its two biggest parts."""
    from mmpose.models import build_pose_estimator

    model = build_pose_estimator(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='ResNet', depth=18),
            head=dict(
                type='HeatmapHead',
                in_channels=512,
                out_channels=17,
                deconv_out_channels=None,
                deconv_kernel_sizes=None,
            ),
        )
    )
    cost = measure_complexity(model, (192, 256))
    final = 512 * 17 * 8 * 6
    assert cost.flops_with_attention == pytest.approx(1.784e9 + final, rel=0.02)
    assert cost.params == sum(p.numel() for p in model.parameters())
    assert torch.is_grad_enabled()
