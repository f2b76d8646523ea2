"""What random images tell of losses, adapters and quantities when a distiller is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmpose_sdpose.models.distillers import (
    quantity_checks,
    register_adapter,
    register_quantity,
)
from mmpose_sdpose.models.distillers.fitting import random_images
from mmpose_sdpose.models.distillers.sides import Request, ask

import pytest
import torch
from mmpose.models.heads import RegressionHead
from mmpose.registry import MODELS
from torch import nn

from ...small_models import build as build_started
from ...small_models import distillation, resnet_heatmap_model
from . import own_quantity
from .pairs import SIZE, batch_for, build, loss_of, model_config


def distiller(
    student: dict | str = 'RegressionHead', teacher='HeatmapHead', **options
) -> nn.Module:
    named = dict(student=student, teacher=teacher)
    models = {r: model_config(m) if isinstance(m, str) else m for r, m in named.items()}
    config = distillation(losses=dict(coordinates=loss_of('coordinates')), **models)
    return build({**config, **options})


def test_values_of_a_module_are_its_own_whatever_follows():
    """A ReLU in place after a norm, or a sum after a block's second one."""
    model = build_started(resnet_heatmap_model()).train()
    images = random_images((24, 32)).requires_grad_()
    for path in ('backbone.bn1', 'backbone.layer1.0.bn2', 'backbone.layer1[0]', 'backbone[-1]'):
        name = path.replace('[0]', '.0').replace('[-1]', '')
        expected: list[torch.Tensor] = []
        hook = model.get_submodule(name).register_forward_hook(
            lambda _, __, out, kept=expected: kept.append(
                (out[0] if type(out) is tuple else out) * 1
            )
        )
        request = Request('features', (('module', path), ('grid', None)))
        value = ask('student', model, images, [request]).read(request)
        hook.remove()
        torch.testing.assert_close(value, expected[0], rtol=0, atol=0)
        pushed, as_expected = (
            torch.autograd.grad(of.square().sum(), images, retain_graph=True)
            for of in (value, expected[0])
        )
        torch.testing.assert_close(pushed, as_expected)


def resnet(**backbone) -> dict:
    config = resnet_heatmap_model()
    return {**config, 'backbone': {**config['backbone'], **backbone}}


def of(module: str) -> dict:
    return dict(features=dict(type='FeatureLoss', module=module))


@pytest.mark.parametrize(
    'student, options',
    [
        ('RegressionHead', dict(losses=of('backbone[-1]'), frozen=['backbone'])),
        (resnet(frozen_stages=0), dict(losses=of('backbone.bn1'), teacher=resnet())),
        (resnet(with_cp=True), dict(losses=of('backbone.layer1.0.conv1'), teacher=resnet())),
    ],
    ids=['frozen', 'frozen_stages', 'recomputed'],
)  # fmt: skip
def test_what_has_no_gradient_is_named(student, options):
    message = (
        'losses.features: nothing of the student is trained by it: features of the student has'
    )
    with pytest.raises(ValueError, match=message):
        distiller(student, **options)


def test_a_connector_alone_is_no_student_that_learns():
    wider = model_config('HeatmapHead', in_channels=12)
    wider['backbone'] = {**wider['backbone'], 'out_channels': 12}
    options = dict(teacher=wider, losses=of('backbone[-1]'))
    assert distiller(frozen=['head'], **options)
    with pytest.raises(ValueError, match='nothing of the student is trained by it'):
        distiller(frozen=['backbone'], **options)


def test_a_recomputed_stage_may_be_compared():
    assert distiller(resnet(with_cp=True), resnet(), losses=of('backbone.layer1'))


class Odd(nn.Module):
    """A loss of (student, teacher) that is what a test says."""

    forward: Callable = None


def odd(forward: Callable) -> dict:
    kind = type('OddLoss', (nn.Module,), dict(forward=forward))
    MODELS.register_module(module=kind, force=True)
    return dict(odd=dict(type='OddLoss', on='coordinates'))


def raising(self, student, teacher):
    raise ValueError('three are needed')


NO_NUMBER = 'OddLoss gives no single number, but '


