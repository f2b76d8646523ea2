"""Models of other builds than those of ``pairs``: several scales, necks, heads in a head."""

from __future__ import annotations

from mmpose_sdpose.models.distillers.fitting import random_images, undisturbed
from mmpose_sdpose.models.distillers.sides import ask

import pytest
import torch
import torch.nn.functional as F

from ...small_models import distillation, estimator
from .pairs import (
    BACKBONE,
    GIVES,
    HEADS,
    HEATMAP,
    HEATMAP_HEAD,
    LABEL,
    SIZE,
    batch_for,
    build,
    loss_of,
    model_config,
)
from .test_pairs import ALL

LARGER = (64, 96)  # as networks of stride 32 need it
WIDTHS = (4, 8, 16, 32)


def stage(branches: int, block: str = 'BASIC', **options) -> dict:
    return dict(
        num_modules=1,
        num_branches=branches,
        block=block,
        num_blocks=(1,) * branches,
        num_channels=WIDTHS[:branches],
        **options,
    )


HRNET = dict(
    type='HRNet',
    in_channels=3,
    extra=dict(
        stage1=stage(1, 'BOTTLENECK'),
        stage2=stage(2),
        stage3=stage(3),
        stage4=stage(4, multiscale_output=True),
    ),
)
LITE = dict(
    type='LiteHRNet',
    in_channels=3,
    extra=dict(
        stem=dict(stem_channels=32, out_channels=32, expand_ratio=1),
        num_stages=3,
        stages_spec=dict(
            num_modules=(1, 1, 1),
            num_branches=(2, 3, 4),
            num_blocks=(1, 1, 1),
            module_type=('LITE', 'LITE', 'LITE'),
            with_fuse=(True, True, True),
            reduce_ratios=(8, 8, 8),
            num_channels=((40, 80), (40, 80, 160), (40, 80, 160, 320)),
        ),
        with_head=True,
    ),
)


def heatmaps_of_all_scales() -> dict:
    """HRNet's four scales, which a neck joins."""
    decoder = {**HEATMAP, 'input_size': LARGER, 'heatmap_size': (16, 24)}
    head = {**HEATMAP_HEAD, 'in_channels': sum(WIDTHS), 'decoder': decoder}
    return estimator(head, HRNET, neck=dict(type='FeatureMapProcessor', concat=True))


def regression(backbone: dict, channels: int) -> dict:
    decoder = {**LABEL, 'input_size': LARGER}
    head = {**HEADS['RegressionHead'], 'in_channels': channels, 'decoder': decoder}
    return estimator(head, backbone, neck=dict(type='GlobalAveragePooling'))


MODELS_OF = {
    'scales': heatmaps_of_all_scales(),
    'HRNet': regression(HRNET, WIDTHS[-1]),
    'LiteHRNet': regression(LITE, 40),
    'StemNet': regression(BACKBONE, 8),
}


@pytest.mark.parametrize(
    'student, teacher, modules, shapes',
    [
        ('HRNet', 'scales', ('backbone[2]', 'neck'), ((16, 6, 4), (60, 24, 16))),
        ('StemNet', 'HRNet', ('backbone[-1]', 'backbone[0]'), ((8, 24, 16), (4, 24, 16))),
        ('LiteHRNet', 'scales', ('backbone', 'backbone[1]'), ((40, 24, 16), (8, 12, 8))),
        ('StemNet', 'LiteHRNet', ('backbone[-1]', 'backbone[-1]'), ((8, 24, 16), (40, 24, 16))),
    ],
)
def test_several_scales_and_necks(student, teacher, modules, shapes):
    names = dict(zip(('student_module', 'teacher_module'), modules))
    losses = dict(features=dict(type='FeatureLoss', **names), coordinates=loss_of('coordinates'))
    model = build(distillation(MODELS_OF[student], MODELS_OF[teacher], losses)).train()
    seen = []
    model.distillation_losses['features'].register_forward_pre_hook(
        lambda _, given: seen.append([tuple(value.shape[1:]) for value in given])
    )
    batch = batch_for(model)
    batch['inputs'] = F.interpolate(batch['inputs'], LARGER[::-1])
    losses = model.loss(**batch)
    assert seen == [list(shapes)]
    for name in ('loss_distill_features', 'loss_distill_coordinates'):
        weights = list(model.backbone.parameters())
        gradients = torch.autograd.grad(losses[name], weights, retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.any() for gradient in gradients), name


def visible(name: str) -> dict:
    """With a branch that says whether joints are visible."""
    config = model_config(name)
    branch = dict(type='BCELoss', use_target_weight=False, use_sigmoid=True)
    config['head'] = dict(type='VisPredictHead', pose_cfg=config['head'], loss=branch)
    return config


@pytest.mark.parametrize('name', [name for name in HEADS if 'VisPredict' not in name])
def test_a_head_in_a_vis_predict_head_gives_what_it_gives_alone(name):
    model = build(visible(name))
    with undisturbed(model):
        for role in ('student', 'teacher'):
            side = ask(role, model, random_images(SIZE), [])
            given = [quantity for quantity in side.names() if quantity in ALL]
            assert sorted(given) == sorted(GIVES[name].split())
