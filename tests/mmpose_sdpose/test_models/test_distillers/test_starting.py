"""A student that starts from parts of its teacher."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mmpose_sdpose.models.distillers import TopdownDistiller, starting

import pytest
import torch
from torch import Tensor

from ...small_models import (
    build,
    distillation,
    resnet_heatmap_model,
    rtmpose_model,
    token_heatmap_model,
    token_regression_model,
)
from .pairs import build as build_only
from .pairs import loss_of, model_config
from .test_own_state import train

COCO = dict(from_file='configs/_base_/datasets/coco.py')
CROWDPOSE = dict(from_file='configs/_base_/datasets/crowdpose.py')
LAYERS = 'head.mct.encoder.layers'
TOKENS = 'head.mct.keypoint_tokens'
COORDINATES = dict(type='SmoothL1Loss', use_target_weight=True)


def distiller(student: dict, teacher: dict, parts: object, **options) -> TopdownDistiller:
    """With its start, which a training's ``init_weights`` makes; the teacher has seed 0 too."""
    config = distillation(student, teacher, dict(coordinates=COORDINATES), start_from_teacher=parts)
    return build({**config, **options})


def check_start(model: TopdownDistiller, plain: TopdownDistiller, expected: Mapping[str, str]):
    """All weights: those of the teacher that ``expected`` names, the others as without it."""
    theirs, before = model.teacher.state_dict(), plain.state_dict()
    start = {name: theirs[expected[name]] if name in expected else before[name] for name in before}
    torch.testing.assert_close(dict(model.state_dict()), start, rtol=0, atol=0)
    assert all(not torch.equal(start[name], before[name]) for name in expected if changes(name))


def changes(name: str) -> bool:
    """Whether two random models differ in it: norms and biases begin alike."""
    return bool(re.search(r'(conv\d|proj|qkv|patch_embed)\.weight|tokens', name))


def names_under(state: Mapping[str, Tensor], path: str) -> list[str]:
    return [name for name in state if name == path or name.startswith(f'{path}.')]


def deeper(model: dict) -> dict:
    """With a stage more, which its head does not see."""
    stages = dict(num_stages=2, strides=(1, 2), dilations=(1, 1))
    return {**model, 'backbone': {**model['backbone'], **stages}}


def test_a_backbone_may_start_from_one_of_more_stages():
    student, teacher = resnet_heatmap_model(), deeper(resnet_heatmap_model())
    model, plain = (distiller(student, teacher, parts) for parts in (['backbone'], []))
    assert len(model.teacher.backbone.state_dict()) > len(model.backbone.state_dict())
    names = names_under(plain.state_dict(), 'backbone')
    assert len(names) > 20
    check_start(model, plain, {name: name for name in names})


def test_layers_and_single_weights_may_start_from_others():
    """As DistilBERT, from layers 2 and 4 of 4; one part of the teacher may start two."""
    parts = {
        f'{LAYERS}.0': f'{LAYERS}.1',
        f'{LAYERS}[1]': f'{LAYERS}[3]',
        f'{LAYERS}.2.attn': f'{LAYERS}.3.attn',
        TOKENS: TOKENS,
        'head.mct.patch_embed': 'head.mct.patch_embed',
    }
    student, teacher = token_regression_model(depth=3), token_heatmap_model(depth=4)
    model, plain = distiller(student, teacher, parts), distiller(student, teacher, {})
    expected = {}
    for ours, theirs in ((0, 1), (1, 3)):
        for name in names_under(plain.state_dict(), f'{LAYERS}.{ours}'):
            expected[name] = name.replace(f'layers.{ours}.', f'layers.{theirs}.')
    for name in names_under(plain.state_dict(), f'{LAYERS}.2.attn'):
        expected[name] = name.replace('layers.2.', 'layers.3.')
    for name in (TOKENS, 'head.mct.patch_embed.weight', 'head.mct.patch_embed.bias'):
        expected[name] = name
    check_start(model, plain, expected)


def with_keypoints(config: dict, count: int, metainfo: dict | None) -> dict:
    changed = {**config, 'head': {**config['head'], 'out_channels': count}}
    return {**changed, 'metainfo': metainfo} if metainfo else changed


SHARED = list(range(12)), list(range(5, 17))
PAIRS = [(13, 0), (2, 4), (3, 4)]
REVERSED = [(number, 16 - number) for number in range(17)]


