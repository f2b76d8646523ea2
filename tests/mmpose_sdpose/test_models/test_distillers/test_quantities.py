"""Units of quantities, features of any module, and what is recorded of a run."""

from __future__ import annotations

import copy

from mmpose_sdpose.models.distillers import Side
from mmpose_sdpose.models.distillers.quantities import heatmap_peaks, soft_peaks
from mmpose_sdpose.models.distillers.watching import find_module, module_output, recorded

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS
from torch import nn

from ...small_models import distillation
from .pairs import HEADS, batch_for, build, loss_of, model_config

POINTS = np.array([[[12.0, 20.0], [30.3, 41.7], [24.0, 32.0]]], np.float32)
TRUTH = torch.from_numpy(POINTS) / torch.tensor([48.0, 64.0])
CELLS = (24, 32)
CODECS = dict(
    plain=dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=CELLS, sigma=2, unbiased=True),
    udp=dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=CELLS, sigma=2),
    simcc=dict(type='SimCCLabel', input_size=(48, 64), sigma=3.0, normalize=False),
)


def side(role: str, codec: dict, **given) -> Side:
    model = nn.Identity()
    model.head = nn.Identity()
    model.head.out_channels = 3
    model.head.decoder = KEYPOINT_CODECS.build(codec)
    return Side(role, model, given, {})


def encoded(codec: dict) -> dict[str, torch.Tensor]:
    found = KEYPOINT_CODECS.build(codec).encode(POINTS, np.ones((1, 3), np.float32))
    return {name: torch.from_numpy(value) for name, value in found.items()}


@pytest.mark.parametrize('codec', ['plain', 'udp'])
def test_a_students_coordinates_are_the_centres_of_its_heatmaps(codec):
    heatmaps = encoded(CODECS[codec])['heatmaps'][None].requires_grad_()
    student = side('student', CODECS[codec], heatmaps=heatmaps)
    torch.testing.assert_close(student['coordinates'], TRUTH, atol=0.1 / CELLS[0], rtol=0)
    student['coordinates'].sum().backward()
    assert heatmaps.grad.any()
    told = side('teacher', CODECS[codec], heatmaps=heatmaps)['coordinates']
    assert not told.requires_grad
    cell = torch.tensor([1 / CELLS[0], 1 / CELLS[1]])
    assert ((told - TRUTH).abs() <= 0.51 * cell * 1.05).all()


def test_coordinates_of_simcc_logits_are_those_that_made_them():
    labels = encoded(CODECS['simcc'])
    logits = labels['keypoint_x_labels'], labels['keypoint_y_labels']
    told = side('teacher', CODECS['simcc'], simcc=logits)['coordinates']
    torch.testing.assert_close(told, TRUTH, atol=0.5 / 96, rtol=0)
    student = side('student', CODECS['simcc'], simcc=logits)
    student.head.loss_module = nn.Identity()
    student.head.loss_module.beta = 25.0
    torch.testing.assert_close(student['coordinates'], TRUTH, atol=0.5 / 96, rtol=0)
    by_hand = (25.0 * logits[0]).softmax(-1) @ torch.arange(96.0) / 96
    torch.testing.assert_close(student['coordinates'][..., 0], by_hand)


def test_a_heatmap_among_thousands_of_cells_is_found():
    heatmaps = torch.zeros(1, 1, 96, 72)
    heatmaps[0, 0, 70, 60] = 1
    torch.testing.assert_close(soft_peaks(heatmaps), heatmap_peaks(heatmaps), atol=1e-5, rtol=0)


def test_maps_that_peak_at_one_and_maps_that_sum_to_one_are_two_quantities():
    heatmaps = encoded(CODECS['plain'])['heatmaps'][None] - 0.1
    student = side('student', CODECS['plain'], heatmaps=heatmaps)
    above = heatmaps.clamp(min=0)
    expected = above / above.sum((2, 3), keepdim=True)
    torch.testing.assert_close(student['probability_maps'], expected)
    torch.testing.assert_close(student['heatmaps'], heatmaps)


