"""Networks with everything constant folded compute what the models do."""

from __future__ import annotations

from mmpose_sdpose.export.network import Mirror, Network
from mmpose_sdpose.export.verify import raw_outputs

import pytest
import torch

from .families import FAMILIES, family, images


@pytest.mark.parametrize('for_int8', [False, True])
@pytest.mark.parametrize('name', FAMILIES)
def test_folding_changes_nothing(name, for_int8):
    model = family(name)
    batch = images(3, model)
    with torch.no_grad():
        found = Network(model, for_int8).eval()(batch)
    expected = raw_outputs(model, batch)
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        assert other.std() > 0.01  # else the comparison would say little


def test_the_last_layer_computes_keypoint_tokens_alone():
    network = Network(family('sdpose, stem')).eval()
    seen = []
    for layer in (*network.tokens.early, network.tokens.last):
        layer.hidden.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    with torch.no_grad():
        network(images(3, network.model))
    last = network.tokens.last
    assert last.num_tokens > last.num_keypoints == 17
    assert seen == [3 * last.num_tokens, 3 * 17]


@pytest.mark.parametrize('name', ['distilpose', 'rle'])
def test_the_model_is_left_as_it_was(name):
    model = family(name)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Network(model)(images(1, model))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_mirrored_images_stand_behind_the_plain_ones():
    batch = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(Mirror()(batch), torch.cat([batch, batch.flip(3)]), rtol=0, atol=0)
