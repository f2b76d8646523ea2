from __future__ import annotations

from mmpose_sdpose.models.layers import ChannelAttentionUnit
from mmpose_sdpose.models.layers.channel_gates import (
    EfficientChannelAttention,
    SqueezeExcitation,
    channel_gate,
    eca_kernel_size,
)

import pytest
import torch
from torch import nn

GATES = ['se', 'eca', None]


def unit(in_channels=16, gate='se', groups=4) -> ChannelAttentionUnit:
    """A small unit with 8 channels inside and 32 outside, and norms that do something."""
    torch.manual_seed(0)
    module = ChannelAttentionUnit(in_channels, 8, 32, groups=groups, gate=gate, reduction=4)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)
    return module


@pytest.mark.parametrize('name', ['se', 'eca'])
def test_gate_with_zero_weights_halves_every_channel(name):
    gate = channel_gate(name, 32, reduction=4)
    for parameter in gate.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 32, 5, 3)
    torch.testing.assert_close(gate(x), x / 2)


def test_no_gate_gives_back_its_input():
    x = torch.randn(2, 32, 5, 3)
    assert channel_gate(None, 32)(x) is x


def test_squeeze_excitation_in_closed_form():
    torch.manual_seed(0)
    gate = SqueezeExcitation(32, reduction=4)
    x = torch.randn(2, 32, 5, 3)
    means = x.flatten(2).sum(-1) / 15
    hidden = (means @ gate.squeeze.weight.T + gate.squeeze.bias).clamp(min=0)
    weights = 1 / (1 + torch.exp(-(hidden @ gate.excite.weight.T + gate.excite.bias)))
    torch.testing.assert_close(gate(x), torch.einsum('bchw,bc->bchw', x, weights))


def test_squeeze_excitation_sees_every_channel():
    torch.manual_seed(0)
    gate = SqueezeExcitation(8, reduction=1)
    x = torch.ones(1, 8, 2, 2, requires_grad=True)
    gate(x)[0, 0].sum().backward()
    assert x.grad.sum((0, 2, 3)).ne(0).all()


def test_efficient_channel_attention_of_equal_channels():
    """All alike but at the ends, where the kernel hangs over into zeros."""
    gate = EfficientChannelAttention(64)
    gate.conv.weight.data = torch.tensor([[[0.3, 0.5, -0.1]]])
    means = torch.tensor([1.0, -2.0])
    x = means[:, None, None, None] + torch.tensor([-1.0, 1.0]).expand(2, 64, 3, 2)
    sums = torch.full((64,), 0.7)
    sums[0], sums[-1] = 0.4, 0.8
    weights = torch.sigmoid(means[:, None] * sums)
    torch.testing.assert_close(gate(x), x * weights[:, :, None, None])


def test_efficient_channel_attention_is_local():
    gate = EfficientChannelAttention(64)
    x = torch.ones(1, 64, 2, 2, requires_grad=True)
    gate(x)[0, 20].sum().backward()
    assert x.grad.sum((0, 2, 3)).nonzero().flatten().tolist() == [19, 20, 21]


@pytest.mark.parametrize(
    'channels, size', [(1, 1), (8, 3), (16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)]
)
def test_eca_kernel_grows_with_the_logarithm_of_the_width(channels, size):
    """The nearest odd number to (log2(C) + 1) / 2: 3, 5, 5, 5 for 64 to 512, as in the paper."""
    assert eca_kernel_size(channels) == size
    assert EfficientChannelAttention(channels).conv.kernel_size == (size,)


@pytest.mark.parametrize('in_channels', [16, 32])
@pytest.mark.parametrize('gate', GATES)
def test_unit_is_built_from_its_parts(in_channels, gate):
    """Written out with functions: norms by their formula, groups as separate convolutions."""
    module = unit(in_channels, gate).eval()
    x = torch.randn(2, in_channels, 5, 3)

    def norm(y: torch.Tensor, bn: nn.BatchNorm2d) -> torch.Tensor:
        factor = bn.weight / (bn.running_var + bn.eps).sqrt()
        shift = bn.bias - bn.running_mean * factor
        return y * factor[:, None, None] + shift[:, None, None]

    def pointwise(y: torch.Tensor, part: nn.Sequential) -> torch.Tensor:
        return norm(torch.einsum('bihw,oi->bohw', y, part[0].weight[:, :, 0, 0]), part[1])

    y = pointwise(x, module.squeeze).clamp(min=0)
    kernels = module.group_conv[0].weight.chunk(4)
    convolved = [
        nn.functional.conv2d(group, kernel, padding=1)
        for group, kernel in zip(y.chunk(4, dim=1), kernels)
    ]
    y = norm(torch.cat(convolved, 1), module.group_conv[1]).clamp(min=0)
    y = module.gate(pointwise(y, module.expand))
    skip = x if in_channels == 32 else pointwise(x, module.skip)
    torch.testing.assert_close(module(x), (skip + y).clamp(min=0))


