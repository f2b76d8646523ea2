from __future__ import annotations

from mmpose_sdpose.models import CAUNet, HRNetThreeStage, IdentityBackbone, StemNet

import pytest
import torch
from mmpose.models.backbones import HRNet


@pytest.mark.parametrize(
    'backbone, shape',
    [
        (StemNet(), (1, 256, 16, 12)),
        (StemNet(stem_channels=16, out_channels=32, num_blocks=2), (1, 32, 16, 12)),
        (HRNetThreeStage(channels=8), (1, 8, 16, 12)),
        (IdentityBackbone(), (1, 3, 64, 48)),
    ],
)
def test_one_feature_map_at_the_expected_stride(backbone, shape):
    backbone.eval()
    (feature_map,) = backbone(torch.randn(1, 3, 64, 48))
    assert feature_map.shape == shape


@pytest.mark.parametrize(
    'build',
    [
        lambda: StemNet(stem_channels=8, out_channels=16, num_blocks=1),
        lambda: CAUNet(stem_channels=8, mid_channels=8, out_channels=16, num_units=1, groups=2),
        lambda: HRNetThreeStage(8, 8),
    ],
    ids=['StemNet', 'CAUNet', 'HRNetThreeStage'],
)
def test_convolutions_are_in_channels_last_memory_whatever_is_loaded(build):
    backbone, image = build(), torch.randn(1, 3, 64, 48)
    contiguous = build().to(memory_format=torch.contiguous_format)
    contiguous.init_weights()
    for model in (backbone, contiguous):
        model.eval()
    backbone.load_state_dict(contiguous.state_dict())
    kernels = [p for p in backbone.parameters() if p.dim() == 4 and p.shape[-1] > 1]
    assert kernels and all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
    assert not contiguous.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(backbone(image), contiguous(image))


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
    ],
)
def test_bad_values_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
