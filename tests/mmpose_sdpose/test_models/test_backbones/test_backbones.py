from __future__ import annotations

import copy

from mmpose_sdpose.checkpoint import fetch_state_dict
from mmpose_sdpose.models import (
    CAUNet,
    HRNetThreeStage,
    IdentityBackbone,
    StemNet,
    ThinCAUNet,
    ThinResNet,
)

import pytest
import torch
from mmpose.models.backbones import HRNet, ResNet
from torch import nn


@pytest.mark.parametrize(
    'backbone, shape',
    [
        (StemNet(), (1, 256, 16, 12)),
        (StemNet(stem_channels=16, out_channels=32, num_blocks=2), (1, 32, 16, 12)),
        (HRNetThreeStage(channels=8), (1, 8, 16, 12)),
        (IdentityBackbone(), (1, 3, 64, 48)),
        (ThinResNet(), (1, 128, 4, 3)),
        (ThinResNet(base_channels=8, num_stages=1), (1, 8, 16, 12)),
        (ThinResNet(depth=50, base_channels=8, num_stages=2), (1, 64, 8, 6)),
    ],
)
def test_one_feature_map_at_the_expected_stride(backbone, shape):
    backbone.eval()
    (feature_map,) = backbone(torch.randn(1, 3, 64, 48))
    assert feature_map.shape == shape


def kernels(backbone: nn.Module) -> list[torch.Tensor]:
    """Weights of convolutions whose order in memory can be told."""
    return [p for p in backbone.parameters() if p.dim() == 4 and p.shape[-1] > 1]


def in_channels_last(backbone: nn.Module) -> bool:
    return all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels(backbone))


@pytest.mark.parametrize(
    'build',
    [
        lambda: StemNet(stem_channels=8, out_channels=16, num_blocks=1),
        lambda: CAUNet(stem_channels=8, mid_channels=8, out_channels=16, num_units=1, groups=2),
        lambda: HRNetThreeStage(8, 8),
        lambda: ThinCAUNet(base_channels=16, num_units=(1, 1)),
        lambda: ThinResNet(base_channels=8),
    ],
    ids=['StemNet', 'CAUNet', 'HRNetThreeStage', 'ThinCAUNet', 'ThinResNet'],
)
def test_convolutions_are_in_channels_last_memory_whatever_is_loaded(build, tmp_path):
    backbone, image = build(), torch.randn(1, 3, 64, 48)
    assert kernels(backbone) and in_channels_last(backbone)
    contiguous = build().to(memory_format=torch.contiguous_format)
    contiguous.init_weights()
    assert not in_channels_last(contiguous)
    backbone.load_state_dict(contiguous.state_dict())
    for model in (backbone, contiguous):
        model.eval()
    torch.testing.assert_close(backbone(image), contiguous(image))

    torch.save(contiguous.state_dict(), tmp_path / 'weights.pth')
    started = build()
    started.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'))
    started.init_weights()
    for copied in (backbone, copy.deepcopy(backbone), copy.deepcopy(backbone).double(), started):
        assert in_channels_last(copied)
    torch.testing.assert_close(started.state_dict(), contiguous.state_dict())


def test_too_narrow_a_backbone_stays_as_it_is():
    """Its backward pass wrote beyond its memory: "free(): invalid pointer", now and then."""
    narrow, wide = (
        ThinCAUNet(base_channels=width, num_units=(1, 1), group_width=4, gate=None)
        for width in (4, 8)
    )
    assert not in_channels_last(narrow) and in_channels_last(wide)
    for backbone in (narrow, wide):
        for _ in range(20):
            backbone(torch.rand(2, 3, 16, 12))[0].square().mean().backward()
        assert all(weight.grad.isfinite().all() for weight in backbone.parameters())


def test_a_thin_resnet_is_mmposes_with_a_long_config():
    torch.manual_seed(0)
    theirs = ResNet(
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    )
    ours, image = ThinResNet(), torch.randn(2, 3, 64, 48).double()
    assert ours.init_cfg == theirs.init_cfg
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours.double()(image), theirs.double()(image))


def test_the_packaged_weights_fit_a_thin_resnet():
    packaged = fetch_state_dict('mmpose_sdpose://sdpose-n_synthpose-128x96.pth')
    weights = {
        name.removeprefix('backbone.'): value
        for name, value in packaged.items()
        if name.startswith('backbone.')
    }
    ThinResNet().load_state_dict(weights)


def test_weights_of_mmposes_hrnet_fit_by_name_and_shape():
    """So that ImageNet weights load; only stages 4 and what leads there are left over."""
    extra = {
        f'stage{number}': dict(
            num_modules=modules,
            num_branches=number,
            block='BOTTLENECK' if number == 1 else 'BASIC',
            num_blocks=(4,) * number,
            num_channels=(64,) if number == 1 else tuple(8 * 2**i for i in range(number)),
        )
        for number, modules in ((1, 1), (2, 1), (3, 4), (4, 3))
    }
    theirs = {key: value.shape for key, value in HRNet(extra).state_dict().items()}
    ours = {key: value.shape for key, value in HRNetThreeStage(channels=8).state_dict().items()}
    assert ours.items() <= theirs.items()
    left = {key.split('.')[0] for key in theirs.keys() - ours.keys()}
    assert left == {'stage3', 'transition3', 'stage4'}


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda: StemNet(out_channels=30), r'out_channels \(30\)'),
        (lambda: StemNet(num_blocks=0), r'num_blocks \(0\)'),
        (lambda: HRNetThreeStage(channels=0), r'channels \(0\)'),
        (lambda: ThinResNet(depth=19), r'depth \(19\) must be one of \[18, 34'),
        (lambda: ThinResNet(num_stages=5), r'num_stages \(5\) must be at most 4'),
    ],
)
def test_bad_values_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