@pytest.mark.parametrize('in_channels', [16, 32])
def test_unit_with_a_stride_is_the_unit_at_every_other_place(in_channels):
    """Without a gate, which would see the means of another map."""
    torch.manual_seed(0)
    strided = ChannelAttentionUnit(in_channels, 8, 32, groups=4, gate=None, stride=2).eval()
    plain = ChannelAttentionUnit(in_channels, 8, 32, groups=4, gate=None).eval()
    weights = strided.state_dict()
    plain.load_state_dict({k: v for k, v in weights.items() if k in plain.state_dict()})
    if in_channels == 32:  # which then needs a convolution on the way past
        plain.skip = strided.skip
    for conv in (plain.skip[0], strided.skip[0]):
        assert conv.kernel_size == (1, 1)
    x = torch.randn(2, in_channels, 5, 3)
    strided_out = strided(x)
    plain.skip[0].stride = (1, 1)
    torch.testing.assert_close(strided_out, plain(x)[:, :, ::2, ::2])


@pytest.mark.parametrize('in_channels', [16, 32])
@pytest.mark.parametrize('gate', GATES)
def test_unit_with_its_last_norm_at_zero_is_its_skip(in_channels, gate):
    module = unit(in_channels, gate).eval()
    for parameter in module.expand[1].parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, in_channels, 5, 3)
    torch.testing.assert_close(module(x), module.skip(x).relu())
    if in_channels == 32:
        assert isinstance(module.skip, nn.Identity)


def test_group_sees_its_own_channels_only():
    module = unit(groups=4).eval()
    x = torch.randn(1, 8, 5, 3)
    changed = x.clone()
    changed[:, 2:4] += 1  # the second of four groups
    before, after = module.group_conv(x), module.group_conv(changed)
    differs = (before != after).flatten(2).any(-1)[0]
    assert differs.tolist() == [False] * 2 + [True] * 2 + [False] * 4


@pytest.mark.parametrize('gate', GATES)
def test_gradient_reaches_every_parameter(gate):
    module = unit(16, gate)
    module(torch.randn(4, 16, 5, 3)).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('in_channels', [16, 32])
@pytest.mark.parametrize('gate', GATES)
def test_channels_last_stays_and_changes_no_value(in_channels, gate):
    module = unit(in_channels, gate).eval()
    x = torch.randn(2, in_channels, 5, 3)
    expected = module(x)
    module = module.to(memory_format=torch.channels_last)
    out = module(x.to(memory_format=torch.channels_last))
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, expected)


def test_unit_leaves_its_input_as_it_is():
    module = unit(32, None)
    x = torch.randn(2, 32, 5, 3)
    kept = x.clone()
    module(x)
    assert torch.equal(x, kept)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(groups=3), r'mid_channels \(8\) must be a multiple of groups \(3\)'),
        (dict(groups=0), r'groups \(0\) must be at least 1'),
        (dict(in_channels=0), r'in_channels \(0\)'),
        (dict(mid_channels=-8), r'mid_channels \(-8\)'),
        (dict(out_channels=0), r'out_channels \(0\)'),
        (dict(reduction=5), r'channels \(32\) must be a multiple of reduction \(5\)'),
        (dict(reduction=0), r'reduction \(0\)'),
        (dict(stride=0), r'stride \(0\) must be at least 1'),
        (dict(gate='cbam'), r"gate \('cbam'\) must be 'se', 'eca' or None"),
    ],
)
def test_bad_values_are_named(change, message):
    sizes = dict(in_channels=16, mid_channels=8, out_channels=32, groups=4, reduction=4)
    with pytest.raises(ValueError, match=message):
        ChannelAttentionUnit(**{**sizes, **change})


@pytest.mark.parametrize('gate', ['eca', None])
def test_reduction_matters_to_squeeze_excitation_only(gate):
    """16 does not divide 20 channels, which a gate that has no reduction does not mind."""
    units = [ChannelAttentionUnit(16, 8, 20, groups=4, gate=gate, reduction=r) for r in (4, 16)]
    shapes = [{name: value.shape for name, value in unit.state_dict().items()} for unit in units]
    assert shapes[0] == shapes[1]


def test_eca_of_no_channels_is_refused():
    with pytest.raises(ValueError, match=r'channels \(0\) must be at least 1'):
        EfficientChannelAttention(0)