def test_scores_are_peaks_and_rles_scales_are_no_sigmas():
    model = build(model_config('RLEHead'))
    batch = batch_for(model)
    output = model.head(model.extract_feat(batch['inputs']))
    distiller = build(
        distillation(
            model_config('RLEHead'),
            model_config('RLEHead'),
            dict(scales=loss_of('scales'), scores=loss_of('scores')),
        )
    )
    distiller.load_state_dict(model.state_dict())
    seen = []
    distiller.distillation_losses['scales'].register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    distiller.distillation_losses['scores'].register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    distiller.loss(**batch_for(distiller))
    torch.testing.assert_close(seen[0], output[..., 2:].sigmoid())
    torch.testing.assert_close(seen[1], 1 - output[..., 2:].sigmoid().mean(-1))
    with pytest.raises(ValueError, match='needs sigmas of the student.* a RLEHead, gives: coord'):
        build(
            distillation(
                model_config('RLEHead'),
                model_config('TokenRegressionHead'),
                dict(sigmas=loss_of('sigmas')),
            )
        )


class Branches(nn.Module):
    """A tuple of outputs, a list of modules, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.stage = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.several = Two()
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.several(self.stage(x))[1] + self.blocks[0](x)


class Two(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, 2 * x


@pytest.mark.parametrize(
    'path, expected',
    [
        ('blocks[1]', lambda model, x: model.blocks[1](model.blocks[0](x))),
        ('blocks.0', lambda model, x: model.blocks[0](x)),
        ('blocks[-2]', lambda model, x: model.blocks[0](x)),
        ('stage[0]', lambda model, x: model.stage[0](model.blocks[1](model.blocks[0](x)))),
        ('several[-1]', lambda model, x: 2 * model.stage(model.blocks[1](model.blocks[0](x)))),
        ('unused', None),
    ],
)
def test_a_modules_output_is_that_of_its_first_call(path, expected):
    torch.manual_seed(0)
    model, x = Branches(), torch.randn(3, 2)
    with module_output(model, path) as seen:
        model(x)
    if expected is None:
        assert seen == []
    else:
        torch.testing.assert_close(seen, [expected(model, x)])
    model(x)
    assert len(seen) == (expected is not None), 'not watched any more'
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    'path, message',
    [
        ('block[1]', r"there is no module 'block'; did you mean blocks\?"),
        ('stage[2]', 'stage has 2 modules, counted from 0'),
        ('stag.1', "no module 'stag.1'; did you mean stage"),
        (
            'backbone',
            r"no module 'backbone'; choose from \['blocks', 'several', 'stage', 'unused'\]",
        ),
    ],
)
def test_a_module_that_is_not_there_is_named_with_its_like(path, message):
    with pytest.raises(ValueError, match=message):
        find_module(Branches(), path)
    with pytest.raises(TypeError, match=r'module \(3\) must be a path'):
        find_module(Branches(), 3)


def test_what_is_recorded_is_recorded_once_and_not_by_copies():
    class Counts:
        def __init__(self) -> None:
            self.count = 0

        def step(self) -> int:
            self.count += 1
            return self.count

    one = Counts()
    with recorded(one, 'step') as results:
        assert one.step() == 1
    assert one.step() == 2
    assert results == [1] and 'step' not in vars(one)
    with pytest.raises(KeyError), recorded(one, 'step'):
        raise KeyError
    assert 'step' not in vars(one)


def test_a_copy_of_a_distiller_calls_its_own_head():
    model = features_distiller()
    model.loss(**batch_for(model))
    average = copy.deepcopy(model)
    with torch.no_grad():
        average.head.final_layer.weight.zero_()
        average.head.final_layer.bias.zero_()
    batch = batch_for(average)
    assert not average.head(average.extract_feat(batch['inputs'])).any()
    assert average.loss(**batch)['loss_kpt'] != model.loss(**batch_for(model))['loss_kpt']


def features_distiller(student: str = 'HeatmapHead', teacher: str = 'HeatmapHead', **loss):
    features = {**loss_of('features'), **loss}
    return build(
        distillation(model_config(student), model_config(teacher), dict(features=features))
    )


def test_features_of_tokens_and_of_maps_meet_on_a_grid():
    """A teacher's 16 patches of 4x3 cells as a map of 4x4; keypoint tokens, the first, are left out."""
    loss = dict(
        type='FeatureLoss',
        student_module='backbone[0]',
        teacher_module='head.mct.encoder.layers[1]',
        teacher_grid=(4, 4),
    )
    model = features_distiller('HeatmapHead', 'MCTHead', **loss)
    seen = []
    model.distillation_losses['features'].register_forward_pre_hook(
        lambda _, given: seen.append(given)
    )
    batch = batch_for(model)
    model.loss(**batch)
    (student, teacher), *_ = seen
    torch.testing.assert_close(student, model.backbone(batch['inputs'])[0])
    head = model.teacher.head
    with torch.no_grad():
        (cycle,) = head.run_cycles(model.teacher.extract_feat(batch['inputs']), 1)
    expected = cycle.tokens.visual.transpose(1, 2).reshape(2, 16, 4, 4)
    torch.testing.assert_close(teacher, expected)


