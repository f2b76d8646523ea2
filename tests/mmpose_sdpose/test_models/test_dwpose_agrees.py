"""DWPose by our distiller gives what MMPose's own distiller for it gives: losses and gradients."""

from __future__ import annotations

import copy

import mmpose_sdpose  # noqa: F401  registers the package

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmpose.registry import MODELS
from torch import Tensor, nn

from .. import small_models
from ..small_models import build, estimator, packed_batch

SIZE, KEYPOINTS = (24, 32), 17
CODEC = dict(type='SimCCLabel', input_size=SIZE, sigma=2.0, simcc_split_ratio=2.0, normalize=False)


def rtmpose(width: int) -> dict:
    head = dict(
        type='RTMCCHead',
        in_channels=width,
        out_channels=KEYPOINTS,
        input_size=SIZE,
        in_featuremap_size=(6, 8),
        final_layer_kernel_size=3,
        gau_cfg=dict(
            hidden_dims=16, s=8, expansion_factor=2, dropout_rate=0.0, drop_path=0.0,
            act_fn='SiLU', use_rel_bias=False, pos_enc=False,
        ),
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True),
        decoder=CODEC,
    )  # fmt: skip
    return estimator(head, dict(type='StemNet', stem_channels=8, out_channels=width, num_blocks=1))


def simcc_batch(model: nn.Module) -> dict:
    packed = packed_batch(3, KEYPOINTS, size=SIZE)
    numbers = torch.Generator().manual_seed(1)
    for sample in packed['data_samples']:
        labels = sample.gt_instance_labels
        for axis, bins in (('x', 48), ('y', 64)):
            target = torch.rand(1, KEYPOINTS, bins, generator=numbers)
            labels.set_field(target, f'keypoint_{axis}_labels')
        weights = torch.rand(1, KEYPOINTS, generator=numbers)
        labels.set_field((weights > 0.3).float(), 'keypoint_weights')
    return model.data_preprocessor(packed, training=True)


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
            data_preprocessor=small_models.PREPROCESSOR,
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
    student, teacher = rtmpose(8), rtmpose(16)
    ours = build(
        dict(
            type='TopdownDistiller',
            student=student,
            teacher=teacher,
            losses=_losses('configs/_base_/rtmpose.py'),
            allow_untrained=True,
        )
    ).train()
    dwpose = theirs(tmp_path, student, teacher)
    dwpose.student.load_state_dict(ours.state_dict())
    dwpose.teacher.load_state_dict(ours.teacher.state_dict())
    connector = ours.distillation_losses['features'].align.connector
    dwpose.distill_losses['loss_fea'].align.load_state_dict(connector.state_dict())
    dwpose.train()
    dwpose.teacher.eval()  # which train() of theirs forgets
    at_epoch(epoch, 4)
    ours.loss_factors = dict.fromkeys(ours.loss_factors, 1 - epoch / 4)
    batch = simcc_batch(ours)
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


def _losses(base: str) -> dict:
    """DWPose's losses as the configs have them."""
    return Config.fromfile(base).dwpose_losses.to_dict()
