from __future__ import annotations

import copy
import pickle
import types
from pathlib import Path

from mmpose_sdpose.checkpoint import read_checkpoint, write_checkpoint
from mmpose_sdpose.configs import keypoint_names_of
from mmpose_sdpose.engine import CheckpointGuardHook

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import get_file_backend
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop
from torch import nn


class Loop(BaseLoop):
    def __init__(self):
        pass

    def run(self):
        raise NotImplementedError


def runner(model, path=None, training=False, resume=False):
    return types.SimpleNamespace(
        model=model,
        work_dir='.',
        cfg=Config(),
        _load_from=None if path is None else str(path),
        _resume=resume,
        _train_loop=Loop() if training else {},
        hooks=[],
        message_hub=types.SimpleNamespace(runtime_info={}),
    )


class Hostile:
    """Unpickled without protection it would leave a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def truncated(path: Path) -> None:
    write_checkpoint(dict(state_dict=nn.Linear(64, 64).state_dict()), path)
    path.write_bytes(path.read_bytes()[:3000])


def hostile(path: Path) -> None:
    torch.save(dict(state_dict=Hostile(path.with_suffix('.trace'))), path)


def old_hostile(path: Path) -> None:
    path.write_bytes(pickle.dumps(Hostile(path.with_suffix('.trace'))))


def text(path: Path) -> None:
    path.write_text('<html>404</html>')


def empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize('make', [truncated, hostile, old_hostile, text, empty])
def test_a_broken_or_hostile_file_is_refused_before_the_run(make, tmp_path):
    path = tmp_path / 'broken.pth'
    make(path)
    with pytest.raises(ValueError, match='broken.pth'):
        CheckpointGuardHook().before_run(runner(nn.Linear(2, 2), path))
    assert not path.with_suffix('.trace').exists()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        CheckpointGuardHook().before_run(runner(nn.Linear(2, 2), tmp_path / 'nothing.pth'))


def test_the_hostile_message_says_refused(tmp_path):
    hostile(tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='refused, nothing of it was run'):
        read_checkpoint(tmp_path / 'a.pth')


def checkpoint_of(model):
    return dict(state_dict=model.state_dict())


def test_the_same_model_passes_untouched():
    model, checkpoint = nn.Linear(2, 2), checkpoint_of(nn.Linear(2, 2))
    before = copy.deepcopy((checkpoint['state_dict'], model.state_dict()))
    CheckpointGuardHook().after_load_checkpoint(runner(model), checkpoint)
    for was, now in zip(before, (checkpoint['state_dict'], model.state_dict())):
        torch.testing.assert_close(now, was, rtol=0, atol=0)


@pytest.mark.parametrize('other', [nn.Linear(2, 3), nn.LayerNorm(2), nn.Linear(2, 2, bias=False)])
def test_a_test_run_refuses_another_model(other):
    with pytest.raises(ValueError, match='of another model'):
        CheckpointGuardHook().after_load_checkpoint(runner(nn.Linear(2, 2)), checkpoint_of(other))


def test_fine_tuning_may_replace_a_part_but_not_all(monkeypatch):
    hook, model = CheckpointGuardHook(), nn.Linear(2, 2)
    part = dict(state_dict=dict(weight=torch.zeros(2, 2)))
    warned = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', warned.append)
    hook.after_load_checkpoint(runner(model, training=True), part)
    assert warned == ["weights: 1 of the model's 2 from None; the others begin anew: bias"]
    with pytest.raises(ValueError, match='2 of 2 weights do not fit'):
        other = dict(state_dict=dict(other=torch.zeros(2)))
        hook.after_load_checkpoint(runner(model, training=True), other)
    with pytest.raises(ValueError, match='bias: not in the checkpoint'):
        hook.after_load_checkpoint(runner(model, training=True, resume=True), part)


class Tokens(nn.Module):
    """As much of a token head as counts keypoints."""

    def __init__(self, keypoints: int) -> None:
        super().__init__()
        self.head = nn.Module()
        self.head.mct = nn.Module()
        self.head.mct.keypoint_tokens = nn.Parameter(torch.randn(1, keypoints, 4))
        self.head.mlp = nn.Linear(4, 2)


@pytest.mark.parametrize('says_names', [True, False])
def test_fine_tuning_gives_keypoints_of_other_data_their_weights_by_name(says_names):
    """From COCO's 17 keypoints to CrowdPose's 14; a file without names is known by their number."""
    coco, crowdpose = keypoint_names_of('coco'), keypoint_names_of('crowdpose')
    start, model = Tokens(17), Tokens(14)
    before = model.head.mct.keypoint_tokens.detach().clone()
    run = runner(model, 'start.pth', training=True)
    said = []
    run.logger = types.SimpleNamespace(info=said.append)
    names = dict(enumerate(crowdpose))
    dataset = types.SimpleNamespace(metainfo=dict(keypoint_id2name=names))
    run._train_loop.dataloader = types.SimpleNamespace(dataset=dataset)
    checkpoint = dict(state_dict=start.state_dict())
    if says_names:
        checkpoint['meta'] = dict(dataset_meta=dict(keypoint_id2name=dict(enumerate(coco))))
    CheckpointGuardHook().after_load_checkpoint(run, checkpoint)
    model.load_state_dict(checkpoint['state_dict'])
    tokens = model.head.mct.keypoint_tokens
    for index, name in enumerate(crowdpose):
        source = (
            start.head.mct.keypoint_tokens[:, coco.index(name)]
            if name in coco
            else before[:, index]
        )
        torch.testing.assert_close(tokens[:, index], source, rtol=0, atol=0)
    torch.testing.assert_close(model.head.mlp.weight, start.head.mlp.weight, rtol=0, atol=0)
    (line,) = said
    assert line.startswith('12 of 14 keypoints') and line.endswith('2: top_head, neck')


def test_weights_that_are_no_numbers_are_never_a_start(tmp_path):
    """Neither for a test nor for a training that replaces a part."""
    bad = dict(weight=torch.full((2, 2), float('nan')), bias=torch.zeros(2))
    for training in (False, True):
        run = runner(nn.Linear(2, 2), 'start.pth', training=training)
        with pytest.raises(
            ValueError, match='start.pth has weights .* weight: 4 of 4 values are NaN'
        ):
            CheckpointGuardHook().after_load_checkpoint(run, dict(state_dict=dict(bad)))
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].init_cfg = [dict(type='Pretrained', checkpoint=str(tmp_path / 'backbone.pth'))]
    torch.save(bad, tmp_path / 'backbone.pth')
    with pytest.raises(ValueError, match='backbone.pth has weights that no model can use'):
        CheckpointGuardHook().before_run(runner(model, training=True))


@pytest.mark.parametrize('checkpoint', ['nowhere/hrnet.pth', 'http://127.0.0.1:9/hrnet.pth'])
def test_missing_pretrained_weights_are_reported_before_training(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].init_cfg = dict(type='Pretrained', checkpoint=checkpoint)
    with pytest.raises(FileNotFoundError, match='hrnet.pth'):
        CheckpointGuardHook().before_run(runner(model, training=True))
    CheckpointGuardHook().before_run(runner(model))


def test_checkpoints_of_a_run_are_written_whole_or_not_at_all(tmp_path):
    from mmengine.runner.checkpoint import save_checkpoint

    path = tmp_path / 'epoch_1.pth'
    atomic = dict(backend='atomic')
    save_checkpoint(dict(a=1), str(path), backend_args=atomic)
    assert read_checkpoint(path) == dict(a=1)

    backend = get_file_backend(str(path), backend_args=atomic)
    with pytest.raises(TypeError):
        backend.put(object(), str(path))
    assert read_checkpoint(path) == dict(a=1)
    assert [file.name for file in tmp_path.iterdir()] == ['epoch_1.pth']


FORMATS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize(('before', 'after'), [FORMATS, FORMATS[::-1]])
def test_what_an_optimizer_keeps_is_laid_out_like_the_weights(before, after):
    """A fused optimizer walks both as they lie, and would pair the wrong elements."""
    numbers = torch.Generator().manual_seed(0)
    start, *gradients = torch.randn(4, 5, 6, 3, 3, generator=numbers)

    def train(weight, gradients, layout, fused, state=None):
        weight = nn.Parameter(weight.clone(memory_format=layout))
        optimizer = torch.optim.AdamW([weight], lr=0.1, fused=fused)
        if state is not None:
            optimizer.load_state_dict(state)
            trained = runner(nn.Identity(), training=True, resume=True)
            trained.optim_wrapper = OptimWrapper(optimizer)
            CheckpointGuardHook().before_train(trained)
        for gradient in gradients:
            weight.grad = gradient.contiguous(memory_format=layout)
            optimizer.step()
        return weight.detach(), copy.deepcopy(optimizer.state_dict())

    wanted, _ = train(start, gradients, torch.contiguous_format, False)
    weight, state = train(start, gradients[:2], before, True)
    found, _ = train(weight, gradients[2:], after, True, state)
    torch.testing.assert_close(found, wanted)
