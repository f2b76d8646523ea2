"""What a distillation learns besides the student: connectors and the student's average."""

from __future__ import annotations

import copy
import logging

from mmpose_sdpose.models.distillers import (
    TopdownDistiller,
    collect_state,
    restore_state,
    topdown_distiller,
)

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner, load_checkpoint, load_state_dict
from mmengine.runner.checkpoint import get_state_dict
from torch.utils.data import Dataset

from .pairs import BACKBONE, batch_for, build, labelled_batch, loss_of, model_config

FEATURES = dict(type='FeatureLoss', module='backbone[-1]')
WIDER = {**BACKBONE, 'out_channels': 12}
HOOKS = [
    dict(type='CheckpointGuardHook'),
    dict(type='EpochSeedHook'),
    dict(type='DistillerStateHook'),
]


def distiller(**options) -> TopdownDistiller:
    """Whose features need a connector of 8 to 12 channels."""
    teacher = model_config('HeatmapHead', in_channels=12)
    config = dict(
        type='TopdownDistiller',
        student=model_config('HeatmapHead'),
        teacher={**teacher, 'backbone': WIDER},
        losses=dict(features=FEATURES, heatmaps=loss_of('heatmaps')),
        allow_untrained=True,
    )
    return build({**config, **options})


def ema(momentum: float = 0.25, **options) -> TopdownDistiller:
    losses = dict(coordinates={**loss_of('coordinates')}, features=loss_of('features'))
    return distiller(teacher='ema', ema_momentum=momentum, losses=losses, **options)


def connector(model: TopdownDistiller) -> torch.Tensor:
    (weight,) = [value for name, value in model.named_parameters() if 'connector.weight' in name]
    return weight


def test_a_connector_is_trained_and_is_no_weight_of_the_student(capsys):
    model, plain = distiller(), build(model_config('HeatmapHead'))
    assert connector(model).shape == (12, 8, 1, 1)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert list(get_state_dict(model)) == list(plain.state_dict())
    plain.load_state_dict(model.state_dict(), strict=True)
    model.load_state_dict(plain.state_dict(), strict=True)
    capsys.readouterr()
    load_state_dict(model, plain.state_dict())
    assert 'missing' not in capsys.readouterr().out
    load_state_dict(model, dict(list(plain.state_dict().items())[1:]))
    assert 'missing keys in source' in capsys.readouterr().out
    for paramwise in (None, dict(norm_decay_mult=0.0)):
        cfg = dict(optimizer=dict(type='SGD', lr=0.1, weight_decay=0.1))
        optimizer = build_optim_wrapper(model, {**cfg, 'paramwise_cfg': paramwise})
        before = connector(model).clone()
        model.train_step(labelled(), optimizer)
        assert not torch.equal(connector(model), before)


def labelled() -> dict:
    return copy.deepcopy(labelled_batch())


def test_the_students_random_start_does_not_hang_on_the_losses():
    with_connector, without = distiller(), distiller(losses=dict(heatmaps=loss_of('heatmaps')))
    torch.testing.assert_close(with_connector.state_dict(), without.state_dict(), rtol=0, atol=0)


def test_the_average_by_hand():
    model = ema(momentum=0.25).train()
    optimizer = build_optim_wrapper(model, dict(optimizer=dict(type='SGD', lr=0.5)))
    expected = None
    for _ in range(4):
        state = {name: value.clone() for name, value in model.state_dict().items()}
        if expected is None:
            expected = state
        else:
            for name, value in state.items():
                if value.is_floating_point():
                    value = expected[name] + 0.25 * (value - expected[name])
                expected[name] = value
        model.train_step(labelled(), optimizer)
        torch.testing.assert_close(dict(model.teacher.state_dict()), expected)
    assert not torch.equal(model.teacher.head.final_layer.weight, model.head.final_layer.weight)
    assert all(parameter.grad is None for parameter in model.teacher.parameters())
    assert not any(module.training for module in model.teacher.modules())


def test_the_average_does_not_move_where_nothing_is_trained():
    model = ema().train()
    model.loss(**batch_for(model))
    before = copy.deepcopy(model.teacher.state_dict())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    model.eval().loss(**batch_for(model))
    torch.testing.assert_close(model.teacher.state_dict(), before, rtol=0, atol=0)


def test_state_goes_round():
    model, other = distiller(), distiller()
    with torch.no_grad():
        connector(model).add_(1)
    restore_state(other, collect_state(model))
    assert torch.equal(connector(other), connector(model))
    average, other = ema().train(), ema().train()
    average.loss(**batch_for(average))
    with torch.no_grad():
        for parameter in average.teacher.parameters():
            parameter.add_(1)
    restore_state(other, collect_state(average))
    torch.testing.assert_close(
        other.teacher.state_dict(), average.teacher.state_dict(), rtol=0, atol=0
    )
    assert other.average.started


def test_another_distillations_state_is_refused():
    for state in ({}, dict(losses={'features.connector': torch.zeros(1)})):
        with pytest.raises(
            ValueError, match="its losses of the distillation differ from the model's"
        ):
            restore_state(distiller(), state)


def test_what_is_no_number_is_refused():
    model = distiller()
    state = collect_state(model)
    state['losses']['features.align.connector.bias'] = torch.full((12,), torch.nan)
    with pytest.raises(ValueError, match=r'its distillation state \(losses\) has weights that no'):
        restore_state(model, state)


