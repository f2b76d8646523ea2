"""What a loss compares, and with whose weights."""

from __future__ import annotations

from mmpose_sdpose.models.distillers.comparisons import build_comparison
from mmpose_sdpose.models.distillers.sides import Request

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from ...small_models import distillation
from .pairs import batch_for, build, loss_of, model_config


@MODELS.register_module()
class OnFeatures(nn.Module):
    compares = 'features'

    def __init__(self, student_module: str | None = None) -> None:
        super().__init__()
        if student_module:
            self.student_module = student_module

    def forward(self, student, teacher):
        return (student - teacher).square().mean()


def compare(name: str, **config):
    init_default_scope('mmpose')
    return build_comparison(name, config)[1]


def names(comparison) -> tuple[list[str], list[str]]:
    return [r.name for r in comparison.student], [r.name for r in comparison.teacher]


@pytest.mark.parametrize(
    'name, config, student, teacher, weighted',
    [
        ('coordinates', dict(type='SmoothL1Loss'), ['coordinates'], ['coordinates'], True),
        ('scores', dict(type='ScoreLoss'), ['coordinates', 'scores'], ['heatmaps'], True),
        ('scores', dict(type='L1Loss', on='scores'), ['scores'], ['scores'], True),
        ('sure', dict(type='L1Loss', on='scores'), ['scores'], ['scores'], True),
        (
            'drawn',
            dict(type='SimulatedHeatmapLoss', on='simulated_heatmaps'),
            ['coordinates', 'sigmas'],
            ['heatmaps'],
            True,
        ),
        (
            'other',
            dict(type='ScoreLoss', on=dict(student=['coordinates', 'scores'], teacher='heatmaps')),
            ['coordinates', 'scores'],
            ['heatmaps'],
            True,
        ),
        (
            'tokens',
            dict(type='TokenDistanceLoss', on='visual_tokens'),
            ['visual_tokens'],
            ['visual_tokens'],
            False,
        ),
        ('deep', dict(type='OnFeatures', module='backbone'), ['features'], ['features'], False),
        (
            'coordinates',
            dict(type='OnFeatures', on='coordinates'),
            ['coordinates'],
            ['coordinates'],
            False,
        ),
    ],
)  # fmt: skip
def test_what_a_loss_takes(name, config, student, teacher, weighted):
    comparison = compare(name, **config)
    assert names(comparison) == (student, teacher)
    assert comparison.weighted is weighted


def test_options_are_of_one_side_or_of_both():
    comparison = compare('features', type='OnFeatures', module='backbone', teacher_module='neck')
    assert comparison.student == (Request('features', (('module', 'backbone'), ('grid', None))),)
    assert comparison.teacher == (Request('features', (('module', 'neck'), ('grid', None))),)
    given = dict(student_module='neck', teacher_module='neck', grid=[4, 3])
    comparison = compare('features', type='OnFeatures', **given)
    assert comparison.student[0].options == (('module', 'neck'), ('grid', (4, 3)))
    layers = compare('attention', type='AttentionTransferLoss', layer_pairs=[(1, 2), (3, 4)])
    assert layers.student == (Request('attention', (('layers', (1, 3)),)),)
    assert layers.teacher == (Request('attention', (('layers', (2, 4)),)),)


@pytest.mark.parametrize(
    'name, config, message',
    [
        ('heatmap', dict(type='L1Loss'), "losses.heatmap compares 'heatmap', unknown; did you mean h"),
        ('a', dict(type='L1Loss', on='simccs'), "compares 'simccs', unknown; did you mean simcc"),
        ('coordinates', dict(type='OnFeatures'), "a OnFeatures compares features: .* on='coordinates'"),
        ('deep', dict(type='OnFeatures'), 'say which of the student, with student_module=…, or module='),
        ('deep', dict(type='OnFeatures', student_module='neck'), 'which of the teacher, with teacher_m'),
        ('a', dict(type='L1Loss', on=dict(student='scores')), 'must name quantities of both sides'),
        ('a', dict(type='L1Loss', on=dict(student='score', teacher='scores')), "compares 'score', unkn"),
        ('scores', dict(type='L1Loss', weights='none'), r"weights \('none'\) must be one of \['labels"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_named(name, config, message):
    with pytest.raises(ValueError, match=message):
        compare(name, **config)


def weights_of(kind: str) -> tuple[torch.Tensor, dict, nn.Module]:
    model = build(
        distillation(
            model_config('RegressionHead'),
            model_config('HeatmapHead'),
            dict(coordinates={**loss_of('coordinates'), 'weights': kind}),
        )
    )
    seen = []
    model.distillation_losses['coordinates'].register_forward_pre_hook(
        lambda _, given: seen.append(given[-1])
    )
    batch = batch_for(model)
    model.loss(**batch)
    return seen[-1], batch, model


def test_weights_of_the_labels_of_all_and_of_the_teacher():
    labels, batch, _ = weights_of('labels')
    expected = torch.cat([s.gt_instance_labels.keypoint_weights for s in batch['data_samples']])
    torch.testing.assert_close(labels, expected)
    assert 0 < labels.mean() < 1
    torch.testing.assert_close(weights_of('all')[0], torch.ones(2, 17))
    sure, batch, model = weights_of('teacher')
    with torch.no_grad():
        heatmaps = model.teacher(batch['inputs'], [], mode='tensor')
    torch.testing.assert_close(sure, heatmaps.amax((2, 3)).clamp(0, 1))


def test_a_teacher_without_scores_cannot_weigh():
    with pytest.raises(
        ValueError, match="weights='teacher' needs scores of the teacher.*a RegressionH"
    ):
        build(
            distillation(
                model_config('RegressionHead'),
                model_config('RegressionHead'),
                dict(coordinates={**loss_of('coordinates'), 'weights': 'teacher'}),
            )
        )


def test_frozen_parts_stay_and_own_losses_may_count_nothing():
    model = build(
        distillation(
            model_config('HeatmapHead'),
            model_config('HeatmapHead'),
            dict(heatmaps=loss_of('heatmaps')),
            frozen=['backbone'],
            student_loss_weight=0.0,
        )
    ).train()
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    losses = model.loss(**batch_for(model))
    assert losses['loss_kpt'] == 0 and losses['loss_distill_heatmaps'] > 0
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    assert model.head.final_layer.weight.grad.any()
    torch.testing.assert_close(dict(model.backbone.state_dict()), before, rtol=0, atol=0)
    with pytest.raises(
        ValueError, match="frozen: there is no module 'backbon'; did you mean backb"
    ):
        build(
            distillation(
                model_config('HeatmapHead'),
                model_config('HeatmapHead'),
                dict(heatmaps=loss_of('heatmaps')),
                frozen=['backbon'],
            )
        )
