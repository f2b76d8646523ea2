"""What is wrong is said before a run, or stops it, with nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mmpose_sdpose.checkpoint import list_unusable, read_checkpoint
from mmpose_sdpose.configs import find_config

import pytest

from .commands import CONFIG, TINY, run_script


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
