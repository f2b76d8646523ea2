"""Tiny models and batches for tests: 32x24 images, stride 4."""

from __future__ import annotations

import mmpose_sdpose  # noqa: F401  registers the package, in processes started anew too

import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs

HEATMAP_CODEC = dict(
    type='MSRAHeatmap', input_size=(24, 32), heatmap_size=(6, 8), sigma=1, unbiased=True
)
LABEL_CODEC = dict(type='RegressionLabel', input_size=(24, 32))
SIMCC_CODEC = dict(
    type='SimCCLabel', input_size=(24, 32), sigma=2.0, simcc_split_ratio=2.0, normalize=False
)
PREPROCESSOR = dict(
    type='PoseDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
TOKENS = dict(
    in_channels=16,
    in_featuremap_size=(6, 8),
    out_channels=17,
    patch_size=(4, 3),
    hidden_dims=None,
)

#: The gated attention of a small RTMCCHead.
GAU = dict(
    hidden_dims=16,
    s=8,
    expansion_factor=2,
    dropout_rate=0.0,
    drop_path=0.0,
    act_fn='SiLU',
    use_rel_bias=False,
    pos_enc=False,
)


def estimator(head: dict, backbone: dict | None = None, **options) -> dict:
    """Config of a pose estimator with a small StemNet."""
    stem = dict(type='StemNet', stem_channels=8, out_channels=16, num_blocks=1)
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=PREPROCESSOR,
        backbone=backbone or stem,
        head=head,
        **options,
    )


def token_heatmap_model(depth: int = 4, num_heads: int = 4, embed_dims: int = 32, **head) -> dict:
    encoder = dict(embed_dims=embed_dims, depth=depth, num_heads=num_heads)
    return estimator(
        {**dict(type='MCTHead', encoder=encoder, decoder=HEATMAP_CODEC, **TOKENS), **head}
    )


def token_regression_model(
    depth: int = 3, num_heads: int = 4, embed_dims: int = 32, **head
) -> dict:
    encoder = dict(embed_dims=embed_dims, depth=depth, num_heads=num_heads)
    return estimator(
        {**dict(type='TokenRegressionHead', encoder=encoder, decoder=LABEL_CODEC, **TOKENS), **head}
    )


def token_simcc_model(depth: int = 3, num_heads: int = 4, embed_dims: int = 32, **head) -> dict:
    encoder = dict(embed_dims=embed_dims, depth=depth, num_heads=num_heads)
    return estimator(
        {**dict(type='TokenSimCCHead', encoder=encoder, decoder=SIMCC_CODEC, **TOKENS), **head}
    )


def resnet_heatmap_model(**head) -> dict:
    """An estimator of MMPose's own."""
    backbone = dict(
        type='ResNet',
        depth=18,
        stem_channels=8,
        base_channels=8,
        num_stages=1,
        strides=(1,),
        dilations=(1,),
        out_indices=(0,),
    )
    arguments = dict(
        type='HeatmapHead',
        in_channels=8,
        out_channels=17,
        deconv_out_channels=None,
        deconv_kernel_sizes=None,
        decoder=HEATMAP_CODEC,
    )
    return estimator({**arguments, **head}, backbone)


def rtmpose_model(width: int = 8) -> dict:
    """RTMPose's head, of the width of the backbone."""
    head = dict(
        type='RTMCCHead',
        in_channels=width,
        out_channels=17,
        input_size=(24, 32),
        in_featuremap_size=(6, 8),
        final_layer_kernel_size=3,
        gau_cfg=GAU,
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True),
        decoder=SIMCC_CODEC,
    )
    return estimator(head, dict(type='StemNet', stem_channels=8, out_channels=width, num_blocks=1))


def distillation(student: dict, teacher: dict, losses: dict, **options) -> dict:
    """A distiller's config; the teacher needs no weights."""
    return dict(
        type='TopdownDistiller',
        student=student,
        teacher=teacher,
        losses=losses,
        allow_untrained=True,
        **options,
    )


def build(config: dict, seed: int = 0) -> torch.nn.Module:
    init_default_scope('mmpose')
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    return model


def packed_batch(
    batch: int = 2, num_keypoints: int = 17, seed: int = 0, size: tuple[int, int] = (24, 32)
) -> dict:
    """Images of ``size`` and samples as a loader gives them, with heatmap and regression targets."""
    width, height = size
    packed = get_packed_inputs(
        batch,
        num_instances=1,
        num_keypoints=num_keypoints,
        input_size=size,
        heatmap_size=(width // 4, height // 4),
        img_shape=(height, width),
        with_heatmap=True,
        with_reg_label=True,
    )
    numbers = torch.Generator().manual_seed(seed)
    packed['inputs'] = [
        torch.randint(0, 255, (3, height, width), generator=numbers, dtype=torch.uint8)
        for _ in range(batch)
    ]
    return packed


def with_simcc_labels(
    packed: dict, num_keypoints: int = 17, seed: int = 0, size: tuple[int, int] = (24, 32)
) -> dict:
    """A batch of :func:`packed_batch` with distributions as targets, some joints without."""
    numbers = torch.Generator().manual_seed(seed)
    for sample in packed['data_samples']:
        labels = sample.gt_instance_labels
        for axis, pixels in zip('xy', size):
            target = torch.rand(1, num_keypoints, 2 * pixels, generator=numbers)
            labels.set_field(target, f'keypoint_{axis}_labels')
        labels.keypoint_weights = (torch.rand(1, num_keypoints, generator=numbers) > 0.3).float()
    return packed