@pytest.mark.parametrize(
    'keypoints, options, joints',
    [
        ((14, CROWDPOSE), {}, SHARED),
        ((14, None), dict(keypoint_pairs=PAIRS), tuple(zip(*PAIRS))),
        ((17, COCO), dict(keypoint_pairs=REVERSED), tuple(zip(*REVERSED))),
    ],
    ids=['by names', 'by pairs', 'another order'],
)
@pytest.mark.parametrize('head', ['tokens', 'heatmaps', 'simcc'])
def test_keypoints_of_another_set_start_one_by_one(head, keypoints, options, joints):
    models = dict(
        tokens=(token_regression_model(), [TOKENS], 1),
        heatmaps=(resnet_heatmap_model(), ['head.final_layer'], 0),
        simcc=(rtmpose_model(), ['head.final_layer'], 0),
    )
    config, parts, axis = models[head]
    student, teacher = with_keypoints(config, *keypoints), with_keypoints(config, 17, COCO)
    model, plain = (distiller(student, teacher, given, **options) for given in (parts, []))
    expected = dict(plain.state_dict())
    for name in names_under(expected, parts[0]):
        rows = [slice(None)] * axis
        value = expected[name].clone()
        for ours, theirs in zip(*joints):
            value[(*rows, ours)] = model.teacher.state_dict()[name][(*rows, theirs)]
        assert name.endswith('bias') or not torch.equal(value, expected[name])
        expected[name] = value
    torch.testing.assert_close(dict(model.state_dict()), expected, rtol=0, atol=0)


def test_keypoints_in_one_order_start_together():
    model = distiller(token_regression_model(), token_heatmap_model(), [TOKENS])
    assert torch.equal(model.state_dict()[TOKENS], model.teacher.state_dict()[TOKENS])


def test_what_starts_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(starting, 'print_log', lambda *given: said.append(given[0]))
    distiller(token_regression_model(), token_heatmap_model(), [TOKENS, 'head.mct.patch_embed'])
    assert len(said) == 1
    assert '3 of the ' in said[0] and said[0].endswith(f': {TOKENS}, head.mct.patch_embed')
    distiller(token_regression_model(), token_heatmap_model(), [])
    assert len(said) == 1


