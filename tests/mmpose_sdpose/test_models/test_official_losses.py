"""Loss terms and gradients against the official code's, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample

from ..official_models import check_gradients, double_model, gradients
from ..reference import recorded, recorded_json, rule_input


def data_samples() -> list[PoseDataSample]:
    """The recorded targets, packed as MMPose's pipeline does it."""
    samples = []
    targets = recorded('targets')
    for heatmaps, weights in zip(targets['target'], targets['target_weight']):
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.from_numpy(heatmaps).double())
        weights = torch.from_numpy(weights).double().reshape(1, -1)
        sample.gt_instance_labels = InstanceData(keypoint_weights=weights)
        samples.append(sample)
    return samples


def losses_of(name: str, **head) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    model = double_model(name)
    for key, value in head.items():
        setattr(model.head, key, value)
    return model, model.loss(rule_input().double(), data_samples())


@pytest.fixture(scope='module')
def sdpose_t():
    return losses_of('sdpose_t')


EXPECTED = recorded_json('official_losses')['sdpose_t']


def test_loss_terms(sdpose_t):
    _, losses = sdpose_t
    heatmap = [losses[f'loss_heatmap_cycle{cycle}'].item() for cycle in (1, 2, 3)]
    np.testing.assert_allclose(heatmap, EXPECTED['heatmap_loss_per_cycle'], rtol=1e-9)
    terms = {'vis_dist_loss': 'loss_visual_token', 'kpt_dist_loss': 'loss_keypoint_token'}
    for official, ours in terms.items():
        np.testing.assert_allclose(losses[ours].item(), EXPECTED['losses'][official], rtol=1e-9)
    total = sum(value.item() for key, value in losses.items() if 'loss' in key)
    np.testing.assert_allclose(total, EXPECTED['total'], rtol=1e-9)


def test_gradient_of_every_parameter(sdpose_t):
    model, losses = sdpose_t
    total = sum(value for key, value in losses.items() if 'loss' in key)
    check_gradients('sdpose_t', model, total, EXPECTED['grad_norm_and_projection'])


@pytest.mark.parametrize(
    'detach_teacher, record',
    [(False, 'token_losses_only'), (True, 'token_losses_only_if_later_cycle_were_detached')],
)
def test_token_losses_alone_with_and_without_stop_gradient(detach_teacher, record):
    model = double_model('sdpose_t')
    between = model.head.between_cycles
    for loss in (between.visual_token_loss, between.keypoint_token_loss):
        loss.detach_teacher = detach_teacher
    losses = model.loss(rule_input().double(), data_samples())
    grads = gradients(
        'sdpose_t', model, losses['loss_visual_token'] + losses['loss_keypoint_token']
    )
    expected = EXPECTED[record]
    total = np.sqrt(sum((grad**2).sum() for grad in grads.values()))
    np.testing.assert_allclose(total, expected['grad_total_norm'], rtol=1e-6)
    for key, norm in expected['grad_norm'].items():
        np.testing.assert_allclose(np.linalg.norm(grads[key]), norm, rtol=1e-6, err_msg=key)


def test_sdpose_s_v1_total():
    _, losses = losses_of('sdpose_s_v1')
    heatmap = losses['loss_heatmap_cycle1'] + losses['loss_heatmap_cycle2']
    np.testing.assert_allclose(heatmap.item(), 1.5310408, rtol=1e-7)
    np.testing.assert_allclose(losses['loss_visual_token'].item(), 4.83237e-4, rtol=1e-5)
    np.testing.assert_allclose(losses['loss_keypoint_token'].item(), 2.22171e-4, rtol=1e-5)
