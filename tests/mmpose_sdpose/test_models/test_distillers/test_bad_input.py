"""What users mistype: each is a sentence when the model is built, with the value and the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmpose_sdpose.models.distillers import register_adapter, register_quantity

import pytest
import torch
from mmpose.models import TopdownPoseEstimator
from mmpose.models.heads import RegressionHead
from mmpose.registry import MODELS
from torch import nn

from ...small_models import build, distillation, token_heatmap_model, token_regression_model
from .pairs import model_config

COORDINATES = dict(type='SmoothL1Loss', use_target_weight=True)
LAYER = dict(type='FeatureLoss', module='head.mct.encoder.layers[0]')
STUDENT, TEACHER = token_regression_model(depth=1), token_heatmap_model(depth=2)


def distiller(**options: Any) -> nn.Module:
    config = distillation(STUDENT, TEACHER, dict(coordinates=COORDINATES))
    return build({**config, **options})


@MODELS.register_module()
class GivesVector(nn.Module):
    def forward(self, student, teacher):
        return (student - teacher).flatten(1).mean(1)


@MODELS.register_module()
class IsNoModule:
    pass


@register_quantity('broken', 'B K', select=None)
def broken(side):
    return side.head.nothing


@register_quantity('nothing_at_all', 'B K', select=None)
def nothing_at_all(side):
    return None


@pytest.mark.parametrize(
    'name, loss, message',
    [
        (
            'coordinates',
            dict(COORDINATES, loss_weight=-1.0),
            r'losses.coordinates: loss_weight \(-1.0\) must not be negative',
        ),
        (
            'coordinates',
            dict(COORDINATES, loss_weight='abc'),
            r"losses.coordinates: loss_weight \('abc'\) must be a number",
        ),
        (
            'coordinates',
            dict(type='SmoothL1Loss', use_target_weigh=True),
            "losses.coordinates: a SmoothL1Loss has no option 'use_target_weigh'; did you mean use_t",
        ),
        (
            'features',
            dict(type='FeatureLoss', student_modul='backbone', teacher_module='backbone'),
            "losses.features: a FeatureLoss has no option 'student_modul'; did you mean student_module",
        ),
        (
            'coordinates',
            {**COORDINATES, 'module': 'backbone'},
            "losses.coordinates: a SmoothL1Loss has no option 'module'; choose from",
        ),
        (
            'coordinates',
            dict(type='SmoothL1Los'),
            "losses.coordinates: 'SmoothL1Los' is no registered loss; custom_imports .* mean SmoothL1L",
        ),
        ('coordinates', dict(type=5), 'losses.coordinates: 5 is no registered loss'),
        (
            'features',
            dict(type='FeatureLoss', module='backbone', reduction='max'),
            r"losses.features: reduction \('max'\) must be one of",
        ),
        (
            'features',
            dict(type='FeatureLoss', module='backbone', loss_weight='1'),
            r"losses.features: loss_weight \('1'\) must be a number",
        ),
        ('coordinates', dict(type='IsNoModule'), 'a IsNoModule is no torch.nn.Module, as losses are'),
        (
            'coordinates',
            dict(type='GivesVector'),
            r'GivesVector gives no single number, but \(3,\): have it average',
        ),
        ('a.b', {**COORDINATES, 'on': 'coordinates'}, "losses has a loss named 'a.b'"),
        ('', {**COORDINATES, 'on': 'coordinates'}, "losses has a loss named ''"),
        ('keys', {**COORDINATES, 'on': 'coordinates'}, "losses has a loss named 'keys'"),
        (3, {**COORDINATES, 'on': 'coordinates'}, 'losses has a loss named 3'),
        ('a', {**COORDINATES, 'on': ['coordinates']}, r"on \(\['coordinates'\]\) must be a quantity"),
        ('a', {**COORDINATES, 'on': 5}, r'on \(5\) must be a quantity'),
        ('coordinates', {**COORDINATES, 'on': ''}, "losses.coordinates compares '', unknown"),
        (
            'a',
            {**COORDINATES, 'on': dict(student=5, teacher='coordinates')},
            "on .*'student': 5.* must name quantities of both sides",
        ),
        (
            'a',
            {**COORDINATES, 'on': dict(student=[['coordinates']], teacher='coordinates')},
            'must name quantities of both sides',
        ),
        (
            'features',
            dict(type='FeatureLoss', module='backbone', weights='teacher'),
            "a FeatureLoss takes no weights of joints: leave weights='teacher' out",
        ),
        (
            'coordinates',
            dict(type='SmoothL1Loss', weights='teacher'),
            "a SmoothL1Loss ignores weights='teacher': set use_target_weight=True",
        ),
        (
            'coordinates',
            {**COORDINATES, 'on': dict(student='coordinates', teacher=['coordinates', 'scores'])},
            r'a SmoothL1Loss takes 2 quantities \(output, target\), and is to compare 3, .*by weights=',
        ),
        (
            'coordinates',
            dict(type='RLELoss'),
            r'forward of a RLELoss needs target besides the 2 quantities: name as many with on=',
        ),
        (
            'a',
            dict(type='FeatureLoss', on=dict(student=['coordinates'] * 2, teacher='coordinates')),
            r'FeatureLoss takes 2 quantities \(student, teacher\), and is to compare 3',
        ),
        (
            'features',
            dict(type='FeatureLoss', module=5),
            r'^features of the student: module \(5\) must be a path',
        ),
        ('features', dict(type='FeatureLoss', module=''), "student: there is no module ''; choose from"),
        (
            'features',
            dict(type='FeatureLoss', module='backbone[7]'),
            r"^the student's backbone\[7\]: it gives 1 values, counted from 0",
        ),
        ('features', {**LAYER, 'grid': 5}, r'student_grid \(5\) must be two whole numbers: rows and'),
        ('features', {**LAYER, 'grid': 'ab'}, r"student_grid \('ab'\) must be two whole numbers"),
        ('features', {**LAYER, 'grid': (4,)}, r'student_grid \(\(4,\)\) must be two whole'),
        ('features', {**LAYER, 'grid': (-2, -2)}, r'student_grid \(-2\) must be at least 1'),
        (
            'attention',
            dict(type='Distance', layers=5),
            r'attention of the student: layers \(5\) must be a list of layers, counted from 1',
        ),
        ('attention', dict(type='Distance', layers=[]), r'layers \(\(\)\) must be a list'),
        ('attention', dict(type='Distance', layers=['a']), r"a layer \('a'\) must be a whole number"),
        ('attention', dict(type='Distance', layers=[0]), r'a layer \(0\) must be at least 1'),
        (
            'attention',
            dict(type='Distance', student_layers=[1], teacher_layers=[3]),
            '^attention of the teacher: there is no layer 3, the encoder has 2, counted from 1',
        ),
        (
            'broken',
            dict(type='GivesVector'),
            "losses.broken: the student's broken cannot be read .AttributeError: .*nothing.*: mend the",
        ),
        (
            'nothing_at_all',
            dict(type='GivesVector'),
            r"student's nothing_at_all is \[None\], but should be B K",
        ),
        ('simcc', dict(type='SimCCDistributionLoss'), 'needs simcc of the student, .* gives: coord'),
    ],
)  # fmt: skip
def test_a_loss_that_cannot_be_is_named(name, loss, message):
    with pytest.raises((TypeError, ValueError), match=message):
        distiller(losses={name: loss})


def test_two_quantities_are_blamed_for_their_own_alone():
    """What one module gives is not said to be another's."""
    losses = dict(
        features=dict(type='FeatureLoss', module='backbone[7]'),
        attention=dict(type='AttentionTransferLoss', layer_pairs=[(1, 2)]),
    )
    with pytest.raises(ValueError, match=r"^the student's backbone\[7\]: it gives 1 values"):
        distiller(losses=losses)


