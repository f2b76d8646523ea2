"""Trainings of two processes, as `--launcher pytorch` starts them."""

from __future__ import annotations

from mmpose_sdpose.checkpoint import read_checkpoint

from .commands import CONFIG, MIM, NAME, TINY, needs_wheel, run


def test_two_processes_on_gloo_train_one_model(workspace):
    options = ['--launcher', 'pytorch', '--gpus', '2', '--work-dir', 'gloo', '--cfg-options', *TINY]
    run(workspace, MIM, 'train', 'mmpose', CONFIG, *options, 'env_cfg.dist_cfg.backend=gloo')
    weights = read_checkpoint(workspace / 'gloo/epoch_1.pth')['state_dict']
    assert not any(key.startswith('module.') for key in weights)
    log = next((workspace / 'gloo').glob('*/*.log')).read_text()
    assert 'Distributed training: True' in log


@needs_wheel
def test_of_two_processes_one_speaks(workspace):
    gloo = ['--launcher', 'pytorch', '--gpus', '2', '--work-dir', 'speaks']
    gloo += ['--cfg-options', 'env_cfg.dist_cfg.backend=gloo', *TINY]
    done = run(workspace, MIM, 'train', 'mmpose_sdpose', NAME, *gloo)
    lines = done.stdout.splitlines()
    assert sum(line.startswith('Training td-hm') for line in lines) == 1
    assert '  device        2 processes, each on cpu, 1 thread' in lines
    assert sum(line.startswith('epoch 1/1  loss ') for line in lines) == 1
    assert 'mmengine' not in done.stdout.split('Training td-hm')[1]
