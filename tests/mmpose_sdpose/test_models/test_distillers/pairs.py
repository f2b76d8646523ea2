"""Every kind of head as a student and as a teacher: tiny models of 64x48 images, 17 keypoints.

The table student x teacher x quantity of projects/distillation/README.md is made from these.
"""

from __future__ import annotations

import copy
import functools

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ...small_models import GAU, estimator, packed_batch

KEYPOINTS = 17
SIZE = (48, 64)
CELLS = (12, 16)
HEATMAP = dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=CELLS, sigma=1)
LABEL = dict(type='RegressionLabel', input_size=SIZE)
INTEGRAL = dict(
    type='IntegralRegressionLabel', input_size=SIZE, heatmap_size=CELLS, sigma=1.0, normalize=True
)
SIMCC = dict(type='SimCCLabel', input_size=SIZE, sigma=2.0, simcc_split_ratio=2.0, normalize=False)
ENCODER = dict(embed_dims=16, depth=2, num_heads=2)
TOKENS = dict(
    in_channels=8,
    in_featuremap_size=CELLS,
    out_channels=KEYPOINTS,
    encoder=ENCODER,
    hidden_dims=None,
)
NO_DECONV = dict(deconv_out_channels=None, deconv_kernel_sizes=None)
HEATMAP_HEAD = dict(
    type='HeatmapHead', in_channels=8, out_channels=KEYPOINTS, decoder=HEATMAP, **NO_DECONV
)
KL = dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True)

#: Name in the table -> its head; those that take one vector of a picture have a neck that pools.
HEADS = {
    'HeatmapHead': HEATMAP_HEAD,
    'HeatmapHead, UDP': {**HEATMAP_HEAD, 'decoder': {**HEATMAP, 'type': 'UDPHeatmap'}},
    'RTMCCHead': dict(
        type='RTMCCHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        input_size=SIZE,
        in_featuremap_size=CELLS,
        final_layer_kernel_size=1,
        gau_cfg=GAU,
        loss=KL,
        decoder=SIMCC,
    ),
    'SimCCHead': dict(
        type='SimCCHead',
        in_channels=8,
        out_channels=KEYPOINTS,
        input_size=SIZE,
        in_featuremap_size=CELLS,
        simcc_split_ratio=2.0,
        loss=dict(type='KLDiscretLoss', use_target_weight=True),
        decoder=SIMCC,
        deconv_out_channels=None,
    ),
    'RegressionHead': dict(
        type='RegressionHead',
        in_channels=8,
        num_joints=KEYPOINTS,
        loss=dict(type='SmoothL1Loss', use_target_weight=True),
        decoder=LABEL,
    ),
    'RLEHead': dict(
        type='RLEHead',
        in_channels=8,
        num_joints=KEYPOINTS,
        loss=dict(type='RLELoss', use_target_weight=True),
        decoder=LABEL,
    ),
    'DSNTHead': dict(
        type='DSNTHead',
        in_channels=8,
        in_featuremap_size=CELLS,
        num_joints=KEYPOINTS,
        loss=dict(
            type='MultipleLossWrapper',
            losses=[
                dict(type='SmoothL1Loss', use_target_weight=True),
                dict(type='JSDiscretLoss', use_target_weight=True),
            ],
        ),
        decoder=INTEGRAL,
        **NO_DECONV,
    ),
    'IntegralRegressionHead': dict(
        type='IntegralRegressionHead',
        in_channels=8,
        in_featuremap_size=CELLS,
        num_joints=KEYPOINTS,
        loss=dict(type='SmoothL1Loss', use_target_weight=True),
        decoder=INTEGRAL,
        **NO_DECONV,
    ),
    'VisPredictHead of a HeatmapHead': dict(
        type='VisPredictHead',
        pose_cfg=HEATMAP_HEAD,
        loss=dict(type='BCELoss', use_target_weight=False, use_sigmoid=True),
    ),
    'MCTHead': dict(type='MCTHead', decoder=HEATMAP, num_cycles=2, **TOKENS),
    'MCTHead, cross-entropy': dict(
        type='MCTHead', decoder=HEATMAP, loss=dict(type='HeatmapCrossEntropyLoss'), **TOKENS
    ),
    'TokenRegressionHead': dict(type='TokenRegressionHead', decoder=LABEL, num_cycles=2, **TOKENS),
    'TokenRegressionHead, RLE': dict(
        type='TokenRegressionHead',
        decoder=LABEL,
        loss=dict(type='RLELoss', use_target_weight=True),
        **TOKENS,
    ),
    'TokenSimCCHead': dict(type='TokenSimCCHead', decoder=SIMCC, num_cycles=2, **TOKENS),
}
_MAPS = 'heatmaps probability_maps coordinates scores features'
_TOKENS = 'keypoint_tokens visual_tokens attention features'
#: What each gives, as a student and as a teacher.
GIVES = {
    'HeatmapHead': _MAPS,
    'HeatmapHead, UDP': _MAPS,
    'RTMCCHead': 'simcc coordinates scores features',
    'SimCCHead': 'simcc coordinates scores features',
    'RegressionHead': 'coordinates features',
    'RLEHead': 'coordinates scores scales features',
    'DSNTHead': 'probability_maps coordinates features',
    'IntegralRegressionHead': 'probability_maps coordinates features',
    'VisPredictHead of a HeatmapHead': _MAPS,
    'MCTHead': f'heatmaps probability_maps coordinates scores {_TOKENS}',
    'MCTHead, cross-entropy': f'heatmaps probability_maps coordinates scores {_TOKENS}',
    'TokenRegressionHead': f'coordinates scores sigmas {_TOKENS}',
    'TokenRegressionHead, RLE': f'coordinates scores scales {_TOKENS}',
    'TokenSimCCHead': f'simcc coordinates scores {_TOKENS}',
}