def test_weights_that_count_as_the_loss_does_anyway_may_be_said():
    loss = dict(type='FeatureLoss', module='backbone', weights='all')
    model = distiller(losses=dict(features=loss, coordinates=dict(type='L1Loss', weights='all')))
    assert list(model.distillation_losses) == ['features', 'coordinates']


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(frozen=['backbone[-1]']), r'backbone\[-1\] is a value .*: name the module, backbone$'),
        (dict(frozen=['data_preprocessor']), 'frozen: data_preprocessor has no weights'),
        (dict(frozen=['']), "frozen: there is no module ''; choose from"),
        (dict(frozen=['backbone', 'head']), r"frozen \(\['backbone', 'head'\]\) leaves nothing to t"),
        (dict(teacher='ema', ema_momentum='text'), r"ema_momentum \('text'\) is the share"),
        (dict(keypoint_pairs=[]), 'keypoint_pairs is empty, so that student and teacher share no keyp'),
        (dict(teacher_ckpt=''), r"teacher_ckpt \(''\) must be the path or URL of a file"),
        (
            dict(teacher_ckpt='http://127.0.0.1:9/x.pth'),
            r'teacher_ckpt \(http://127.0.0.1:9/x.pth\) cannot be fetched .*: try again, or download it',
        ),
        (
            dict(teacher_ckpt='open-mmlab://nothing'),
            r'teacher_ckpt \(open-mmlab://nothing\) cannot be read',
        ),
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_is_named(options, message):
    with pytest.raises((OSError, TypeError, ValueError), match=message):
        distiller(**options)


