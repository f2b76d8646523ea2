from __future__ import annotations

import logging
from types import SimpleNamespace

from mmpose_sdpose.engine import LossWeightHook
from mmpose_sdpose.engine.hooks.loss_weight_hook import factor_at

import pytest
from mmengine.logging import MessageHub
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop


def runner(**factors) -> SimpleNamespace:
    hub = MessageHub.get_instance('test_loss_weight_hook')
    return SimpleNamespace(
        model=SimpleNamespace(loss_factors=factors),
        epoch=0,
        max_epochs=10,
        message_hub=hub,
        logger=logging.getLogger('test_loss_weight_hook'),
        train_loop=EpochBasedTrainLoop.__new__(EpochBasedTrainLoop),
    )


def factors_over(schedule: dict, epochs: int) -> list[float]:
    run = runner(attention=1.0, scores=1.0)
    hook = LossWeightHook(dict(attention=schedule))
    hook.before_train(run)
    result = []
    for run.epoch in range(epochs):
        hook.before_train_epoch(run)
        result.append(run.model.loss_factors['attention'])
    assert run.model.loss_factors['scores'] == 1.0
    return result


@pytest.mark.parametrize(
    'schedule, expected',
    [
        (dict(type='constant', start=0.5), [0.5] * 5),
        (dict(type='linear', end=0, until=4), [1, 0.75, 0.5, 0.25, 0]),
        (dict(type='linear', start=0, end=2, begin=1, until=3), [0, 0, 1, 2, 2]),
        (dict(type='cosine', end=0, until=4), [1, 0.853553, 0.5, 0.146447, 0]),
    ],
)
def test_factors_of_each_epoch(schedule, expected):
    assert factors_over(schedule, 5) == pytest.approx(expected, abs=1e-6)


def test_a_resumed_training_goes_on_where_it_was():
    schedule = dict(type='cosine', end=0, until=10)
    run = runner(attention=1.0)
    run.epoch = 7
    hook = LossWeightHook(dict(attention=schedule))
    hook.before_train_epoch(run)
    assert run.model.loss_factors['attention'] == pytest.approx(factors_over(schedule, 8)[7])
    assert factor_at(schedule, 7) < 0.3


@pytest.mark.parametrize(
    'schedule, message',
    [
        (dict(type='step'), "attention is 'step': choose from"),
        (dict(type='linear', end=0), r"linear schedule of attention has \['end'\]: it needs"),
        (dict(type='constant', end=0), 'may have'),
        (dict(type='cosine', end=0, begin=5, until=5), 'ends at epoch 5, not after it begins'),
    ],
)
def test_schedules_that_cannot_be_are_named(schedule, message):
    with pytest.raises(ValueError, match=message):
        LossWeightHook(dict(attention=schedule))


@pytest.mark.parametrize(
    'schedules, message',
    [
        (None, r'schedules \(None\) must be a dict'),
        ([1], r'schedules \(\[1\]\) must be a dict'),
        (dict(a=5), r'the schedule of a \(5\) must be a dict: dict\(type='),
        (dict(a=dict(type=['linear'])), r"schedule of a is \['linear'\]: choose from"),
        (dict(a=dict(type='linear', end='x', until=3)), r"the end of the schedule of a \('x'\) must"),
        (dict(a=dict(type='linear', end=-1, until=3)), r'the end of .* of a \(-1\) must not be neg'),
        (dict(a=dict(type='linear', end=0, until='x')), r"the until of .* of a \('x'\) must be a num"),
        (dict(a=dict(type='cosine', end=0, until=3, begin=-2)), r'the begin of .* of a \(-2\)'),
        (dict(a=dict(type='constant', start=float('nan'))), 'the start of .* must be finite'),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_named(schedules, message):
    with pytest.raises((TypeError, ValueError), match=message):
        LossWeightHook(schedules)


def test_an_unknown_loss_is_named_before_training():
    hook = LossWeightHook(dict(atention=dict(type='constant')))
    with pytest.raises(ValueError, match=r"\['atention'\].*it compares \['attention'\]"):
        hook.before_train(runner(attention=1.0))
    plain = runner()
    del plain.model.loss_factors
    with pytest.raises(ValueError, match='it is no distiller'):
        hook.before_train(plain)


def test_training_by_iterations_is_refused():
    run = runner(attention=1.0)
    run.train_loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    with pytest.raises(ValueError, match='counts epochs, which a IterBasedTrainLoop has not'):
        LossWeightHook(dict(attention=dict(type='constant'))).before_train(run)


@pytest.mark.parametrize('until, said', [(10, []), (40, [30])])
def test_a_schedule_that_outlasts_the_training_is_said(until, said, caplog):
    schedule = dict(type='linear', end=0, begin=0, until=until)
    LossWeightHook(dict(attention=schedule)).before_train(runner(attention=1.0))
    lines = [record.getMessage() for record in caplog.records if record.levelname == 'WARNING']
    assert len(lines) == len(said)
    for line in lines:
        assert 'schedule of attention ends at epoch 40, the training at epoch 10' in line
        assert 'in its last epoch the factor is 0.775, not 0; set until=10' in line
