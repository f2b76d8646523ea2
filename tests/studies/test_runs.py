from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from types import SimpleNamespace

from mmpose_sdpose.checkpoint import read_checkpoint

import pytest
import torch
from mmengine.config import Config

from projects.studies import runs
from projects.studies.jobs import WEIGHTS, list_jobs
from projects.studies.runs import run_jobs

from ..mmpose_sdpose.small_training import Killed, Killer, small_runner
from .studies import SCALE, arm, study

pytestmark = pytest.mark.skipif(
    sys.platform == 'win32', reason='the stand-in for the training reaches forked processes alone'
)


def jobs_of(tmp_path, *arms):
    return list_jobs(study(*arms), SCALE, tmp_path, seeds=1)


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """Instead of training, note who ran when; an arm called bad fails, one called killed is killed."""
    notes = tmp_path / 'notes'

    def train(config, tell, threads):
        name = config.work_dir.split('/')[-2].rsplit('-', 1)[0]
        tell(0.5)
        with open(notes, 'a') as file:
            file.write(f'{name} begins\n')
        time.sleep(0.3)
        folder = config.work_dir
        if name == 'bad':
            with open(f'{folder}/log.txt', 'w') as log:
                log.write('ValueError: so it goes\n\n')
            os._exit(1)
        if name == 'parent':  # data loaders are such children
            child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(0.1,))
            child.start()
            child.join()
        if name == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)
        with open(notes, 'a') as file:
            file.write(f'{name} ends\n')
        with open(f'{folder}/result.json', 'w') as file:
            json.dump(dict(metrics={'coco/AP': 0.5}), file)

    monkeypatch.setattr(runs, 'train', train)
    monkeypatch.setattr(runs, 'WAIT_S', 0.02)
    return lambda: notes.read_text().split('\n')[:-1] if notes.exists() else []


def endings(events) -> dict[str, str]:
    return {
        event.job.arm.name: f'{event.kind} {event.why}'.strip()
        for event in events
        if event.kind != 'running'
    }


def test_what_is_done_is_not_repeated(tmp_path, trainings):
    jobs = jobs_of(tmp_path, arm('a'), arm('b', randomness__deterministic=True))
    assert endings(run_jobs(jobs)) == dict(a='done', b='done')
    assert trainings() == ['a begins', 'a ends', 'b begins', 'b ends']
    assert endings(run_jobs(jobs)) == {}
    assert len(trainings()) == 4


def test_a_failure_takes_only_those_with_it_that_need_it(tmp_path, trainings):
    jobs = jobs_of(
        tmp_path,
        arm('bad'),
        arm('needs_bad', load_from='run:bad'),
        arm('needs_that', load_from='run:needs_bad'),
        arm('good', randomness__deterministic=True),
    )
    ended = endings(run_jobs(jobs))
    assert ended['bad'].startswith('failed ValueError: so it goes (see ')
    assert ended['needs_bad'] == 'failed needs bad seed 1, which failed'
    assert ended['needs_that'] == 'failed needs needs_bad seed 1, which failed'
    assert ended['good'] == 'done'
    assert [job.done for job in jobs] == [False, False, False, True]


def test_a_killed_run_is_said_to_be_killed(tmp_path, trainings):
    ended = endings(run_jobs(jobs_of(tmp_path, arm('killed'))))
    assert ended['killed'].startswith('failed ended by signal 9 (out of memory?)')


def test_a_run_may_have_processes_of_its_own(tmp_path, trainings):
    assert endings(run_jobs(jobs_of(tmp_path, arm('parent')))) == dict(parent='done')


def test_two_at_once_and_the_needed_one_first(tmp_path, trainings):
    jobs = jobs_of(
        tmp_path, arm('a'), arm('b', load_from='run:a'), arm('c', randomness__deterministic=True)
    )
    assert endings(run_jobs(jobs, at_once=2)) == dict(a='done', b='done', c='done')
    notes = trainings()
    assert set(notes[:2]) == {'a begins', 'c begins'}
    assert notes.index('b begins') > notes.index('a ends')


def test_progress_is_told(tmp_path, trainings):
    shares = [event.share for event in run_jobs(jobs_of(tmp_path, arm('a')))]
    assert 0.5 in shares
    assert shares[-1] == 1.0


def test_stopping_ends_what_runs_and_the_next_time_goes_on(tmp_path, trainings):
    jobs = jobs_of(tmp_path, arm('a'))
    events = run_jobs(jobs)
    while 'a begins' not in trainings():
        next(events)
    events.close()
    assert not jobs[0].done
    assert endings(run_jobs(jobs)) == dict(a='done')


def test_a_run_that_another_process_has_in_hand_is_waited_for(tmp_path, trainings):
    jobs = jobs_of(tmp_path, arm('a'))
    one, other = run_jobs(jobs), run_jobs(jobs)
    next(one), next(other)
    assert endings(one) == endings(other) == dict(a='done')
    assert trainings() == ['a begins', 'a ends']


@pytest.mark.parametrize(('has_cuda', 'method'), [(False, 'fork'), (True, 'spawn')])
def test_what_asked_for_cuda_is_not_forked(has_cuda, method, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: has_cuda)
    assert runs._context().get_start_method() == method


@pytest.fixture
def small_trainings(monkeypatch):
    """A run of a study is a training of a second."""

    def from_cfg(config):
        taken = dict(resume=config.resume, load_from=config.get('load_from'))
        hooks = [dict(type='CheckpointGuardHook'), dict(type='EpochSeedHook')]
        return small_runner(config.work_dir, hooks, checkpoint=dict(save_best=None), **taken)

    monkeypatch.setattr(runs.Runner, 'from_cfg', from_cfg)
    cost = SimpleNamespace(params=1, published_flops=1, flops_with_attention=1)
    monkeypatch.setattr(runs, 'measure_complexity', lambda model, size: cost)

    def run(folder) -> tuple[dict, dict]:
        folder.mkdir(exist_ok=True)
        loader = dict(batch_size=4)
        codec = dict(input_size=(1, 1))
        config = Config(dict(work_dir=str(folder), train_dataloader=loader, codec=codec))
        return runs._run(config, lambda share: None), read_checkpoint(folder / WEIGHTS)

    return run


@pytest.mark.parametrize('moment', range(1, 13))
def test_a_run_that_is_killed_while_it_saves_goes_on(
    moment, small_trainings, tmp_path, monkeypatch
):
    """Four checkpoints and pointers, three of which make an older one go; then the result's weights."""
    expected, weights = small_trainings(tmp_path / 'whole')
    killer = Killer(moment)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, 'replace', killer.wrap(os.replace))
        patch.setattr(os, 'remove', killer.wrap(os.remove))
        small_trainings(tmp_path / 'killed')
    result, resumed = small_trainings(tmp_path / 'killed')
    assert result['metrics'] == expected['metrics'] and result['resumed'] is (moment > 1)
    torch.testing.assert_close(resumed, weights, rtol=0, atol=0)


def test_a_pointer_to_nothing_is_no_checkpoint(small_trainings, tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/last_checkpoint').write_text(str(tmp_path / 'run/epoch_1.pth'))
    result, _ = small_trainings(tmp_path / 'run')
    assert result['resumed'] is False and result['metrics'] == {'toy/AP': 3.0}