def shared(student: str, teacher: str) -> list[str]:
    """What a student can learn from a teacher, both of the sizes here, quantity by quantity."""
    both = [name for name in GIVES[student].split() if name in GIVES[teacher].split()]
    if ('UDP' in student) != ('UDP' in teacher):  # their cells lie elsewhere
        both = [name for name in both if name not in ('heatmaps', 'probability_maps')]
    return both


POOLED = ('RegressionHead', 'RLEHead')
BACKBONE = dict(type='StemNet', stem_channels=4, out_channels=8, num_blocks=1)
# What a quantity needs to be told.
OPTIONS = dict(
    attention=dict(layers=[1, 2]),
    features=dict(module='backbone[-1]'),
)


def model_config(name: str, **head) -> dict:
    """A tiny estimator with the head of this name; arguments of the head may be changed."""
    necks = dict(neck=dict(type='GlobalAveragePooling')) if name in POOLED else {}
    return estimator({**HEADS[name], **head}, BACKBONE, **necks)


@MODELS.register_module()
class Squares(nn.Module):
    """Compares anything with joints: mean square distance, weighted."""

    def forward(self, student, teacher, weights: Tensor) -> Tensor:
        if isinstance(student, Tensor):
            student, teacher = (student,), (teacher,)
        return sum(
            ((one - other).square().flatten(2).mean(-1) * weights).mean()
            if one.ndim > 2
            else ((one - other).square() * weights).mean()
            for one, other in zip(student, teacher)
        )


@MODELS.register_module()
class Distance(nn.Module):
    """Compares what has no joints."""

    def forward(self, student, teacher) -> Tensor:
        if hasattr(student, 'layers'):
            pairs = [(student.layers[layer], teacher.layers[layer]) for layer in student.layers]
        else:
            pairs = [(student, teacher)]
        return sum((one - other).square().mean() for one, other in pairs)


WITHOUT_JOINTS = ('visual_tokens', 'attention', 'features')


def loss_of(quantity: str) -> dict:
    """The config of a loss on one quantity of both sides."""
    kind = 'Distance' if quantity in WITHOUT_JOINTS else 'Squares'
    both = dict(student=quantity, teacher=quantity)
    return dict(type=kind, on=both, **OPTIONS.get(quantity, {}))


@functools.cache
def labelled_batch(batch: int = 2) -> dict:
    """Images and samples with the targets of every codec above, some joints hidden."""
    packed = packed_batch(batch, KEYPOINTS, size=SIZE)
    numbers = np.random.default_rng(0)
    for sample in packed['data_samples']:
        points = (numbers.random((1, KEYPOINTS, 2)) * SIZE).astype(np.float32)
        visible = (numbers.random((1, KEYPOINTS)) > 0.3).astype(np.float32)
        for codec in (HEATMAP, LABEL, SIMCC):
            encoded = KEYPOINT_CODECS.build(codec).encode(points, visible)
            for key, value in encoded.items():
                if key == 'heatmaps':
                    sample.gt_fields.heatmaps = torch.from_numpy(value)
                else:
                    labels = sample.gt_instance_labels
                    labels.set_field(torch.from_numpy(np.asarray(value, np.float32)), key)
        sample.gt_instance_labels.keypoint_weights = torch.from_numpy(visible)
    return packed


def build(config: dict) -> nn.Module:
    """With the same random weights always, as the class makes them."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    return MODELS.build(config)


def batch_for(model: nn.Module) -> dict:
    return model.data_preprocessor(copy.deepcopy(labelled_batch()), training=True)
