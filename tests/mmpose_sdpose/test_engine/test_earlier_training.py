"""A training replaces nothing that another one left."""

from __future__ import annotations

from pathlib import Path

from mmpose_sdpose.engine.earlier_training import refuse_to_replace

import pytest
import torch
from mmengine.config import Config

from ..small_training import small_runner

GUARD = [dict(type='CheckpointGuardHook')]


def leave(folder: Path, *names: str) -> None:
    """Whole files of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        torch.save(dict(state_dict=dict(a=torch.zeros(1))), folder / name)


def config(folder: Path, loop: dict | None = None, **saving) -> Config:
    settings = dict(interval=10, save_best='coco/AP', **saving)
    return Config(
        dict(
            work_dir=str(folder),
            default_hooks=dict(checkpoint=settings),
            train_cfg=loop or dict(by_epoch=True, max_epochs=25),
        )
    )


STEPS = dict(type='IterBasedTrainLoop', max_iters=25)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('epoch_10.pth', {}),
        ('epoch_25.pth', {}),  # the last one
        ('best_coco_AP_epoch_3.pth', {}),
        ('epoch_15.pth', dict(save_begin=5)),
        ('iter_20.pth', dict(loop=STEPS, by_epoch=False)),
        ('iter_7.pth', dict(by_epoch=False)),  # how many steps an epoch has is not known yet
        ('e20.pth', dict(filename_tmpl='e{}.pth')),
    ],
)
def test_what_would_be_replaced_is_named(name, options, tmp_path):
    leave(tmp_path, name)
    with pytest.raises(FileExistsError, match=f'this one would replace {name}: move what'):
        refuse_to_replace(config(tmp_path, **options))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('epoch_11.pth', {}),
        ('epoch_30.pth', {}),
        ('best_coco_AP_epoch_26.pth', {}),
        ('epoch_10.pth', dict(save_begin=5)),
        ('iter_20.pth', {}),
        ('epoch_10.pth', dict(loop=STEPS, by_epoch=False)),
        ('teacher.pth', {}),
    ],
)
def test_what_stays_is_no_reason(name, options, tmp_path):
    leave(tmp_path, name)
    refuse_to_replace(config(tmp_path, **options))


def test_best_ones_stay_where_none_is_kept(tmp_path):
    leave(tmp_path, 'best_coco_AP_epoch_3.pth')
    cfg = config(tmp_path)
    cfg.default_hooks.checkpoint.save_best = None
    refuse_to_replace(cfg)


def test_mmengines_own_settings_save_every_epoch(tmp_path):
    leave(tmp_path, 'epoch_3.pth')
    cfg = config(tmp_path)
    cfg.default_hooks = None
    with pytest.raises(FileExistsError, match='epoch_3.pth'):
        refuse_to_replace(cfg)
    cfg.default_hooks = dict(checkpoint=None)
    refuse_to_replace(cfg)


def test_files_that_are_lost_already_may_be_replaced(tmp_path):
    leave(tmp_path, 'epoch_10.pth')
    whole = (tmp_path / 'epoch_10.pth').read_bytes()
    (tmp_path / 'epoch_10.pth').write_bytes(whole[: len(whole) // 2])
    torch.save(dict(state_dict=dict(a=torch.tensor([float('nan')]))), tmp_path / 'epoch_20.pth')
    refuse_to_replace(config(tmp_path))


def test_checkpoints_elsewhere_are_looked_at_there(tmp_path):
    leave(tmp_path / 'out/work', 'epoch_10.pth')
    refuse_to_replace(config(tmp_path / 'work'))
    with pytest.raises(FileExistsError, match='out/work has checkpoints'):
        refuse_to_replace(config(tmp_path / 'work', out_dir=str(tmp_path / 'out')))


def test_many_are_counted(tmp_path):
    leave(tmp_path, *(f'best_coco_AP_epoch_{number}.pth' for number in (10, 9, 3, 2, 1)))
    with pytest.raises(FileExistsError, match=r'_epoch_1.pth, .*_2.pth, .*_3.pth and 2 more: '):
        refuse_to_replace(config(tmp_path))


@pytest.fixture
def trained(tmp_path) -> Path:
    """A folder with epochs 1 and 2 of a training; the best was the second."""
    small_runner(tmp_path / 'work', scores=(1.0, 2.0), checkpoint=dict(max_keep_ckpts=-1)).train()
    return tmp_path / 'work'


def longer(folder: Path, **options) -> Config:
    cfg = config(folder, dict(by_epoch=True, max_epochs=4))
    cfg.default_hooks.checkpoint.interval = 1
    cfg.update(options)
    return cfg


def test_a_training_that_begins_is_told_of_resuming(trained):
    with pytest.raises(FileExistsError) as refused:
        refuse_to_replace(longer(trained))
    assert str(refused.value) == (
        f'{trained} has checkpoints of an earlier training, and this one would replace epoch_1.pth, '
        'best_toy_AP_epoch_2.pth, epoch_2.pth: --resume goes on from epoch_2.pth, --work-dir names '
        'another folder'
    )


def test_a_training_that_goes_on_replaces_nothing(trained, tmp_path):
    refuse_to_replace(longer(trained, resume=True))
    first = str(trained / 'epoch_1.pth')
    with pytest.raises(FileExistsError, match=' replace epoch_2.pth: move what is to be kept, '):
        refuse_to_replace(longer(trained, resume=True, load_from=first))
    # Ended after a better validation, before the next checkpoint: that validation comes again.
    leave(trained, 'best_toy_AP_epoch_3.pth')
    refuse_to_replace(longer(trained, resume=True))
    leave(tmp_path / 'other', 'epoch_2.pth', 'best_toy_AP_epoch_1.pth')
    last = str(trained / 'epoch_2.pth')
    refuse_to_replace(longer(tmp_path / 'other', resume=True, load_from=last))
    leave(tmp_path / 'other', 'best_toy_AP_epoch_3.pth')
    with pytest.raises(FileExistsError, match=' replace best_toy_AP_epoch_3.pth: '):
        refuse_to_replace(longer(tmp_path / 'other', resume=True, load_from=last))


def test_the_guard_refuses_whoever_starts_the_training(trained):
    runner = small_runner(trained, GUARD)
    runner.cfg = longer(trained)
    before = {path.name: path.read_bytes() for path in trained.glob('*.pth')}
    with pytest.raises(FileExistsError, match='would replace'):
        runner.train()
    assert {path.name: path.read_bytes() for path in trained.glob('*.pth')} == before