class People(Dataset):
    """Eight images, each the same each time."""

    def __init__(self) -> None:
        self.packed = labelled_batch(8)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict:
        return copy.deepcopy({name: values[index] for name, values in self.packed.items()})


def train(folder, make, epochs: int = 4, hooks=HOOKS, **options) -> Runner:
    settings = dict(
        work_dir=str(folder),
        train_dataloader=dict(
            dataset=People(),
            batch_size=4,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-2)),
        param_scheduler=dict(type='MultiStepLR', milestones=[2]),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
        custom_hooks=hooks,
        default_scope='mmpose',
        experiment_name=f'{folder.name}',
        log_level='WARNING',
        randomness=dict(seed=1),
    )
    runner = Runner(model=make(), **{**settings, **options})
    runner.train()
    return runner


@pytest.mark.parametrize('make', [distiller, ema], ids=['connector', 'average'])
def test_a_resumed_training_equals_the_uninterrupted_one(make, tmp_path):
    whole = train(tmp_path / 'whole', make).model
    path = str(tmp_path / 'whole/epoch_2.pth')
    part = train(tmp_path / 'part', make, resume=True, load_from=path).model
    torch.testing.assert_close(part.state_dict(), whole.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(collect_state(part), collect_state(whole), rtol=0, atol=0)
    assert collect_state(whole)


@pytest.mark.parametrize('make', [distiller, ema], ids=['connector', 'average'])
def test_the_plain_student_sees_nothing_of_it(make, tmp_path, capsys):
    model = train(tmp_path / 'whole', make, epochs=1).model
    path = str(tmp_path / 'whole/epoch_1.pth')
    plain = build(model_config('HeatmapHead'))
    capsys.readouterr()
    checkpoint = load_checkpoint(plain, path, strict=True)
    assert 'not match' not in capsys.readouterr().out
    torch.testing.assert_close(plain.state_dict(), model.state_dict(), rtol=0, atol=0)
    assert set(checkpoint['distiller']) == ({'losses'} if make is distiller else {'teacher'})


class Says(Hook):
    def __init__(self) -> None:
        self.loaded = False

    def after_load_checkpoint(self, runner, checkpoint):
        self.loaded = True


def test_a_checkpoint_without_it_is_no_start_for_a_resumed_training(tmp_path):
    train(tmp_path / 'whole', distiller, epochs=1, hooks=HOOKS[:2])
    path = str(tmp_path / 'whole/epoch_1.pth')
    with pytest.raises(
        ValueError, match=r'epoch_1.pth cannot be resumed: its losses of the distil'
    ):
        train(tmp_path / 'part', distiller, epochs=2, resume=True, load_from=path)
    says = Says()
    train(tmp_path / 'new', distiller, epochs=1, hooks=[*HOOKS, says], load_from=path)
    assert says.loaded


def test_no_training_goes_on_as_one_of_another_kind(tmp_path):
    """An average is resumed as an average, a connector as a connector, or not at all."""
    for make in (distiller, ema):
        train(tmp_path / make.__name__, make, epochs=1)
    for make, other, message in (
        (ema, distiller, 'its losses of the distillation differ'),
        (
            distiller,
            ema,
            "is of a distillation by teacher='ema', and the model has another teacher",
        ),
        (
            without_connector,
            ema,
            "is of a distillation by teacher='ema', and the model has another",
        ),
        (ema_of_heatmaps, without_connector, 'its teacher of the distillation differ'),
        (
            student,
            distiller,
            'cannot be resumed: it is of a distillation whose losses have weights',
        ),
    ):
        if other is without_connector:
            train(tmp_path / other.__name__, other, epochs=1)
        path = str(tmp_path / other.__name__ / 'epoch_1.pth')
        with pytest.raises(ValueError, match=message):
            train(tmp_path / 'part', make, epochs=2, resume=True, load_from=path)
    train(tmp_path / 'start', ema, epochs=1, load_from=str(tmp_path / 'distiller/epoch_1.pth'))


def without_connector() -> TopdownDistiller:
    teacher = model_config('HeatmapHead')
    return distiller(teacher=teacher, losses=dict(heatmaps=loss_of('heatmaps')))


def ema_of_heatmaps() -> TopdownDistiller:
    return distiller(teacher='ema', losses=dict(heatmaps=loss_of('heatmaps')))


def student() -> torch.nn.Module:
    return build(model_config('HeatmapHead'))


def test_what_is_in_no_checkpoint_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(topdown_distiller, 'print_log', lambda *given: said.append(given))
    model = distiller().train()
    for _ in range(2):
        model.loss(**batch_for(model))
    ((text, logger, level),) = said
    assert "is in no checkpoint: add dict(type='DistillerStateHook') to custom_hooks" in text
    assert (logger, level) == ('current', logging.WARNING)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(teacher_ckpt='some.pth'), 'leave teacher_ckpt and start_from_teacher out'),
        (dict(start_from_teacher=['backbone']), 'leave teacher_ckpt and start_from_teacher out'),
        (dict(momentum=0.0), r'ema_momentum \(0.0\) is the share'),
        (dict(momentum=True), r'ema_momentum \(True\) is the share'),
    ],
)
def test_an_average_that_cannot_be_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        ema(**options)
    with pytest.raises(ValueError, match="ema_momentum is for teacher='ema'"):
        distiller(ema_momentum=0.1)
