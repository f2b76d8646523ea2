from __future__ import annotations

from mmpose_sdpose.checkpoint import list_unusable, read_checkpoint
from mmpose_sdpose.engine import CheckFiniteHook, newest_checkpoint

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from ..small_training import small_runner

HOOKS = [dict(type='CheckpointGuardHook'), dict(type='CheckFiniteHook')]
NAN = float('nan')


class Poison(Hook):
    """Spoils a batch, a weight or a gradient in the second epoch (of 2 steps each)."""

    priority = 'HIGHEST'

    def __init__(self, what: str) -> None:
        self.what = what

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and self.what == 'batch':
            data_batch['inputs'][1].fill_(NAN)
        if runner.iter == 2 and self.what == 'weight':
            runner.model.layer.weight.data.fill_(NAN)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 3 and self.what == 'last step':
            runner.model.layer.bias.data.fill_(NAN)


@pytest.mark.parametrize(
    ('what', 'sentence'),
    [
        (
            'batch',
            r'epoch 2, step 3: loss, loss_line is no finite number. Pixels or labels of photo\d',
        ),
        (
            'weight',
            r'epoch 2, step 3: loss, loss_line is no .* labels of the batch are finite \(photo',
        ),
        ('last step', r'at step 4: 1 weights are no finite numbers, layer.bias: 1 of 1'),
    ],
)
def test_a_training_that_goes_wrong_stops_and_keeps_what_was_good(what, sentence, tmp_path):
    runner = small_runner(tmp_path, [*HOOKS, Poison(what)])
    with pytest.raises(FloatingPointError, match=sentence) as raised:
        runner.train()
    good = newest_checkpoint(tmp_path)
    assert good.name == 'epoch_1.pth' and f'--resume goes on from {good}' in str(raised.value)
    for path in tmp_path.glob('*.pth'):
        assert not list_unusable(read_checkpoint(path)['state_dict'])
    assert sorted(path.name for path in tmp_path.glob('best*')) == ['best_toy_AP_epoch_1.pth']


def test_averaged_weights_are_looked_at_too(tmp_path):
    runner = small_runner(tmp_path, HOOKS)
    hook = CheckFiniteHook()
    checkpoint = dict(state_dict=runner.model.state_dict())
    hook.before_save_checkpoint(runner, checkpoint)
    checkpoint['ema_state_dict'] = {'module.layer.bias': torch.tensor([NAN])}
    with pytest.raises(FloatingPointError, match='module.layer.bias.* No checkpoint was saved'):
        hook.before_save_checkpoint(runner, checkpoint)


def test_the_guilty_label_is_named(tmp_path):
    samples = []
    for number in range(3):
        sample = PoseDataSample(metainfo=dict(img_path=f'{number}.jpg'))
        keypoints = torch.zeros(1, 17, 2)
        keypoints[0, 3, 1] = NAN if number == 2 else 0
        sample.gt_instance_labels = InstanceData(keypoint_labels=keypoints)
        samples.append(sample)
    batch = dict(inputs=torch.zeros(3, 3, 4, 4, dtype=torch.uint8), data_samples=samples)
    runner = small_runner(tmp_path, HOOKS)
    losses = dict(loss=torch.tensor(NAN), acc_pose=torch.tensor(NAN), loss_kpt=torch.tensor(1.0))
    with pytest.raises(
        FloatingPointError, match='loss is no finite .* labels of 2.jpg are no numbers'
    ):
        CheckFiniteHook().after_train_iter(runner, 0, batch, losses)
    CheckFiniteHook().after_train_iter(runner, 0, batch, dict(loss=torch.tensor(1.0), acc=NAN))
