"""DWPose by our distiller gives what MMPose's own distiller for it gives: losses and gradients."""

from __future__ import annotations

import copy

from mmpose_sdpose.configs import configs_dir, read_config
from mmpose_sdpose.engine.hooks.loss_weight_hook import factor_at

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..small_models import (
    PREPROCESSOR,
    build,
    distillation,
    packed_batch,
    rtmpose_model,
    with_simcc_labels,
)


def dwpose_losses() -> dict:
    """As the configs have them."""
    return Config.fromfile(configs_dir() / '_base_/rtmpose.py').dwpose_losses.to_dict()


def theirs(tmp_path, student: dict, teacher: dict, **options) -> nn.Module:
    files = []
    for name, config in (('student', student), ('teacher', teacher)):
        files.append(str(tmp_path / f'{name}.py'))
        Config(dict(model=config)).dump(files[-1])
    losses = dict(
        loss_fea=dict(
            type='FeaLoss', student_channels=8, teacher_channels=16, alpha_fea=7e-5, use_this=True
        ),
        loss_logit=dict(type='KDLoss', weight=0.1, use_this=True),
    )
    if options.get('two_dis'):
        losses = dict(loss_logit=dict(type='KDLoss', weight=1.0, use_this=True))
    methods = [dict(methods=[dict(one, name=name)]) for name, one in losses.items()]
    return MODELS.build(
        ConfigDict(
            type='DWPoseDistiller',
            student_cfg=files[0],
            teacher_cfg=files[1],
            distill_cfg=methods,
            data_preprocessor=PREPROCESSOR,
            **options,
        )
    )


def at_epoch(epoch: int, epochs: int) -> None:
    hub = MessageHub.get_current_instance()
    hub.update_info('epoch', epoch)
    hub.update_info('max_epochs', epochs)


def gradients(losses: dict[str, Tensor], module: nn.Module) -> list[Tensor]:
    total = sum(value for name, value in losses.items() if 'loss' in name)
    return list(torch.autograd.grad(total, list(module.parameters()), retain_graph=True))


@pytest.mark.parametrize('epoch', [0, 3])
def test_the_first_stage(tmp_path, epoch):
    student, teacher = rtmpose_model(8), rtmpose_model(16)
    ours = build(distillation(student, teacher, dwpose_losses())).train()
    dwpose = theirs(tmp_path, student, teacher)
    dwpose.student.load_state_dict(ours.state_dict())
    dwpose.teacher.load_state_dict(ours.teacher.state_dict())
    connector = ours.distillation_losses['features'].align.connector
    dwpose.distill_losses['loss_fea'].align.load_state_dict(connector.state_dict())
    dwpose.train()
    dwpose.teacher.eval()  # which train() of theirs forgets
    at_epoch(epoch, 4)
    ours.loss_factors = dict.fromkeys(ours.loss_factors, 1 - epoch / 4)
    batch = ours.data_preprocessor(with_simcc_labels(packed_batch(3)), training=True)
    expected, found = dwpose.loss(**copy.deepcopy(batch)), ours.loss(**batch)
    for name, their_name in (
        ('loss_kpt', 'loss_kpt'),
        ('loss_distill_features', 'loss_fea'),
        ('loss_distill_simcc', 'loss_logit'),
    ):
        torch.testing.assert_close(found[name], expected[their_name])
        assert found[name] > 0
    pairs = ((ours.backbone, dwpose.student.backbone), (ours.head, dwpose.student.head))
    for our_part, their_part in pairs:
        torch.testing.assert_close(gradients(found, our_part), gradients(expected, their_part))
    their_connector = dwpose.distill_losses['loss_fea'].align
    torch.testing.assert_close(gradients(found, connector), gradients(expected, their_connector))


def test_the_second_stage(tmp_path):
    """A new head on the backbone of the first stage, taught by the old one alone."""
    config = rtmpose_model()
    ours = build(
        distillation(
            config,
            config,
            dict(simcc=dict(dwpose_losses()['simcc'], loss_weight=1.0)),
            start_from_teacher=['backbone'],
            frozen=['backbone'],
            student_loss_weight=0.0,
        )
    ).train()
    dwpose = theirs(tmp_path, config, config, two_dis=True).train()
    dwpose.teacher.eval()
    dwpose.student.head.load_state_dict(ours.head.state_dict())
    dwpose.teacher.load_state_dict(ours.teacher.state_dict())
    at_epoch(3, 4)  # the weight does not fall
    batch = ours.data_preprocessor(with_simcc_labels(packed_batch(3)), training=True)
    expected, found = dwpose.loss(**copy.deepcopy(batch)), ours.loss(**batch)
    assert list(expected) == ['loss_logit'] and found['loss_kpt'] == 0
    torch.testing.assert_close(found['loss_distill_simcc'], expected['loss_logit'])
    torch.testing.assert_close(
        gradients(found, ours.head), gradients(expected, dwpose.student.head)
    )
    for name, value in ours.backbone.state_dict().items():
        assert torch.equal(value, ours.teacher.backbone.state_dict()[name]), name
    assert not any(parameter.requires_grad for parameter in ours.backbone.parameters())


@pytest.mark.parametrize(
    'name, epochs',
    [
        ('td-simcc_rtmpose-s_distill-rtmpose-m_8xb256-420e_coco-256x192', 420),
        ('td-simcc_rtmpose-t_distill-rtmpose-s_1xb32-20e_lspet-128x96', 20),
    ],
)
def test_weights_fall_as_dwposes(name, epochs):
    cfg = read_config(name)
    (hook,) = (hook for hook in cfg.custom_hooks if hook.type == 'LossWeightHook')
    assert set(hook.schedules) == set(cfg.model.losses) == {'features', 'simcc'}
    for schedule in hook.schedules.values():
        for epoch in (0, 1, epochs // 2, epochs - 1):
            assert factor_at(schedule, epoch) == pytest.approx(1 - epoch / epochs)