def test_weights_are_the_models_own():
    """Training the student moves nothing of the teacher."""
    model = distiller(token_regression_model(), token_heatmap_model(), ['backbone'])
    before = {name: value.clone() for name, value in model.teacher.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    torch.testing.assert_close(dict(model.teacher.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    'parts, options, message',
    [
        (
            ['backbon'],
            {},
            r"the student has no part with weights 'backbon'; did you mean backbone\?",
        ),
        (['keypoint_tokens'], {}, rf"no part with weights 'keypoint_tokens'; did you mean {TOKENS}\?"),
        (['neck'], {}, r"with weights 'neck'; choose from \['backbone', 'head'\]"),
        (
            {'backbone.conv1': 'backbone.conv7'},
            {},
            "the teacher has no part with weights 'backbone.conv7'; did you mean backbone.conv",
        ),
        (
            {'backbone': 'backbone.layer1'},
            {},
            r'backbone.layer1 \(ResLayer\), 36 of 36 weights: backbone.conv1.weight: the teacher has no '
            'backbone.layer1.conv1.weight; ',
        ),
        ({f'{LAYERS}.2': f'{LAYERS}.4'}, {}, rf"the teacher has no part with weights '{LAYERS}.4'"),
        (
            ['backbone'],
            dict(teacher=resnet_heatmap_model()),
            r"student's backbone \(StemNet\) does not fit the teacher's backbone \(ResNet\), 29 of 36 "
            r'weights: backbone.conv1.weight: \(8, 3, 3, 3\) in the student, \(8, 3, 7, 7\) in',
        ),
        (
            {'backbone.conv1': 'head.mct.patch_embed'},
            {},
            r'1 of 1 weights: backbone.conv1.weight: \(8, 3, 3, 3\) in the student, \(32, 16, 4, 3\) in',
        ),
        (
            {TOKENS: 'head.mct.patch_embed'},
            {},
            rf'student.s {TOKENS} does not fit the teacher.s head.mct.patch_embed \(Conv2d\), 1 of 1 '
            rf'weights: {TOKENS}: the teacher has no head.mct.patch_embed; leave it out, or name pa',
        ),
        (
            [LAYERS],
            dict(teacher=token_heatmap_model(depth=2)),
            rf'11 of 33 weights: {LAYERS}.2.norm1.weight: the teacher has no {LAYERS}.2.norm1.weight; ',
        ),
        (
            [TOKENS],
            dict(teacher=token_heatmap_model(embed_dims=16)),
            r'tokens: \(1, 17, 32\) in the student, \(1, 17, 16\) in the teacher',
        ),
        (['backbone', 'backbone'], {}, 'names backbone of the student twice: once is enough'),
        (
            {f'{LAYERS}.0': f'{LAYERS}.0', f'{LAYERS}[0]': f'{LAYERS}.1'},
            {},
            rf'names {LAYERS}.0 of the student twice',
        ),
        (['backbone', 'backbone.conv1'], {}, 'backbone.conv1 of the student is a part of backbone: '),
        (['backbone.conv1', 'backbone'], {}, 'backbone.conv1 of the student is a part of backbone: '),
        (['backbone'], dict(teacher='ema'), 'leave teacher_ckpt and start_from_teacher out'),
    ],
)  # fmt: skip
def test_a_start_that_cannot_be_is_named_at_construction(parts, options, message):
    given = dict(student=token_regression_model(), teacher=token_heatmap_model(), parts=parts)
    with pytest.raises(ValueError, match=message):
        distiller(**{**given, **options})


def test_what_only_training_uses_does_not_start_from_a_teacher():
    """A teacher is loaded without, and would give random weights."""
    student = token_regression_model(loss=dict(type='RLELoss', use_target_weight=True))
    plain = distiller(student, student, [])
    flow = names_under(plain.state_dict(), 'head.loss_module')
    assert flow
    names = [name for name in names_under(plain.state_dict(), 'head') if name not in flow]
    check_start(distiller(student, student, ['head']), plain, {name: name for name in names})
    with pytest.raises(ValueError, match='head.loss_module of the student is for training alone'):
        distiller(student, student, ['head.loss_module'])


@pytest.mark.parametrize(
    'parts, message',
    [
        (True, r"start_from_teacher \(True\) must be a list of paths, \['backbone'\], or a dict"),
        ('backbone', r"start_from_teacher \('backbone'\) must be a list of paths"),
        ([3], 'start_from_teacher: 3 must be the path of a part, such as backbone.layer1'),
        ({'backbone': None}, 'start_from_teacher: None must be the path of a part'),
        ([('backbone', 'backbone')], 'must be the path of a part, .* a dict says another one of the'),
    ],
)  # fmt: skip
def test_what_is_no_path_is_named(parts, message):
    with pytest.raises(TypeError, match=message):
        distiller(token_regression_model(), token_heatmap_model(), parts)


def starting_student() -> TopdownDistiller:
    return build_only(
        distillation(
            model_config('HeatmapHead'),
            model_config('HeatmapHead'),
            dict(heatmaps=loss_of('heatmaps')),
            start_from_teacher=['backbone', 'head.final_layer'],
        )
    )


def parameters(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_a_training_starts_so_and_load_from_wins(tmp_path):
    still = dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)), epochs=1)
    model = train(tmp_path / 'start', starting_student, **still).model
    theirs = dict(model.teacher.named_parameters())
    torch.testing.assert_close(parameters(model), theirs, rtol=0, atol=0)
    torch.manual_seed(7)
    other = starting_student().apply(lambda m: getattr(m, 'reset_parameters', int)())
    torch.save(dict(state_dict=other.state_dict()), tmp_path / 'other.pth')
    loaded = train(
        tmp_path / 'loaded', starting_student, load_from=str(tmp_path / 'other.pth'), **still
    ).model
    torch.testing.assert_close(parameters(loaded), parameters(other), rtol=0, atol=0)
    assert not torch.equal(
        parameters(other)['backbone.conv1.weight'], theirs['backbone.conv1.weight']
    )


def test_a_resumed_training_does_not_start_again(tmp_path):
    whole = train(tmp_path / 'whole', starting_student, epochs=2).model
    path = str(tmp_path / 'whole/epoch_1.pth')
    part = train(tmp_path / 'part', starting_student, epochs=2, resume=True, load_from=path).model
    torch.testing.assert_close(part.state_dict(), whole.state_dict(), rtol=0, atol=0)
