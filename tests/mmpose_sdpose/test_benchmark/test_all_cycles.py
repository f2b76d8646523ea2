from __future__ import annotations

from mmpose_sdpose.benchmark.pytorch_models import EveryOutput, compute_all_cycles, cost_of_config
from mmpose_sdpose.models.layers import TokenAttention

import pytest
import torch

from ..small_models import build, resnet_heatmap_model, token_heatmap_model, token_regression_model


@pytest.mark.parametrize('config', [token_heatmap_model, token_regression_model])
def test_output_stays_the_first_cycles_and_every_cycle_is_run(config, monkeypatch):
    plain, official = (build(config(num_cycles=3)).eval() for _ in range(2))
    compute_all_cycles(official)
    images = torch.randn(2, 3, 32, 24)
    explicit, with_map = [], TokenAttention.with_map

    def counted(self, tokens):
        explicit.append(self)
        return with_map(self, tokens)

    monkeypatch.setattr(TokenAttention, 'with_map', counted)
    with torch.no_grad():
        expected = plain(images, None)
        assert not explicit
        torch.testing.assert_close(official(images, None), expected)
    assert len(explicit) == 3 * len(plain.head.mct.encoder.layers)


def test_every_output_is_that_of_its_cycle():
    plain, official = (build(token_heatmap_model(num_cycles=2)).eval() for _ in range(2))
    compute_all_cycles(official)
    images = torch.randn(1, 3, 32, 24)
    with torch.no_grad():
        cycles = plain.head.run_cycles(plain.extract_feat(images), 2)
        outputs = EveryOutput(official)(images, [])
    torch.testing.assert_close(outputs, [cycle.output for cycle in cycles])


def test_cost_equals_that_of_the_official_codes_whole_forward_pass():
    """3.052 and 3.544 GFLOPs were counted in the official code, SDPose-T with three cycles."""
    cost = cost_of_config('td-hm_sdpose-t_8xb64-300e_coco-256x192', all_cycles=True)
    assert round(cost.published_flops / 1e9, 3) == 3.052
    assert round(cost.flops_with_attention / 1e9, 3) == 3.544


@pytest.mark.parametrize('config', [token_heatmap_model, resnet_heatmap_model])
def test_a_model_of_one_cycle_is_refused(config):
    with pytest.raises(ValueError, match='no second cycle'):
        compute_all_cycles(build(config()))