@pytest.mark.parametrize(
    'pair, loss, message',
    [
        (
            (),
            dict(module='backbone.layer9'),
            "^features of the student: there is no module 'backbone.layer9'; did you mean",
        ),
        ((), dict(module='backbon[-1]'), 'did you mean backbone'),
        (
            ('MCTHead', 'HeatmapHead'),
            dict(student_module='head.mct.encoder'),
            'the student did not call its',
        ),
        (
            ('MCTHead', 'HeatmapHead'),
            dict(student_module='head.mct.encoder.layers[1]'),
            r"the student's head.mct.encoder.layers\[1\] gives \(3, 33, 16\), tokens .* student_grid=",
        ),
        (
            ('MCTHead', 'HeatmapHead'),
            dict(student_module='head.mct.encoder.layers[1]', student_grid=(8, 8)),
            'at most N tokens',
        ),
        ((), dict(module='backbone'), None),
        ((), dict(module='backbone[4]'), r'backbone\[4\]: it gives 1 values, counted from 0'),
        ((), dict(student_module='head'), 'did not call its module head'),
        (
            ('HeatmapHead', 'RTMCCHead'),
            dict(teacher_module='head.cls_x'),
            r"teacher's head.cls_x gives \(3, 17, 96\), tokens .* teacher_grid=",
        ),
        (
            ('RegressionHead', 'RegressionHead'),
            dict(module='head.fc'),
            r"student's head.fc gives \(3, 34\), which has no channels",
        ),
    ],
)
def test_features_that_cannot_be_had_are_named(pair, loss, message):
    if message is None:
        features_distiller(*pair, **loss)  # one output: no index is needed
        return
    with pytest.raises(ValueError, match=message):
        features_distiller(*pair, **loss)


@pytest.mark.parametrize('on', ['scores', 'simcc'])
def test_a_connector_needs_channels(on):
    model = model_config('RTMCCHead')
    with pytest.raises(
        ValueError, match=rf'losses.{on}: feature maps .* are compared, but the stu'
    ):
        build(distillation(model, model, {on: dict(type='FeatureLoss', on=on)}))


def test_without_a_module_there_are_no_features():
    student = model_config('HeatmapHead')
    with pytest.raises(
        ValueError, match='losses.features compares features: say which of the stud'
    ):
        build(distillation(student, student, dict(features=dict(type='FeatureLoss'))))


@pytest.mark.parametrize('name', HEADS)
def test_a_trial_leaves_nothing_behind(name):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    config = distillation(
        model_config(name), model_config(name), dict(features=loss_of('features'))
    )
    model = build(config)
    plain = build(model_config(name))
    torch.testing.assert_close(model.state_dict(), plain.state_dict(), rtol=0, atol=0)
    assert all(module.training for module in model.modules())
    assert not torch.equal(torch.get_rng_state(), state)
    assert not any('forward' in vars(module) for module in model.modules())