@pytest.mark.parametrize(
    'forward, message',
    [
        (lambda self, s, t: dict(loss=(s - t).abs().mean()), f'{NO_NUMBER}dict: have it average'),
        (lambda self, s, t: (s - t).abs().mean().item(), f'{NO_NUMBER}float'),
        (lambda self, s, t: ((s - t) > 0).sum(), rf'{NO_NUMBER}\(\) int64: .* a tensor of floats'),
        (lambda self, s, t: (s - t).mean() + 0j, rf'{NO_NUMBER}\(\) complex64'),
        (lambda self, s, t: None, f'{NO_NUMBER}None'),
        (lambda self, s, t: (s - t).mean() / 0, 'OddLoss gives -?inf .*: what it compares is finite: c'),
        (
            lambda self, teacher, student: (student - teacher.detach()).abs().mean(),
            'nothing of the student is trained by it: OddLoss passes no gradient to what it gets of',
        ),
        (lambda self, s, t: s.mul_(2).mean(), 'changes what it compares in place, .* compute new tens'),
        (lambda self, s, t: (s - t.zero_()).mean(), 'changes what it compares in place'),
        (
            raising,
            r"OddLoss cannot compare the student's coordinates \(3, 17, 2\) and the teacher's coordinat"
            r'es \(3, 17, 2\) \(ValueError: three are needed\)',
        ),
        (
            lambda self, s, t, weights: ((s - t) * weights).mean(),
            r'coordinates \(3, 17, 2\) \(weights are \(B, K\); RuntimeError',
        ),
        (
            lambda self, s, t, mask=None, weights=None: (s - t).mean(),
            'forward of a OddLoss has weights elsewhere than right after the 2 quantities',
        ),
        (lambda self, s, t, *, weight=None: (s - t).mean(), 'a OddLoss has weight elsewhere than right'),
        (lambda self, s: s.mean(), r'takes 1 quantities \(s\), and is to compare 2, the student'),
        (lambda self, s, target_weight: s.mean(), r'takes 1 quantities \(s\), and is to compare 2'),
        (lambda self, s, t, *, epoch: s.mean(), 'needs epoch besides the 2 quantities: name as many'),
    ],
)  # fmt: skip
def test_a_loss_that_teaches_nothing_is_named(forward, message):
    with pytest.raises(ValueError, match=f'losses.odd: .*{message}'):
        distiller(losses=odd(forward))


@pytest.mark.parametrize(
    'forward',
    [
        lambda self, student, teacher, **options: (student - teacher).abs().mean(),
        lambda self, student, teacher, joint_weight=None, **options: (
            (student - teacher).abs().mean()
        ),
        lambda self, attention_weights, others, scale=2.0: (
            (attention_weights - others).abs().mean()
        ),
    ],
)
def test_a_loss_may_take_more_than_it_is_given(forward):
    assert distiller(losses=odd(forward))


def test_logits_are_no_probabilities():
    loss = dict(type='KLDiscretLoss', use_target_weight=True)
    models = dict(student='RTMCCHead', teacher='RTMCCHead')
    assert distiller(**models, losses=dict(simcc=dict(loss, label_softmax=True, beta=10.0)))
    with pytest.raises(
        ValueError, match='KLDiscretLoss gives nan .* probabilities are wanted and lo'
    ):
        distiller(**models, losses=dict(simcc=loss))


@MODELS.register_module()
class StrangeHead(RegressionHead):
    """Whose adapter is what a test says."""


def mistaken(head, output):
    raise ValueError('output of another head')


@pytest.mark.parametrize(
    'read, compared, message',
    [
        (
            lambda head, output: dict(coordinates=output / 0),
            'coordinates',
            "gives (inf|nan) for random images: the student's coordinates is not finite, mend the adapt",
        ),
        (
            lambda head, output: dict(coordinates=output.detach()),
            'coordinates',
            'nothing of the student is trained by it: coordinates of the student has no gradient',
        ),
        (
            lambda head, output: dict(coordinates=[output]),
            'coordinates',
            r"the student's coordinates is \[\(3, 17, 2\)\], but should be B K 2",
        ),
        (
            lambda head, output: dict(coordinates=output.detach().numpy()),
            'coordinates',
            r"the student's coordinates is \[ndarray\], but should be B K 2",
        ),
        (
            lambda head, output: dict(coordinates=output[..., :1]),
            'bones',
            r"the student's coordinates is \[\(3, 17, 1\)\], but should be B K 2",
        ),
        (
            lambda head, output: dict(coordinates=output[0, 0]),
            'bones',
            r"the student's coordinates is \[\(2,\)\], but should be B K 2",
        ),
        (mistaken, 'coordinates', 'of StrangeHead, mistaken, cannot read .*: ValueError: output of ano'),
        (
            lambda head, output: dict(corners=output),
            'coordinates',
            "of StrangeHead, <lambda>, gives 'corners': there is no quantity .* needs @register_quanti",
        ),
    ],
)  # fmt: skip
def test_an_adapter_that_gives_something_else_is_named(read, compared, message):
    assert own_quantity  # registers bones
    register_adapter(StrangeHead)(read)
    student = model_config('RegressionHead', type='StrangeHead')
    with pytest.raises(ValueError, match=message):
        distiller(student, losses={compared: dict(type='Distance')})


