from __future__ import annotations

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.models import CAUNet, ThinCAUNet, ThinResNet

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

SMALL = dict(base_channels=8, num_units=(1, 2), group_width=4, reduction=4)


@pytest.mark.parametrize(
    ('options', 'shape'),
    [
        (dict(), (2, 128, 4, 3)),
        (SMALL, (2, 16, 8, 6)),
        (dict(SMALL, num_units=[2], gate='eca'), (2, 8, 16, 12)),
        (dict(SMALL, num_units=(1, 1, 1, 1), gate=None), (2, 64, 2, 2)),
    ],
)
def test_one_feature_map_of_the_last_stage(options, shape):
    backbone = MODELS.build(dict(type='ThinCAUNet', **options)).eval()
    (feature_map,) = backbone(torch.randn(2, 3, 64, 48))
    assert feature_map.shape == shape


def test_stages_double_the_width_and_halve_the_map():
    units = ThinCAUNet(**SMALL).units
    found = [
        (conv.in_channels, conv.groups, conv.stride[0]) for conv in (u.group_conv[0] for u in units)
    ]
    assert found == [(8, 2, 1), (16, 4, 2), (16, 4, 1)]
    assert [type(unit.skip) for unit in units] == [nn.Identity, nn.Sequential, nn.Identity]


def test_one_stage_is_a_caunet():
    """By name, so that weights fit, and by output."""
    torch.manual_seed(0)
    thin = ThinCAUNet(**dict(SMALL, num_units=(3,))).eval()
    other = CAUNet(3, 8, 8, 8, num_units=3, groups=2, reduction=4).eval()
    other.load_state_dict(thin.state_dict())
    image = torch.randn(1, 3, 32, 24)
    torch.testing.assert_close(thin(image), other(image))


def test_ladpose_n_has_it_and_it_costs_less_than_sdpose_ns():
    config = read_config('td-reg_ladpose-n_1xb32-20e_lspet-128x96').model.backbone
    assert config == dict(type='ThinCAUNet')
    assert multiply_adds(ThinCAUNet()) < 0.6 * multiply_adds(ThinResNet())


def multiply_adds(model: nn.Module) -> int:
    """Of the convolutions, for one image of 256x192."""
    total = 0

    def count(conv: nn.Conv2d, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * conv.weight[0].numel()

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    model.eval()
    model(torch.randn(1, 3, 256, 192))
    return total


@pytest.mark.parametrize('gate', ['se', 'eca', None])
def test_gradient_reaches_every_parameter(gate):
    torch.manual_seed(0)
    backbone = ThinCAUNet(**dict(SMALL, gate=gate))
    backbone.init_weights()
    (feature_map,) = backbone(torch.randn(2, 3, 32, 24))
    feature_map.square().sum().backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_convolutions_start_by_kaimings_rule():
    torch.manual_seed(0)
    backbone = ThinCAUNet()
    backbone.init_weights()
    for conv in (module for module in backbone.modules() if isinstance(module, nn.Conv2d)):
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        assert conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    ('change', 'error', 'message'),
    [
        (
            dict(num_units=()),
            TypeError,
            r'num_units \(\(\)\) must be a whole number for each stage',
        ),
        (dict(num_units=3), TypeError, r'num_units \(3\) must be a whole number for each stage'),
        (dict(num_units='12'), TypeError, r"num_units \('12'\)"),
        (dict(num_units=(1, 0)), ValueError, r'num_units \(0\) must be at least 1'),
        (
            dict(group_width=3),
            ValueError,
            r'base_channels \(8\) must be a multiple of group_width \(3',
        ),
        (dict(base_channels=0), ValueError, r'base_channels \(0\) must be at least 1'),
        (dict(reduction=5), ValueError, r'channels \(8\) must be a multiple of reduction \(5\)'),
    ],
)
def test_bad_values_are_named(change, error, message):
    with pytest.raises(error, match=message):
        ThinCAUNet(**{**SMALL, **change})
