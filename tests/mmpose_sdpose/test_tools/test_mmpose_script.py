"""Our train and test tools: MMPose's own scripts, after a look at what they are about to read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mmpose_sdpose.arguments import check_flags
from mmpose_sdpose.checkpoint import read_checkpoint
from mmpose_sdpose.configs import read_config
from mmpose_sdpose.tools import mmpose_script

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ..test_datasets.test_check_data import config, edit, root  # noqa: F401  root is a fixture


@pytest.fixture
def run(root, tmp_path, monkeypatch):  # noqa: F811
    """Runs a tool up to where MMPose's script builds its runner; the exit code and the config there."""
    built = []

    class Stopped(Exception):
        pass

    def stop(cfg):
        built.append(cfg)
        raise Stopped

    def run(script: str, stages: list[str], *arguments: str, change=None) -> int | Config:
        cfg = config(root)
        cfg.default_hooks.visualization = dict(type='PoseVisualizationHook')
        if change:
            change(cfg)
        cfg.dump(tmp_path / 'cfg.py')
        monkeypatch.setattr(sys, 'argv', ['tool', str(tmp_path / 'cfg.py'), *arguments])
        monkeypatch.setattr(Runner, 'from_cfg', stop)
        monkeypatch.chdir(tmp_path)
        try:
            return mmpose_script.run_mmpose_script(script, stages)
        except Stopped:
            return built.pop()

    return run


def train(run, *arguments: str, **options):
    return run('train.py', ['train', 'val'], *arguments, **options)


def test_all_options_of_mmposes_script_arrive(run, monkeypatch):
    monkeypatch.setattr(
        mmpose_script, 'newest_checkpoint', lambda work_dir: Path(work_dir, 'epoch_1.pth')
    )
    cfg = train(
        run, '--work-dir', 'w', '--resume', '--no-validate', '--show-dir', 'shown', '--interval', '7',
        '--cfg-options', 'data_source=here', 'train_dataloader.batch_size=3', 'a.b=[1,2]',
    )  # fmt: skip
    assert cfg.work_dir == 'w' and cfg.resume is True and cfg.load_from is None
    assert cfg.val_dataloader is None and cfg.a.b == [1, 2]
    assert cfg.default_hooks.visualization.interval == 7
    assert cfg.train_dataloader.batch_size == 3 and cfg.data_source == 'here'
    assert Path(sys.argv[0]).name == 'train.py'


def test_a_resumed_training_without_checkpoints_starts_as_the_config_says(run, monkeypatch):
    packaged = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
    by_config = dict(change=lambda cfg: cfg.update(load_from=packaged))
    by_option = ('--cfg-options', f'load_from={packaged}')
    for cfg in (train(run, '--resume', **by_config), train(run, '--resume', *by_option)):
        assert cfg.resume is False and cfg.load_from == packaged
    monkeypatch.setattr(
        mmpose_script, 'newest_checkpoint', lambda work_dir: Path(work_dir, 'epoch_1.pth')
    )
    for cfg in (train(run, '--resume', **by_config), train(run, '--resume', *by_option)):
        assert cfg.resume is True and cfg.load_from is None


def test_what_options_bring_is_looked_at(run, root, capsys):  # noqa: F811
    assert train(run, '--cfg-options', 'train_dataloader.dataset.ann_file=gone.json') == 1
    err = capsys.readouterr().err
    assert err.startswith('train: to mend before this can run (1):\nannotation file not found')
    assert 'here' not in err
    assert train(run, '--resume', 'gone.pth') == 1
    assert '--resume: no checkpoint at gone.pth' in capsys.readouterr().err
    assert train(run, '--cfg-options', 'load_from=gone.pth') == 1
    assert '\nload_from: no checkpoint at gone.pth' in capsys.readouterr().err
    gone = dict(change=lambda cfg: cfg.val_dataloader.dataset.update(ann_file='gone.json'))
    assert train(run, **gone) == 1
    assert not isinstance(train(run, '--no-validate', **gone), int)


def test_a_test_looks_at_its_own_data_and_weights(run, capsys):
    gone = ['--cfg-options', 'train_dataloader.dataset.ann_file=gone.json']
    weights = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
    cfg = run('test.py', ['test'], weights, '--dump', 'out.pkl', *gone)
    assert cfg.load_from == weights and cfg.test_evaluator[1].out_file_path == 'out.pkl'
    assert run('test.py', ['test'], 'gone.pth', *gone) == 1
    assert capsys.readouterr().err == (
        'test: to mend before this can run (1):\n--checkpoint: no checkpoint at gone.pth\n'
    )


