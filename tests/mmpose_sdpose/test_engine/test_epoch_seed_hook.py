from __future__ import annotations

import pytest
import torch
from mmengine.hooks import Hook

from ..small_training import small_runner, weights

HOOKS = [dict(type='CheckpointGuardHook'), dict(type='EpochSeedHook')]


class Record(Hook):
    """Keeps all that the model was trained on."""

    def __init__(self) -> None:
        self.seen: dict[int, list[torch.Tensor]] = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.setdefault(runner.epoch, []).append(torch.stack(list(data_batch['inputs'])))


def train(folder, epochs: int, hooks=HOOKS, **options):
    record = Record()
    runner = small_runner(folder, [*hooks, record], [1.0] * epochs, **options)
    runner.train()
    return runner, record.seen


@pytest.mark.parametrize('seed', [dict(seed=1), dict(seed=None)], ids=['seed', 'no seed'])
@pytest.mark.parametrize('workers', [0, 2])
def test_a_resumed_training_equals_the_uninterrupted_one(workers, seed, tmp_path):
    options = dict(workers=workers, checkpoint=dict(max_keep_ckpts=-1), randomness=seed)
    whole, expected = train(tmp_path, 4, **options)
    path = str(tmp_path / 'epoch_2.pth')
    options.update(randomness=dict(seed=None))
    part, seen = train(tmp_path / 'part', 4, resume=True, load_from=path, **options)
    assert list(seen) == [2, 3]
    for epoch in seen:
        torch.testing.assert_close(seen[epoch], expected[epoch], rtol=0, atol=0)
    torch.testing.assert_close(weights(part), weights(whole), rtol=0, atol=0)


@pytest.mark.parametrize('workers', [0, 2])
def test_every_epoch_draws_other_numbers_and_the_first_is_left_as_it_is(workers, tmp_path):
    _, seen = train(tmp_path / 'with', 3, workers=workers)
    _, without = train(tmp_path / 'without', 1, hooks=[], workers=workers)
    torch.testing.assert_close(seen[0], without[0], rtol=0, atol=0)
    draws = [torch.cat(batches).remainder(1).flatten().sort().values for batches in seen.values()]
    for first in range(3):
        for second in range(first):
            assert not torch.isclose(draws[first], draws[second]).any()


@pytest.mark.usefixtures('no_pause_between_passes')
def test_trainings_that_count_iterations_are_left_alone(tmp_path):
    settings = dict(
        train_cfg=dict(by_epoch=False, max_iters=5, val_interval=10),
        checkpoint=dict(by_epoch=False, save_best=None),
    )
    runners = {}
    for name, hooks in dict(with_hook=HOOKS, without=[]).items():
        runners[name] = small_runner(tmp_path / name, hooks, **settings)
        runners[name].train()
    torch.testing.assert_close(*map(weights, runners.values()), rtol=0, atol=0)
