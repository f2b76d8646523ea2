"""A training that is ended at any moment of saving goes on from there, and loses nothing."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from mmpose_sdpose.checkpoint import read_checkpoint
from mmpose_sdpose.engine import newest_checkpoint

import pytest
import torch

from ..small_training import Killed, Killer, small_runner, weights

HOOKS = [dict(type='CheckpointGuardHook'), dict(type='EpochSeedHook')]
SCORES = (1.0, 2.0, 1.0, 3.0)


def killed_at(moment: int, folder: Path, monkeypatch) -> Killer:
    killer = Killer(moment)
    runner = small_runner(folder, HOOKS, SCORES)
    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', killer.wrap(os.replace))
        patch.setattr(os, 'remove', killer.wrap(os.remove))
        with suppress(Killed):
            runner.train()
    return killer


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    runner = small_runner(tmp_path_factory.mktemp('whole'), HOOKS, SCORES)
    runner.train()
    return runner


# Of 4 epochs: 4 checkpoints, 3 of them written again with a new best one; 7 pointers; 3 best ones; 5
# files that go.
MOMENTS = 22


def test_there_are_as_many_moments(tmp_path, monkeypatch):
    assert killed_at(-1, tmp_path, monkeypatch).count == MOMENTS


@pytest.mark.parametrize('moment', range(1, MOMENTS + 1))
def test_killed_at_any_moment(moment, uninterrupted, tmp_path, monkeypatch):
    killer = killed_at(moment, tmp_path, monkeypatch)
    epochs = [name for name in killer.saved if name.startswith('epoch_')]
    if epochs:  # the newest that was ever whole is there, and whole
        newest = newest_checkpoint(tmp_path)
        assert newest.name == epochs[-1]
        assert read_checkpoint(newest)['meta']['epoch'] == int(epochs[-1][6:-4])
    best = [name for name in killer.saved if name.startswith('best_')]
    if best:
        read_checkpoint(tmp_path / best[-1])
    resumed = small_runner(tmp_path, HOOKS, SCORES, resume=True)
    resumed.train()
    torch.testing.assert_close(weights(resumed), weights(uninterrupted), rtol=0, atol=0)
    # MMEngine does not repeat the evaluation of the last epoch where that was cut off.
    evaluated = epochs[-1:] != ['epoch_4.pth'] or 'best_toy_AP_epoch_4.pth' in best
    expected = {'epoch_4.pth', f'best_toy_AP_epoch_{4 if evaluated else 2}.pth'}
    assert expected <= {path.name for path in tmp_path.glob('*.pth')}
    assert not [path for path in tmp_path.iterdir() if 'partial' in path.name]


def test_what_is_outdated_goes(uninterrupted):
    names = sorted(path.name for path in Path(uninterrupted.work_dir).glob('*.pth'))
    assert names == ['best_toy_AP_epoch_4.pth', 'epoch_4.pth']


def test_several_are_kept(tmp_path):
    small_runner(tmp_path, HOOKS, checkpoint=dict(max_keep_ckpts=2, save_best=None)).train()
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['epoch_3.pth', 'epoch_4.pth']
    small_runner(tmp_path / 'all', HOOKS, checkpoint=dict(max_keep_ckpts=-1)).train()
    assert len(list((tmp_path / 'all').glob('epoch_*.pth'))) == 4


def test_a_resumed_copy_leaves_the_original_alone(tmp_path):
    original, copy = tmp_path / 'original', tmp_path / 'copy'
    small_runner(original, HOOKS, SCORES[:2]).train()
    before = {path.name: path.read_bytes() for path in original.glob('*') if path.is_file()}
    shutil.copytree(original, copy)
    runner = small_runner(copy, HOOKS, SCORES, resume=True)
    runner.train()
    assert runner.epoch == 4
    assert {p.name: p.read_bytes() for p in original.glob('*') if p.is_file()} == before
    names = sorted(path.name for path in copy.glob('*.pth'))
    assert names == ['best_toy_AP_epoch_4.pth', 'epoch_4.pth']


@pytest.mark.parametrize('pointer', ['', 'epoch_9.pth', '/elsewhere/epoch_3.pth', None])
def test_the_newest_whole_file_is_found_whatever_the_pointer_says(pointer, tmp_path):
    small_runner(tmp_path, HOOKS, SCORES, checkpoint=dict(max_keep_ckpts=-1)).train()
    (tmp_path / 'last_checkpoint').unlink()
    if pointer is not None:
        (tmp_path / 'last_checkpoint').write_text(pointer)
    (tmp_path / 'epoch_4.pth').write_bytes((tmp_path / 'epoch_4.pth').read_bytes()[:500])
    torch.save(dict(state_dict=dict(a=torch.zeros(1))), tmp_path / 'epoch_7.pth')
    assert newest_checkpoint(tmp_path).name == 'epoch_3.pth'


def test_a_longer_training_of_before_is_not_taken_up(tmp_path):
    """The work directory of an old run is used again: the pointer says which is the newer."""
    small_runner(tmp_path, HOOKS, SCORES, checkpoint=dict(max_keep_ckpts=-1)).train()
    for path in tmp_path.glob('epoch_*.pth'):
        os.utime(path, (1, 1))
    small_runner(tmp_path, HOOKS, SCORES[:2], checkpoint=dict(max_keep_ckpts=-1)).train()
    assert newest_checkpoint(tmp_path).name == 'epoch_2.pth'


def test_checkpoints_elsewhere_are_found_by_the_pointer(tmp_path):
    elsewhere = dict(out_dir=str(tmp_path / 'out'))
    small_runner(tmp_path / 'work', HOOKS, SCORES[:2], checkpoint=elsewhere).train()
    assert newest_checkpoint(tmp_path / 'work') == tmp_path / 'out/work/epoch_2.pth'
    runner = small_runner(tmp_path / 'work', HOOKS, SCORES, checkpoint=elsewhere, resume=True)
    runner.train()
    names = sorted(path.name for path in (tmp_path / 'out/work').glob('*.pth'))
    assert names == ['best_toy_AP_epoch_4.pth', 'epoch_4.pth']


def test_with_nothing_whole_a_training_begins_anew(tmp_path, uninterrupted):
    (tmp_path / 'epoch_3.pth').write_bytes(b'half')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    runner = small_runner(tmp_path, HOOKS, SCORES, resume=True)
    runner.train()
    torch.testing.assert_close(weights(runner), weights(uninterrupted), rtol=0, atol=0)
