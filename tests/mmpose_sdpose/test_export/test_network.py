"""Networks with everything constant folded compute what the models do."""

from __future__ import annotations

from mmpose_sdpose.export.network import Network
from mmpose_sdpose.export.packages import ExportNotPossible

import pytest
import torch

from ..small_models import LABEL_CODEC, build, estimator
from .families import FAMILIES, family, images


@pytest.mark.parametrize('name', FAMILIES)
def test_folding_changes_nothing(name):
    model = family(name)
    batch = images(3, model)
    network = Network(model).eval()
    with torch.no_grad():
        found = network(batch)
        expected = model.head(model.extract_feat(batch))
    assert len(found) == len(network.output_names)
    if network.output == 'normalised_keypoints':
        found = (torch.cat([found[0], found[1][..., None]], dim=-1),)
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.01  # else the comparison would say little


def test_the_model_is_left_as_it_was():
    model = family('distilpose')
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Network(model)(images(1, model))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_other_heads_are_named():
    head = dict(type='RegressionHead', in_channels=16, num_joints=17, decoder=LABEL_CODEC)
    with pytest.raises(ExportNotPossible, match='RegressionHead is no head that can be exported'):
        Network(build(estimator(head)))
