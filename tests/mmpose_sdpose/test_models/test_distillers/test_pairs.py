"""Anything teaches anything: every kind of head as student and teacher, one step each."""

from __future__ import annotations

import copy

from mmpose_sdpose.models.distillers import TopdownDistiller
from mmpose_sdpose.models.distillers.fitting import random_images, undisturbed
from mmpose_sdpose.models.distillers.sides import ask

import pytest
import torch

from ...small_models import distillation
from .pairs import GIVES, HEADS, SIZE, batch_for, build, loss_of, model_config, shared

# Without what other tests register.
ALL = {name for names in GIVES.values() for name in names.split()}


def distiller(student: str, teacher: str, **options) -> TopdownDistiller:
    losses = {name: loss_of(name) for name in shared(student, teacher)}
    config = distillation(model_config(student), model_config(teacher), losses)
    return build({**config, **options})


def counted(monkeypatch, owner: object, name: str) -> list[None]:
    calls, original = [], getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *given: [calls.append(None), original(*given)][1])
    return calls


@pytest.mark.parametrize('teacher', HEADS)
@pytest.mark.parametrize('student', HEADS)
def test_every_head_learns_from_every_other(student, teacher, monkeypatch):
    model = distiller(student, teacher).train()
    state = copy.deepcopy(model.teacher.state_dict())
    runs = counted(monkeypatch, model.backbone, 'forward')
    heads = counted(monkeypatch, getattr(model.head, 'pose_head', model.head), 'forward')
    losses = model.loss(**batch_for(model))
    assert len(runs) == 1
    assert len(heads) == (0 if 'Token' in student or 'MCT' in student else 1)
    parameters = list(model.backbone.parameters())
    for name in shared(student, teacher):
        value = losses[f'loss_distill_{name}']
        gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        assert value > 0
        assert any(gradient is not None and gradient.any() for gradient in gradients), name
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad is None for parameter in model.teacher.parameters())
    for name, value in model.teacher.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert not any(module.training for module in model.teacher.modules())


@pytest.mark.parametrize('name', HEADS)
def test_what_each_head_gives(name):
    model = build(model_config(name))
    with undisturbed(model):
        for role in ('student', 'teacher'):
            side = ask(role, model, random_images(SIZE), [])
            ours = [name for name in side.names() if name in ALL]
            assert sorted(ours) == sorted(GIVES[name].split())


@pytest.mark.parametrize('student', HEADS)
def test_people_without_labels_train_by_distillation_alone(student):
    losses = dict(coordinates={**loss_of('coordinates'), 'weights': 'all'})
    model = distiller(student, 'MCTHead', losses=losses).train()
    batch = batch_for(model)
    for sample in batch['data_samples']:
        sample.gt_instance_labels.keypoint_weights.zero_()
    losses = model.loss(**batch)
    distilled = losses.pop('loss_distill_coordinates')
    losses.pop('loss_vis', None)  # whether a joint is labelled is what it learns
    assert all(value == 0 for name, value in losses.items() if 'loss' in name)
    distilled.backward()
    assert any(p.grad is not None and p.grad.any() for p in model.backbone.parameters())
