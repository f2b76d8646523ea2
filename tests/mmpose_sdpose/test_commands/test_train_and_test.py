"""The commands of the README, run for real on a tiny SynthPose."""

from __future__ import annotations

import json
import os

from mmpose_sdpose.checkpoint import read_checkpoint
from mmpose_sdpose.configs import build_model, find_config

import torch

from .commands import CONFIG, MIM, NAME, TEST, TINY, needs_wheel, run, run_script


def test_mim_train_mmpose_writes_the_plain_model(trained):
    weights = read_checkpoint(trained)['state_dict']
    assert any(key.startswith('head.mct.encoder.layers.3') for key in weights)
    assert not any('position' in key for key in weights)


def test_mim_test_mmpose_prints_ap(workspace, trained):
    options = ['--out', 'metrics.json', '--cfg-options', *TEST]
    run(workspace, MIM, 'test', 'mmpose', CONFIG, '--checkpoint', trained, *options)
    assert 'coco/AP' in json.loads((workspace / 'metrics.json').read_text())


@needs_wheel
def test_mim_train_by_name_resumes(workspace, trained):
    options = ['--work-dir', 'trained', '--resume', '--cfg-options', *TINY]
    done = run(workspace, MIM, 'train', 'mmpose_sdpose', NAME, *options, 'train_cfg.max_epochs=2')
    steps = read_checkpoint(trained)['meta']['iter']
    start = f'  starts from   {trained}: epoch 1, step {steps} (resumed)'
    assert start.replace(f'{workspace}/', '') in done.stdout.splitlines()
    assert 'mmengine - INFO' not in done.stdout and 'Average Precision' not in done.stdout
    log = max((workspace / 'trained').glob('*/*.log')).read_text()
    assert 'resumed epoch: 1' in log and 'Average Precision' in log
    assert (workspace / 'trained/epoch_2.pth').exists()
    assert read_checkpoint(workspace / 'trained/epoch_2.pth')['meta']['epoch'] == 2


@needs_wheel
def test_mim_test_by_name_refuses_the_checkpoint_of_another_model(workspace, trained):
    options = ['--cfg-options', 'model.head.encoder.depth=5', *TEST]
    command = (MIM, 'test', 'mmpose_sdpose', NAME, '--checkpoint', trained, *options)
    done = run(workspace, *command, check=False)
    assert done.returncode != 0
    assert 'head.mct.encoder.layers.4.norm1.weight: not in the checkpoint' in done.stderr


def test_a_distillation_resumes_and_leaves_the_plain_student(workspace, trained):
    student = find_config('td-reg_ladpose-n_2xb16-16e_synthpose-128x96')
    config = find_config('td-reg_ladpose-n_distill-sdpose-n_2xb16-16e_synthpose-128x96')
    # A run may not change what is in the file, so schedules come as a config of one's own.
    schedules = dict(attention=dict(type='linear', end=0, until=2))
    own = workspace / 'scheduled.py'
    own.write_text(
        f"_base_ = ['{config}']\n"
        f"custom_hooks = [*_base_.custom_hooks, dict(type='LossWeightHook', schedules={schedules})]\n"
    )
    options = ['--work-dir', 'distilled', '--cfg-options', *TINY, f'model.teacher_ckpt={trained}']
    run_script(workspace, 'mmpose', 'train', own, *options)
    run_script(workspace, 'mmpose', 'train', own, '--resume', *options, 'train_cfg.max_epochs=2')
    checkpoint = workspace / 'distilled/epoch_2.pth'
    assert list(read_checkpoint(checkpoint)['state_dict']) == list(
        build_model(student).state_dict()
    )
    options = ['--out', 'distilled.json', '--cfg-options', *TEST]
    run_script(workspace, 'mmpose', 'test', student, checkpoint, *options)
    assert 'coco/AP' in json.loads((workspace / 'distilled.json').read_text())
    logs = ''.join(path.read_text() for path in (workspace / 'distilled').glob('*/*.log'))
    assert 'resumed epoch: 1' in logs
    assert 'factor_attention: 1.0' in logs and 'factor_attention: 0.5' in logs


def test_weights_that_are_no_numbers_are_not_tested(workspace, trained):
    checkpoint = read_checkpoint(trained)
    next(iter(checkpoint['state_dict'].values())).fill_(float('nan'))
    torch.save(checkpoint, workspace / 'nan.pth')
    command = ('mmpose', 'test', CONFIG, workspace / 'nan.pth', '--cfg-options', *TEST)
    done = run_script(workspace, *command, check=False)
    assert done.returncode != 0 and 'nan.pth has weights that no model can use (1)' in done.stderr


@needs_wheel
def test_mim_run_tools(workspace):
    done = run(workspace, MIM, 'run', 'mmpose_sdpose', 'get_flops', NAME)
    params = sum(parameter.numel() for parameter in build_model(CONFIG).parameters())
    assert f'{params / 1e6:.3f}' in done.stdout
    done = run(workspace, MIM, 'run', 'mmpose_sdpose', 'check', NAME)
    assert 'errors: 0, warnings: 0' in done.stdout


def test_inferencer_on_an_image(workspace, trained):
    from mmpose.apis import MMPoseInferencer

    os.environ['SYNTHPOSE_ROOT'] = str(workspace / 'data/synthpose')
    inferencer = MMPoseInferencer(
        pose2d=str(CONFIG), pose2d_weights=str(trained), det_model='whole_image', device='cpu'
    )
    image = next((workspace / 'data/synthpose/val').glob('*.jpg'))
    result = next(inferencer(str(image), vis_out_dir=str(workspace / 'out')))
    (person,) = result['predictions'][0]
    assert torch.tensor(person['keypoints']).shape == (17, 2)
    # Peaks of heatmaps that were trained for seconds: of any height.
    assert torch.tensor(person['keypoint_scores']).isfinite().all()
    assert (workspace / 'out' / image.name).exists()
