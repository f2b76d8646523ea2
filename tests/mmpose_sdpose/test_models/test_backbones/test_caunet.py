from __future__ import annotations

from mmpose_sdpose.models.backbones import CAUNet, StemNet

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

SMALL = dict(stem_channels=16, mid_channels=16, out_channels=32, num_units=2, groups=4, reduction=4)


@pytest.mark.parametrize(
    'config, shape',
    [
        (dict(), (2, 256, 16, 12)),
        (SMALL, (2, 32, 16, 12)),
        (dict(SMALL, stem_channels=32, num_units=1), (2, 32, 16, 12)),  # no projection at all
        (dict(SMALL, gate='eca'), (2, 32, 16, 12)),
        (dict(SMALL, gate=None, groups=1), (2, 32, 16, 12)),
    ],
)
def test_one_feature_map_at_stride_4(config, shape):
    backbone = MODELS.build(dict(type='CAUNet', **config)).eval()
    (feature_map,) = backbone(torch.randn(2, 3, 64, 48))
    assert feature_map.shape == shape


def test_stem_is_stemnets():
    """By name, shape and output, so that the stem of official weights fits."""
    torch.manual_seed(0)
    ours, theirs = CAUNet().eval(), StemNet().eval()
    stem = {k: v for k, v in theirs.state_dict().items() if not k.startswith('layer1.')}
    missing, unexpected = ours.load_state_dict(stem, strict=False)
    assert not unexpected
    assert all(name.startswith('units.') for name in missing)
    image = torch.randn(1, 3, 64, 48)
    torch.testing.assert_close(ours.stem(image), theirs.stem(image))
    torch.testing.assert_close(theirs(image)[0], theirs.layer1(theirs.stem(image)))
    torch.testing.assert_close(ours(image)[0], ours.units(ours.stem(image)))


@pytest.mark.parametrize(
    'gate, gate_params', [('se', 256 * 16 + 16 + 16 * 256 + 256), ('eca', 5), (None, 0)]
)
def test_parameters_counted_by_hand(gate, gate_params):
    norms = 2 * (128 + 128 + 256)
    grouped = 128 * (128 // 8) * 3 * 3
    first = 64 * 128 + grouped + 128 * 256 + norms + gate_params + (64 * 256 + 2 * 256)
    others = 256 * 128 + grouped + 128 * 256 + norms + gate_params
    stem = 3 * 64 * 3 * 3 + 2 * 64 + 64 * 64 * 3 * 3 + 2 * 64
    assert sum(p.numel() for p in CAUNet(gate=gate).parameters()) == stem + first + 3 * others


def test_config_reaches_every_unit():
    backbone = CAUNet(**SMALL)
    widths = [unit.squeeze[0].in_channels for unit in backbone.units]
    assert widths == [16, 32]
    for unit in backbone.units:
        conv = unit.group_conv[0]
        assert (conv.groups, conv.in_channels, conv.out_channels) == (4, 16, 16)
        assert unit.gate.squeeze.out_features == 8


@pytest.mark.parametrize('gate', ['se', 'eca', None])
def test_gradient_reaches_every_parameter(gate):
    torch.manual_seed(0)
    backbone = CAUNet(**dict(SMALL, gate=gate))
    (feature_map,) = backbone(torch.randn(2, 3, 32, 24))
    feature_map.square().sum().backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_starts_as_stemnet_does_and_leaves_the_gates_to_pytorch():
    torch.manual_seed(0)
    backbone = CAUNet()
    gates = [parameter.clone() for unit in backbone.units for parameter in unit.gate.parameters()]
    backbone.init_weights()
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.001, rel=0.1)
        if isinstance(module, nn.BatchNorm2d):
            torch.testing.assert_close(module.weight, torch.ones_like(module.weight))
            torch.testing.assert_close(module.bias, torch.zeros_like(module.bias))
    kept = [parameter for unit in backbone.units for parameter in unit.gate.parameters()]
    assert all(torch.equal(before, after) for before, after in zip(gates, kept))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(num_units=0), r'num_units \(0\) must be at least 1'),
        (dict(stem_channels=0), r'stem_channels \(0\) must be at least 1'),
        (dict(in_channels=0), r'in_channels \(0\)'),
        (dict(mid_channels=0), r'mid_channels \(0\)'),
        (dict(groups=5), r'mid_channels \(16\) must be a multiple of groups \(5\)'),
        (dict(reduction=5), r'channels \(32\) must be a multiple of reduction \(5\)'),
        (dict(gate='ECA'), r"gate \('ECA'\) must be 'se', 'eca' or None"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        CAUNet(**{**SMALL, **change})
