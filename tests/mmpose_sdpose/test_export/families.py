"""A tiny model of every family that is exported: ours, and those of MMPose's heads and codecs."""

from __future__ import annotations

from mmpose_sdpose.models.heads import innermost

import torch
from torch import nn

from ..small_models import (
    HEATMAP_CODEC,
    LABEL_CODEC,
    TOKENS,
    build,
    estimator,
    resnet_heatmap_model,
    token_heatmap_model,
    token_regression_model,
    token_simcc_model,
)


def _with_backbone(config: dict, **backbone) -> dict:
    return {**config, 'backbone': backbone}


def _token_t() -> dict:
    tokens = dict(TOKENS, in_channels=3, in_featuremap_size=(24, 32), patch_size=(8, 6))
    return _with_backbone(token_heatmap_model(depth=1, **tokens), type='IdentityBackbone')


def _token_b() -> dict:
    """Its smallest branch has a sixteenth of the image's width, so this image is 32x32."""
    codec = dict(HEATMAP_CODEC, input_size=(32, 32), heatmap_size=(8, 8))
    tokens = dict(TOKENS, in_channels=8, in_featuremap_size=(8, 8), patch_size=(4, 4))
    config = token_heatmap_model(depth=1, decoder=codec, **tokens)
    return _with_backbone(config, type='HRNetThreeStage', channels=8, stage1_channels=8)


def rtmpose(**codec) -> dict:
    """CSPNeXt and a gated attention unit, as RTMPose; its feature map is 2x2 here."""
    backbone = dict(
        type='CSPNeXt', arch='P5', deepen_factor=0.167, widen_factor=0.125, out_indices=(3,),
        expand_ratio=0.5, channel_attention=True, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'),
    )  # fmt: skip
    gau = dict(
        hidden_dims=32, s=16, expansion_factor=2, dropout_rate=0.0, drop_path=0.0, act_fn='SiLU',
        use_rel_bias=False, pos_enc=False,
    )  # fmt: skip
    head = dict(
        type='RTMCCHead', in_channels=64, out_channels=17, input_size=(24, 32),
        in_featuremap_size=(2, 2), simcc_split_ratio=2.0, final_layer_kernel_size=3, gau_cfg=gau,
        decoder=dict(type='SimCCLabel', input_size=(24, 32), sigma=(3, 4), **codec),
    )  # fmt: skip
    return estimator(head, backbone)


def _simcc(**head) -> dict:
    config = dict(
        type='SimCCHead', in_channels=16, out_channels=17, input_size=(24, 32),
        in_featuremap_size=(6, 8), simcc_split_ratio=1.5, deconv_out_channels=None,
        decoder=dict(type='SimCCLabel', input_size=(24, 32), smoothing_type='standard',
                     simcc_split_ratio=1.5, label_smooth_weight=0.1),
    )  # fmt: skip
    return estimator({**config, **head})


def regression_model(kind: str) -> dict:
    """``RegressionHead`` or ``RLEHead`` behind a neck."""
    head = dict(type=kind, in_channels=16, num_joints=17, decoder=LABEL_CODEC)
    return estimator(head, neck=dict(type='GlobalAveragePooling'))


def _with_visibility() -> dict:
    config = _simcc()
    head = dict(type='VisPredictHead', pose_cfg=config['head'])
    return dict(config, head=head)


UDP_CODEC = dict(
    type='UDPHeatmap', input_size=(24, 32), heatmap_size=(6, 8), sigma=1, blur_kernel_size=3
)
#: Of COCO: where each keypoint is found in a mirrored image.
FLIP_INDICES = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
HRNET = 'sdpose-b, three-stage hrnet'
#: Ours.
FAMILIES = {
    'sdpose, stem': lambda: token_heatmap_model(depth=2, num_cycles=2, hidden_dims=24),
    'sdpose, trained on softmax': lambda: token_heatmap_model(
        depth=1, loss=dict(type='HeatmapCrossEntropyLoss', use_target_weight=True)
    ),
    'tokenpose-t': _token_t,
    HRNET: _token_b,
    'distilpose': lambda: token_regression_model(depth=2),
    'sdpose-reg': lambda: token_regression_model(
        depth=1, loss=dict(type='RLELoss', use_target_weight=True)
    ),
    'sdpose, simcc': lambda: token_simcc_model(depth=2, num_cycles=2, hidden_dims=24),
    'ladpose, se gate': lambda: _with_backbone(
        token_regression_model(depth=1),
        type='CAUNet', stem_channels=8, mid_channels=16, out_channels=16, num_units=2, groups=4,
        reduction=4,
    ),
    'ladpose, eca gate': lambda: _with_backbone(
        token_regression_model(depth=1),
        type='CAUNet', stem_channels=8, mid_channels=16, out_channels=16, num_units=1, groups=4,
        gate='eca',
    ),
    'ladpose, stages': lambda: _with_backbone(
        token_regression_model(depth=1, in_featuremap_size=(3, 4), patch_size=(1, 1)),
        type='ThinCAUNet', base_channels=8, num_units=(1, 2), group_width=4, reduction=4,
    ),
}  # fmt: skip
#: Heads and codecs of MMPose.
MMPOSE_FAMILIES = {
    'heatmaps': resnet_heatmap_model,
    'biased heatmaps': lambda: resnet_heatmap_model(decoder=dict(HEATMAP_CODEC, unbiased=False)),
    'udp heatmaps': lambda: resnet_heatmap_model(decoder=UDP_CODEC),
    'rtmpose': rtmpose,
    'rtmpose, visibility decoded': lambda: rtmpose(decode_visibility=True),
    'simcc': _simcc,
    'simcc, deconvolutions': lambda: _simcc(deconv_out_channels=(16,), deconv_kernel_sizes=(4,)),
    'regression': lambda: regression_model('RegressionHead'),
    'rle': lambda: regression_model('RLEHead'),
    'visibility head': _with_visibility,
}
ALL_FAMILIES = {**FAMILIES, **MMPOSE_FAMILIES}


def family(name: str) -> nn.Module:
    """In evaluation mode, weights and statistics of norms such that every layer matters."""
    model = build(ALL_FAMILIES[name]()).eval()
    numbers = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=numbers)
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.Linear)):
            nn.init.normal_(module.weight, std=0.3, generator=numbers)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.3, generator=numbers)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=numbers)
            module.running_var.uniform_(0.5, 2, generator=numbers)
    return model


def images(count: int, model: nn.Module) -> torch.Tensor:
    """(count, 3, H, W) of the size that the model takes."""
    width, height = innermost(model.head).decoder.input_size
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))