def without(config: dict, *keys: str) -> dict:
    return {key: value for key, value in config.items() if key not in keys}


@pytest.mark.parametrize('role, model', [('student', STUDENT), ('teacher', TEACHER)])
@pytest.mark.parametrize(
    'change, message',
    [
        (lambda m: dict(m, type='BottomupPoseEstimator'), 'must be a TopdownPoseEstimator, not a Botto'),
        (lambda m: dict(m, type='TopdownPoseEstimater'), 'must be a .*, not a TopdownPoseEstimater'),
        (lambda m: dict(type='StemNet'), 'must be a TopdownPoseEstimator, not a StemNet'),
        (lambda m: without(m, 'head'), 'has no head: say what predicts its keypoints'),
        (lambda m: without(m, 'backbone'), "cannot be built from its config: .* argument: 'backbone'"),
        (lambda m: dict(m, nekc=None), "cannot be built from its config: .* argument 'nekc'"),
        (lambda m: dict(m, backbone=dict(type='StemNett')), 'cannot be built .*: StemNett is not in'),
        (lambda m: dict(m, head=dict(m['head'], decoder=3)), 'cannot be built from its config: '),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_is_named(role, model, change: Callable, message):
    with pytest.raises((TypeError, ValueError), match=f'the {role} {message}'):
        distiller(**{role: change(model)})


@pytest.mark.parametrize('kind', ['mmpose.TopdownPoseEstimator', TopdownPoseEstimator])
def test_a_student_may_be_named_by_scope_or_class(kind):
    model = distiller(student=dict(STUDENT, type=kind))
    assert list(model.state_dict()) == list(build(STUDENT).state_dict())


@pytest.mark.parametrize('role', ['student', 'teacher'])
@pytest.mark.parametrize(
    'name, text, message',
    [
        ('config.py', 'model = dict(type=\n', r'is no config that can be read: SyntaxError: '),
        ('config.py', 'model = dict(type=nothing)\n', r'read: NameError: .*nothing.*; name a config'),
        ('model.pth', 'abc', r'read: OSError: .*; name a config \(.py, .json, .yml\)'),
        ('config.py', 'value = 1\n', 'describes no model: it needs model=dict'),
        ('config.py', "model = 'name'\n", 'describes no model'),
        ('config.py', "_base_ = ['./nothing.py']\n", 'nothing.py'),
    ],
)  # fmt: skip
def test_a_config_file_that_cannot_be_is_named(tmp_path: Path, role, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises((FileNotFoundError, ValueError), match=rf'{role}.*{name}.*{message}'):
        distiller(**{role: str(tmp_path / name)})


def test_a_truncated_checkpoint_is_named_in_a_sentence(tmp_path):
    torch.save(dict(state_dict=build(TEACHER).state_dict()), tmp_path / 'whole.pth')
    whole = (tmp_path / 'whole.pth').read_bytes()
    for name, content in (('torn.pth', whole[: len(whole) // 2]), ('text.pth', b'model = dict()')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f'teacher_ckpt: .*{name} is truncated or no') as error:
            distiller(teacher_ckpt=str(tmp_path / name))
        assert str(error.value).endswith('): copy or download it again')
        assert '\n' not in str(error.value) and '. ' not in str(error.value)


@MODELS.register_module()
class MistakenHead(RegressionHead):
    """Whose adapter does something wrong."""


def read_wrongly(head, output):
    return dict(coordinates=output['coordinates'])


@pytest.mark.parametrize(
    'options, read, message',
    [
        (dict(method='forwrd'), read_wrongly, "MistakenHead reads what its method 'forwrd' gives, but "),
        ({}, read_wrongly, 'of MistakenHead, read_wrongly, cannot read what forward gives: ....*Error'),
        ({}, lambda head: {}, 'cannot read what forward gives: TypeError'),
        (
            {},
            lambda head, output: dict(coordinates=lambda: output.nothing),
            "losses.coordinates: the student's coordinates cannot be read .AttributeError",
        ),
    ],
)  # fmt: skip
def test_an_adapter_that_cannot_read_is_named(options, read, message):
    register_adapter(MistakenHead, **options)(read)
    student = model_config('RegressionHead', type='MistakenHead')
    with pytest.raises(ValueError, match=message):
        distiller(student=student, teacher=model_config('HeatmapHead'))


def test_what_is_registered_without_a_name_is_refused():
    for heads in ((), (read_wrongly,)):
        with pytest.raises(TypeError, match='which classes of heads it reads comes first'):
            register_adapter(*heads)
    with pytest.raises(TypeError, match='the name of a quantity .* comes first'):
        register_quantity(read_wrongly)