def test_every_run_through_here_is_guarded_once(run):
    added = [hook.type for hook in train(run).custom_hooks]
    assert added == ['CheckDataHook', 'CheckpointGuardHook', 'CheckFiniteHook']
    own = [dict(type='CheckpointGuardHook', strict=False), dict(type='SyncBuffersHook')]
    given = train(run, change=lambda cfg: cfg.update(custom_hooks=own)).custom_hooks
    assert [hook.type for hook in given[:2]] == ['CheckpointGuardHook', 'SyncBuffersHook']
    assert [hook.type for hook in given[2:]] == ['CheckDataHook', 'CheckFiniteHook']
    assert given[0].strict is False


@pytest.mark.parametrize('name', ['RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'])
def test_one_process_looks_for_all(run, name, monkeypatch):
    gone = ['--cfg-options', 'train_dataloader.dataset.ann_file=gone.json']
    monkeypatch.setenv(name, '3')
    assert not isinstance(train(run, *gone), int)
    monkeypatch.setenv(name, '0')
    assert train(run, *gone) == 1


def test_an_mmpose_without_scripts_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(mmpose_script.mmpose, '__file__', str(tmp_path / 'mmpose/__init__.py'))
    with pytest.raises(FileNotFoundError, match='has no tools/train.py: install MMPose 1.3'):
        mmpose_script.run_mmpose_script('train.py', ['train'])


def test_what_is_said_on_purpose_comes_without_traceback(root, tmp_path, monkeypatch, capsys):  # noqa: F811
    def start(refuse) -> int:
        monkeypatch.setattr(sys, 'argv', ['tool', str(tmp_path / 'cfg.py')])
        monkeypatch.setattr(Runner, 'from_cfg', refuse)
        return mmpose_script.run_mmpose_script('train.py', ['train', 'val'])

    def mistake(cfg):
        raise ValueError('of somebody else')

    config(root).dump(tmp_path / 'cfg.py')
    monkeypatch.chdir(tmp_path)
    assert start(lambda cfg: read_checkpoint('refused.pth')) == 1
    assert capsys.readouterr().err == 'train: no checkpoint at refused.pth\n'
    assert start(lambda cfg: check_flags(capture=1)) == 1
    assert capsys.readouterr().err == 'train: capture (1) must be True or False\n'
    with pytest.raises(ValueError, match='of somebody else'):
        start(mistake)


def test_a_work_dir_that_is_none_is_said_before_anything_is_read(run, tmp_path, capsys):
    (tmp_path / 'taken').write_text('mine')
    assert train(run, '--work-dir', 'taken/w') == 1
    assert 'taken/w/last_checkpoint cannot be written: Not a directory' in capsys.readouterr().err
    assert (tmp_path / 'taken').read_text() == 'mine'


def test_a_refused_run_makes_no_folder(run, tmp_path, capsys):
    options = ('--work-dir', 'new/w', '--cfg-options', 'train_dataloader.batch_size=0')
    assert train(run, *options) == 1
    assert 'train_dataloader.batch_size (0) must be a whole number' in capsys.readouterr().err
    assert not any(path.is_dir() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('model = dict(', "SyntaxError: '(' was never closed"),
        ('model = 1 / 0', 'ZeroDivisionError: division by zero'),
        ("_base_ = ['./gone.py']", 'FileNotFoundError: [Errno 2] No such file or directory: '),
    ],
)
def test_a_config_that_cannot_be_read(tmp_path, monkeypatch, capsys, text, said):
    (tmp_path / 'cfg.py').write_text(text)
    monkeypatch.setattr(sys, 'argv', ['tool', str(tmp_path / 'cfg.py')])
    assert mmpose_script.run_mmpose_script('train.py', ['train', 'val']) == 1
    assert capsys.readouterr().err.startswith(f'train: the config cannot be read: {said}')
    with pytest.raises(
        ValueError, match=re.escape(f'cfg.py is no config that can be read: {said}')
    ):
        read_config(tmp_path / 'cfg.py')


def test_a_test_of_a_resumed_trainings_config_resumes_nothing(run):
    change = dict(change=lambda cfg: cfg.update(resume=True))
    weights = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
    assert run('test.py', ['test'], weights, **change).resume is False
    assert train(run, **change).resume is True


def test_a_training_that_would_replace_another_is_refused_before_its_config_is(
    run, tmp_path, capsys
):
    folder = tmp_path / 'work_dirs/cfg'
    folder.mkdir(parents=True)
    (folder / 'cfg.py').write_text('of the earlier training')
    torch.save(dict(state_dict=dict(a=torch.zeros(1))), folder / 'epoch_1.pth')
    options = ['--cfg-options', 'train_cfg.max_epochs=1']
    assert train(run, *options) == 1
    assert capsys.readouterr().err == (
        'train: work_dirs/cfg has checkpoints of an earlier training, and this one could replace '
        'epoch_1.pth: move what is to be kept, --work-dir names another folder\n'
    )
    assert (folder / 'cfg.py').read_text() == 'of the earlier training'
    assert train(run, '--work-dir', 'other', *options).work_dir == 'other'
    weights = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
    assert not isinstance(run('test.py', ['test'], weights, '--work-dir', str(folder)), int)