def test_scores_that_weigh_are_what_they_should_be():
    register_adapter(StrangeHead)(lambda head, output: dict(coordinates=output, scores=output))
    teacher = model_config('RegressionHead', type='StrangeHead')
    losses = dict(coordinates={**loss_of('coordinates'), 'weights': 'teacher'})
    with pytest.raises(
        ValueError, match=r"teacher's scores is \[\(3, 17, 2\)\], but should be B K"
    ):
        distiller(teacher=teacher, losses=losses)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(module={}), r'module of features \({}\) must be a name, a number, or a list'),
        (dict(module='backbone', grid=[{}, 2]), r'grid of features \({}\) must be a name'),
        (dict(module='backbone', grid=[[1, 2], 3]), r'student_grid .* must be a whole number'),
    ],
)
def test_an_option_that_is_no_choice_is_named(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        distiller('MCTHead', losses=dict(features=dict(type='FeatureLoss', **options)))


def test_an_option_of_the_other_side_is_not_offered():
    """Heatmaps take no module; the student's features do."""
    on = dict(student='features', teacher='heatmaps')
    loss = dict(type='FeatureLoss', on=on, student_module='backbone', teacher_module='backbone')
    with pytest.raises(TypeError, match="a FeatureLoss has no option 'teacher_module'") as error:
        distiller(losses=dict(features=loss))
    assert 'student_module' in str(error.value).split(';')[1]
    assert 'teacher_' not in str(error.value).split(';')[1]


def test_a_name_is_not_taken_by_a_function_of_that_name():
    with pytest.raises(
        ValueError, match=r"'coordinates' already \(.*quantities.py\): choose another"
    ):

        @register_quantity('coordinates', 'B K 2')
        def coordinates(side):
            return side['heatmaps']


def test_a_file_that_is_loaded_again_may_register_again():
    source = Path(own_quantity.__file__).read_text()
    exec(compile(source, own_quantity.__file__, 'exec'), dict(__name__='own_again'))


@pytest.mark.parametrize('shape', ['B J 2', ('B K X', 'B D'), 'B'])
def test_a_quantity_says_where_its_joints_are(shape):
    with pytest.raises(
        ValueError, match=r"'limbs' \(B.*\) has not its joints, K, after B: say select="
    ):
        register_quantity('limbs', shape)(lambda side: None)


def test_joints_that_cannot_be_taken_out_are_named():
    register_quantity('by_name')(lambda side: dict(nose=side['coordinates'][:, 0]))
    losses = dict(by_name=dict(type='Distance'))
    with pytest.raises(
        ValueError, match='joints that both have .* out of by_name .*: register it with'
    ):
        distiller(losses=losses, keypoint_pairs=[(0, 1), (2, 3)])


@MODELS.register_module()
class MistakenBackbone(nn.Module):
    """Another package's that does not work here, in one way or the other."""

    def __init__(self, builds: bool) -> None:
        super().__init__()
        if not builds:
            raise RuntimeError('operator torchvision::nms does not exist')

    def forward(self, images):
        raise ValueError('not enough values to unpack')


@pytest.mark.parametrize(
    'builds, message',
    [
        (
            False,
            'teacher cannot be built from its config: .*RuntimeError: .*operator torchvision::nms',
        ),
        (True, 'teacher does not run on images .*: ValueError: not enough values to unpack'),
    ],
)
def test_a_model_that_does_not_work_is_named(builds, message):
    backbone = dict(type='MistakenBackbone', builds=builds)
    with pytest.raises(ValueError, match=message):
        distiller(teacher={**model_config('HeatmapHead'), 'backbone': backbone})


def said_of(monkeypatch, module) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(module, 'print_log', lambda text, *_: said.append(text))
    return said


def test_betas_that_nobody_was_trained_with_are_said(monkeypatch):
    """Logits times another beta are another distribution."""
    said = said_of(monkeypatch, quantity_checks)
    loss = dict(type='SimCCDistributionLoss')  # RTMPose's beta, 10, on both sides
    distiller('RTMCCHead', 'RTMCCHead', losses=dict(simcc=loss))
    distiller('SimCCHead', 'RTMCCHead', losses=dict(simcc=dict(loss, beta=1.0, teacher_beta=10.0)))
    mmposes = dict(type='KLDiscretLoss', beta=10.0, label_softmax=True)
    distiller('RTMCCHead', 'RTMCCHead', losses=dict(simcc=mmposes))
    assert said == []
    distiller('SimCCHead', 'RTMCCHead', losses=dict(simcc=loss))
    distiller('RTMCCHead', 'SimCCHead', losses=dict(simcc=loss))
    ours, theirs = said
    assert "takes the student's logits times 10.0 (beta), the student's own loss times 1.0" in ours
    assert "the teacher's own loss times 1.0: set teacher_beta=1.0" in theirs


def test_coordinates_in_pixels_are_said(monkeypatch):
    said = said_of(monkeypatch, quantity_checks)
    distiller()
    assert said == []
    register_adapter(StrangeHead)(lambda head, output: dict(coordinates=48 * output))
    distiller(model_config('RegressionHead', type='StrangeHead'))
    (text,) = said
    assert "the student's coordinates reach" in text
    assert 'have the adapter of StrangeHead divide them by the input size' in text


def test_tokens_of_a_token_head_lie_on_its_grid():
    layer = dict(type='FeatureLoss', module='head.mct.encoder.layers[-1]')
    assert distiller('MCTHead', 'MCTHead', losses=dict(features=dict(layer, grid=(4, 4))))
    message = (
        r"student's visual tokens lie on \(4, 4\) \(rows, columns\), not \(2, 4\): set student_g"
    )
    with pytest.raises(ValueError, match=message):
        distiller('MCTHead', 'MCTHead', losses=dict(features=dict(layer, grid=(2, 4))))


def test_what_the_losses_have_is_no_module_of_the_student():
    losses = dict(
        of('backbone[-1]'), more=dict(type='FeatureLoss', module='distillation_losses.more')
    )
    with pytest.raises(ValueError, match="no module 'distillation_losses.more'") as error:
        distiller(losses=losses)
    assert 'distillation_losses.' not in str(error.value).split(';')[1]


@MODELS.register_module()
class ListingHead(RegressionHead):
    """Gives its loss in parts, as heads of several stages do."""

    def loss(self, feats, batch_data_samples, train_cfg=None):
        loss = super().loss(feats, batch_data_samples)['loss_kpt']
        return dict(loss_kpt=[loss, 2 * loss], acc_pose=[loss])


def test_a_loss_in_parts_is_weighted_part_by_part():
    register_adapter(ListingHead)(lambda head, output: dict(coordinates=output))
    student = model_config('RegressionHead', type='ListingHead')
    whole, half = (distiller(student, student_loss_weight=w) for w in (1.0, 0.5))
    expected, found = (model.loss(**batch_for(model)) for model in (whole, half))
    torch.testing.assert_close(found['loss_kpt'], [0.5 * one for one in expected['loss_kpt']])
    torch.testing.assert_close(found['acc_pose'], expected['acc_pose'])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_a_teacher_of_another_size_gets_its_images_in_half_precision(dtype):
    size = (96, 128)
    decoder = dict(type='SimCCLabel', input_size=size, sigma=2.0, simcc_split_ratio=2.0)
    head = dict(input_size=size, in_featuremap_size=(24, 32), decoder=decoder)
    model = distiller(teacher=model_config('RTMCCHead', **head))
    images = random_images(SIZE)
    expected = model._inputs(images, model, model.teacher)
    found = model.to(dtype)._inputs(images.to(dtype), model, model.teacher)
    assert found.dtype == dtype and found.shape[2:] == (128, 96)
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)


def test_a_teacher_that_is_not_there_is_not_needed_for_a_test(tmp_path):
    with pytest.raises(
        FileNotFoundError, match='to test or export the student no teacher is'
    ) as error:
        distiller(teacher_ckpt=str(tmp_path / 'gone.pth'), allow_untrained=False)
    assert 'model.teacher_ckpt=None model.allow_untrained=True' in str(error.value)
