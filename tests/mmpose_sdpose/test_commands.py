"""The commands of the README, run for real on a tiny SynthPose."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from mmpose_sdpose.checkpoint import list_unusable, read_checkpoint
from mmpose_sdpose.configs import build_model, find_config

import pytest
import torch

from .. import warm

MIM = Path(sys.executable).with_name('mim')
NAME = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96.py'
CONFIG = find_config(NAME)


def installed_as_wheel() -> bool:
    """MIM looks for the package next to its metadata, where an editable install has nothing."""
    # Building leaves metadata in the checkout too, so the first hit need not be the installed one.
    places = [
        found.locate_file('mmpose_sdpose') for found in metadata.distributions(name='mmpose_sdpose')
    ]
    return any(
        'site-packages' in Path(place).parts and (Path(place) / '.mim' / 'configs').is_dir()
        for place in places
    )


needs_wheel = pytest.mark.skipif(
    not installed_as_wheel(), reason='mmpose_sdpose is not installed as a wheel: `make install`'
)


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A folder with a data set of 24 images in it."""
    folder = tmp_path_factory.mktemp('commands')
    tool = [sys.executable, '-m', 'sdpose_synth.__main__']
    sizes = ['--train', '24', '--val', '8', '--workers', '2']
    subprocess.run([*tool, '--out', str(folder / 'data/synthpose'), *sizes], check=True)
    return folder


def run(workspace: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess:
    """A command in the workspace, with its own installed package rather than this checkout."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=workspace,
        env=environment_of(workspace),
        capture_output=True,
        text=True,
    )
    assert not check or done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done


def environment_of(workspace: Path) -> dict[str, str]:
    return dict(
        os.environ,
        OMP_NUM_THREADS='1',
        SYNTHPOSE_ROOT=str(workspace / 'data/synthpose'),
        PYTHONPATH=str(workspace / 'modules'),  # of a user's own
    )


def run_script(
    workspace: Path, package: str, name: str, *arguments: object, check: bool = True
) -> subprocess.CompletedProcess:
    """What `mim train` and `mim test` start: MMPose's script or ours, here from this checkout."""
    folder = Path(importlib.import_module(package).__file__).parent
    scripts = dict(
        mmpose=folder / f'.mim/tools/{name}.py', mmpose_sdpose=f'mmpose_sdpose.tools.{name}'
    )
    done = warm.run([scripts[package], *arguments], workspace, environment_of(workspace))
    assert not check or done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done


TEST = ('test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False')
TINY = (
    'train_cfg.max_epochs=1',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'default_hooks.checkpoint.max_keep_ckpts=-1',
)


@pytest.fixture(scope='module')
def trained(workspace):
    """`mim train mmpose CONFIG`: MMPose's own entry, our config by its path."""
    options = ['--work-dir', 'trained', '--cfg-options', *TINY]
    run(workspace, MIM, 'train', 'mmpose', CONFIG, *options)
    return workspace / 'trained/epoch_1.pth'


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


def test_a_missing_teacher_is_reported_before_training(workspace):
    config = find_config('td-reg_ladpose_distill-tokenpose-s-v1_8xb64-300e_coco-256x192')
    done = run_script(workspace, 'mmpose', 'train', config, check=False)
    assert done.returncode != 0
    missing = 'checkpoints/td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192.pth'
    assert f"no teacher's weights: no checkpoint at {missing}" in done.stderr


def test_missing_data_is_reported_with_its_source(workspace):
    config = find_config('td-hm_sdpose-t_8xb64-300e_coco-256x192')
    done = run_script(workspace, 'mmpose_sdpose', 'train', config, check=False)
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    begin = lines.index('train: to mend before this can run (3):')
    expected = workspace / 'data/coco/annotations/person_keypoints_train2017.json'
    sentence = f'annotation file not found: expected at {expected}; the data comes from https://'
    assert lines[begin + 1].startswith(sentence)


def spoiled(workspace: Path, change: Callable[[dict], None]) -> Path:
    """A config that trains on a changed copy of the people."""
    annotations = workspace / 'data/synthpose/annotations'
    content = json.loads((annotations / 'person_keypoints_train.json').read_text())
    change(content['annotations'][-1])
    (annotations / 'spoiled.json').write_text(json.dumps(content))
    config = workspace / 'spoiled.py'
    config.write_text(
        f"_base_ = ['{CONFIG}']\n"
        "train_dataloader = dict(dataset=dict(ann_file='annotations/spoiled.json'))\n"
    )
    return config


@pytest.mark.parametrize(
    ('package', 'change', 'sentence'),
    [
        (
            'mmpose',  # MMPose's own script has loaded the data by then
            lambda person: person['keypoints'].__setitem__(0, float('nan')),
            'has nan among its keypoints',
        ),
        (
            'mmpose_sdpose',
            lambda person: person.update(bbox=[float('nan')] * 4),
            'has [nan, nan, nan, nan] as bbox',
        ),
    ],
)
def test_a_label_that_is_no_number_is_refused_before_the_run(workspace, package, change, sentence):
    config = spoiled(workspace, change)
    options = ['--work-dir', 'spoiled', '--cfg-options', *TINY]
    done = run_script(workspace, package, 'train', config, *options, check=False)
    assert done.returncode != 0
    assert 'spoiled.json: annotation ' in done.stderr and sentence in done.stderr
    assert not list((workspace / 'spoiled').glob('*.pth'))


POISON = """
from mmengine.hooks import Hook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class Poison(Hook):
    priority = 'HIGHEST'

    def __init__(self, what):
        self.what = what

    def before_train_iter(self, runner, batch_idx, data_batch):
        if runner.epoch == 1:
            nan = dict(
                weight=next(runner.model.parameters()).data,
                label=data_batch['data_samples'][0].gt_fields.heatmaps,
                batch=data_batch['inputs'][0].float(),
            )
            nan[self.what].fill_(float('nan'))
            data_batch['inputs'][0] = nan['batch']
"""


@pytest.mark.parametrize(
    ('what', 'sentence'),
    [
        ('batch', '.jpg are no numbers: mend or remove their annotation.'),
        ('label', '.jpg are no numbers: mend or remove their annotation.'),
        ('weight', 'Pixels and labels of the batch are finite ('),
    ],
)
def test_a_training_that_goes_wrong_stops_with_the_last_good_checkpoint(workspace, what, sentence):
    (workspace / 'modules').mkdir(exist_ok=True)
    (workspace / 'modules/poison.py').write_text(POISON)
    config = workspace / f'poison_{what}.py'
    config.write_text(
        f"_base_ = ['{CONFIG}']\n"
        "custom_imports = dict(imports=['mmpose_sdpose', 'poison'])\n"
        f"custom_hooks = [*_base_.custom_hooks, dict(type='Poison', what='{what}')]\n"
    )
    options = ['--work-dir', what, '--cfg-options', *TINY, 'train_cfg.max_epochs=3']
    done = run_script(workspace, 'mmpose', 'train', config, *options, check=False)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith('FloatingPointError')]
    assert 'training stopped in epoch 2, step 16: ' in line and 'is no finite number' in line
    assert sentence in line
    assert f'--resume goes on from {workspace / what}/epoch_1.pth' in line.replace('./', '')
    for path in (workspace / what).glob('*.pth'):
        assert not list_unusable(read_checkpoint(path)['state_dict'])
    assert [path.name for path in (workspace / what).glob('epoch*.pth')] == ['epoch_1.pth']


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
