"""What a training takes from the file that it goes on from, and what it does not."""

from __future__ import annotations

from pathlib import Path

from mmpose_sdpose.checkpoint import read_checkpoint
from mmpose_sdpose.engine.resume import keep_state_alone

import pytest
import torch

from ..small_training import small_runner, weights

GUARD = [dict(type='CheckpointGuardHook')]
SCORES = (1.0, 2.0, 3.0)


@pytest.fixture
def hostile(tmp_path) -> Path:
    """A checkpoint of a training, harmless to weights_only, that brings code and paths."""
    small_runner(tmp_path / 'first', GUARD, SCORES[:2]).train()
    checkpoint = read_checkpoint(tmp_path / 'first/epoch_2.pth')
    code = f'import pathlib\npathlib.Path({str(tmp_path / "trace")!r}).touch()\n'
    checkpoint['meta'].update(config=code, cfg=code)
    checkpoint['message_hub']['runtime_info'].update(
        cfg=code,
        best_ckpt=str(tmp_path / 'precious.pth'),
        last_ckpt=str(tmp_path / 'precious.pth'),
        keep_ckpt_ids=['../../precious'],
        toy_ann_file='/etc/passwd',
        best_score=float('nan'),
    )
    (tmp_path / 'precious.pth').write_text('precious')
    torch.save(checkpoint, tmp_path / 'hostile.pth')
    return tmp_path / 'hostile.pth'


def test_no_code_is_run_and_no_path_followed(hostile, tmp_path):
    runner = small_runner(tmp_path / 'second', GUARD, SCORES, resume=True, load_from=str(hostile))
    runner.train()
    assert runner.epoch == 3
    assert not (tmp_path / 'trace').exists()
    assert (tmp_path / 'precious.pth').read_text() == 'precious'
    written = read_checkpoint(tmp_path / 'second/epoch_3.pth')
    info = written['message_hub']['runtime_info']
    assert 'toy_ann_file' not in info and 'trace' not in info['cfg']
    assert info['best_score'] == 3.0
    assert 'trace' not in written['meta']['cfg'] and 'config' not in written['meta']


def test_a_test_does_not_take_them_either(hostile, tmp_path):
    runner = small_runner(
        tmp_path / 'test',
        GUARD,
        load_from=str(hostile),
        test_dataloader=dict(small_runner(tmp_path / 'x')._val_dataloader),
        test_cfg=dict(),
        test_evaluator=[],
    )
    runner.load_or_resume()
    assert 'trace' not in str(runner.message_hub.runtime_info)
    assert not (tmp_path / 'trace').exists()


def test_weights_optimizer_schedules_and_counters_are_taken(tmp_path):
    hooks = [*GUARD, dict(type='EpochSeedHook')]
    whole = small_runner(tmp_path, hooks, SCORES, checkpoint=dict(max_keep_ckpts=-1))
    whole.train()
    path = str(tmp_path / 'epoch_2.pth')
    part = small_runner(tmp_path / 'part', hooks, SCORES, resume=True, load_from=path)
    part.train()
    torch.testing.assert_close(weights(part), weights(whole), rtol=0, atol=0)
    states = [
        [state['exp_avg'] for state in runner.optim_wrapper.optimizer.state.values()]
        for runner in (part, whole)
    ]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert part.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()
    assert part.iter == whole.iter == 6
    assert part.message_hub.get_info('best_score') == 3.0


def test_counters_and_the_own_best_file_are_kept(tmp_path):
    (tmp_path / 'best_AP_epoch_3.pth').touch()
    info = dict(
        best_ckpt='/other/best_AP_epoch_3.pth',
        best_ckpt_AR='/other/best_AR_epoch_3.pth',
        best_score=0.5,
        keep_ckpt_ids=[2, 3],
        iter=7,
        cfg='code',
        path='/other',
    )
    hub = dict(log_scalars={}, runtime_info=info, resumed_keys={})
    checkpoint = dict(meta=dict(epoch=3, cfg='code', seed=1), message_hub=hub, optimizer=dict(a=1))
    keep_state_alone(checkpoint, dict(cfg='mine'), tmp_path)
    assert checkpoint == dict(
        meta=dict(epoch=3, seed=1),
        message_hub=dict(
            log_scalars={},
            runtime_info=dict(
                best_ckpt=str(tmp_path / 'best_AP_epoch_3.pth'),
                best_score=0.5,
                keep_ckpt_ids=[2, 3],
                iter=7,
                cfg='mine',
            ),
            resumed_keys={},
        ),
        optimizer=dict(a=1),
    )


@pytest.mark.parametrize(
    ('change', 'why'),
    [
        (lambda c: c.pop('meta'), 'it holds weights, but no state of a training'),
        (lambda c: c.pop('message_hub'), 'it holds weights, but no state of a training'),
        (lambda c: c['meta'].update(epoch='3'), "its epoch is '3'"),
        (lambda c: c['meta'].update(iter=-1), 'its iter is -1'),
        (lambda c: c['message_hub'].update(runtime_info=[]), "has no \\['runtime_info'\\]"),
        (lambda c: c['message_hub'].pop('log_scalars'), "message_hub has no \\['log_scalars'\\]"),
        (
            lambda c: c['state_dict'].update({'layer.bias': torch.tensor([float('inf')])}),
            'layer.bias',
        ),
        (lambda c: c.update(ema_state_dict={'module.a': torch.tensor([float('nan')])}), 'module.a'),
    ],
)
def test_what_cannot_be_resumed_is_named(change, why, tmp_path):
    small_runner(tmp_path / 'first', GUARD, SCORES[:1]).train()
    checkpoint = read_checkpoint(tmp_path / 'first/epoch_1.pth')
    change(checkpoint)
    torch.save(checkpoint, tmp_path / 'changed.pth')
    runner = small_runner(
        tmp_path / 'second', GUARD, SCORES, resume=True, load_from=str(tmp_path / 'changed.pth')
    )
    with pytest.raises(ValueError, match=f'changed.pth.*{why}'):
        runner.train()


@pytest.mark.parametrize('rate', [None, 0.5])
def test_another_learning_rate_is_said_to_be_without_effect(tmp_path, monkeypatch, rate):
    schedule = dict(type='MultiStepLR', milestones=[1], gamma=0.1)
    small_runner(tmp_path / 'first', GUARD, SCORES[:1], param_scheduler=schedule).train()
    second = small_runner(
        tmp_path / 'second', GUARD, SCORES, resume=True, param_scheduler=schedule,
        load_from=str(tmp_path / 'first/epoch_1.pth'),
    )  # fmt: skip
    if rate:
        second.optim_wrapper['optimizer']['lr'] = rate
    warned = []
    monkeypatch.setattr(second.logger, 'warning', warned.append)
    second.train()
    said = [text for text in warned if 'goes on with its own learning rates' in text]
    assert len(said) == bool(rate)
    if rate:
        assert 'learning rates, from 0.1 where the config gives 0.5: to train on' in said[0]


def test_a_training_with_another_optimizer_is_not_resumed(tmp_path):
    small_runner(tmp_path / 'first', GUARD, SCORES[:2]).train()
    checkpoint = read_checkpoint(tmp_path / 'first/epoch_2.pth')
    for group in checkpoint['optimizer']['param_groups']:
        del group['betas']  # as of SGD
        group['momentum'] = 0.9
    torch.save(checkpoint, tmp_path / 'other.pth')
    runner = small_runner(
        tmp_path / 'second', GUARD, SCORES, resume=True, load_from=str(tmp_path / 'other.pth')
    )
    with pytest.raises(ValueError, match='is of a training with another optimizer than'):
        runner.train()
