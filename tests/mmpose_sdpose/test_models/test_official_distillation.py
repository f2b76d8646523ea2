"""DistilPose-S under its two teachers: losses, gradients and decoding against the official code's."""

from __future__ import annotations

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.models.distillers import TopdownDistiller
from mmpose_sdpose.models.losses import ScoreLoss, SimulatedHeatmapLoss, simulate_heatmaps

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..official_models import CONFIGS, boxed_samples, check_gradients, official_model
from ..reference import generator, normal, recorded, recorded_json, rule_input

DISTILLATION = 'td-reg_distilpose-s_distill-hrnet-w48_8xb32-300e_coco-256x192'
TEACHERS = ('teacher_hr48', 'teacher_stemnet')
# All official terms but reg2hm, which differs.
TERMS = {
    'reg_loss': 'loss_coordinate_cycle1',
    'vis_dist_loss': 'loss_distill_visual_tokens',
    'kpt_dist_loss': 'loss_distill_keypoint_tokens',
    'score_loss': 'loss_distill_scores',
}
LOSSES = recorded_json('official_losses')
DECODE = recorded('decode_distilpose_s')


def official_reg2hm(
    coordinates: Tensor, sigmas: Tensor, heatmaps: Tensor, weights: Tensor
) -> Tensor:
    """The official value of :class:`SimulatedHeatmapLoss`.

    There, the weights broadcast across samples: each joint's mean error counts with its mean weight,
    so that a joint visible in one sample makes it count in another where it is hidden. Equal to ours
    for a batch of one.
    """
    simulated = simulate_heatmaps(coordinates, sigmas, heatmaps.shape[-2:])
    error = ((simulated - heatmaps) ** 2).mean((2, 3))
    return (error.mean(0) * weights.mean(0)).mean()


class BothValues(nn.Module):
    """Our loss, and beside it the official value for the same arguments."""

    def __init__(self, ours: SimulatedHeatmapLoss) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, *arguments: Tensor) -> Tensor:
        self.official = official_reg2hm(*arguments)
        return self.ours(*arguments)


def build_distiller(teacher: str) -> TopdownDistiller:
    """Of our config, with official weights in student and teacher; float64, in training mode."""
    init_default_scope('mmpose')
    config = read_config(DISTILLATION).model
    config.update(teacher=CONFIGS[teacher], teacher_ckpt=None, allow_untrained=True)
    distiller = MODELS.build(config)
    distiller.load_state_dict(official_model('distilpose_s').state_dict(), strict=True)
    distiller.teacher.load_state_dict(official_model(teacher).state_dict(), strict=True)
    both = BothValues(distiller.distillation_losses['simulated_heatmaps'])
    distiller.distillation_losses['simulated_heatmaps'] = both
    return distiller.double().train()


def data_samples() -> list[PoseDataSample]:
    """The recorded targets, packed as MMPose's pipeline does it."""
    samples = []
    targets = recorded('targets')
    for labels, weights in zip(targets['reg_target'], targets['reg_target_weight']):
        sample = PoseDataSample()
        sample.gt_instance_labels = InstanceData(
            keypoint_labels=torch.from_numpy(labels[None]).double(),
            keypoint_weights=torch.from_numpy(weights.T[:1]).double(),
        )
        samples.append(sample)
    return samples


@pytest.fixture(scope='module', params=TEACHERS)
def distilled(request):
    """(recorded numbers, distiller, losses, official value of reg2hm) with one teacher."""
    distiller = build_distiller(request.param)
    losses = distiller.loss(rule_input().double(), data_samples())
    reg2hm = distiller.distillation_losses['simulated_heatmaps'].official
    return LOSSES[f'distilpose_s__{request.param}'], distiller, losses, reg2hm


def test_loss_terms(distilled):
    expected, _, losses, _ = distilled
    for official, ours in TERMS.items():
        np.testing.assert_allclose(losses[ours].item(), expected['losses'][official], rtol=1e-9)
    assert losses['acc_pose'].item() == expected['acc_pose']
    others = {'loss_distill_simulated_heatmaps', 'acc_pose'}
    assert set(losses) == {*TERMS.values(), *others}


def test_simulated_heatmaps_weigh_each_sample_where_the_official_code_mixes_them(distilled):
    expected, _, losses, reg2hm = distilled
    ours = losses['loss_distill_simulated_heatmaps'].item()
    np.testing.assert_allclose(ours, expected['reg2hm_if_weight_were_per_sample'], rtol=1e-9)
    np.testing.assert_allclose(reg2hm.item(), expected['losses']['reg2hm_loss'], rtol=1e-9)
    assert abs(ours / reg2hm.item() - 1) > 1e-5


def test_gradient_of_every_parameter_of_the_student(distilled):
    """Of the official total, so with the official value of reg2hm."""
    expected, distiller, losses, reg2hm = distilled
    total = sum(losses[name] for name in TERMS.values()) + reg2hm
    np.testing.assert_allclose(total.item(), expected['total'], rtol=1e-9)
    check_gradients('distilpose_s', distiller, total, expected['grad_norm_and_projection'])
    assert all(parameter.grad is None for parameter in distiller.teacher.parameters())


@pytest.fixture(scope='module')
def unit():
    """Predictions of which some lie outside [0, 1], in float64, and what was recorded for them."""
    arrays = dict(
        coordinates=generator('unit.pred').random((2, 17, 2)) * 1.4 - 0.2,
        sigmas=generator('unit.sigma').random((2, 17, 2)) * 3 + 0.2,
        scores=normal('unit.score', (2, 17, 1))[..., 0],
        heatmaps=normal('unit.teacher', (2, 17, 64, 48)),
    )
    tensors = {
        name: torch.from_numpy(array.astype(np.float32)).double() for name, array in arrays.items()
    }
    return tensors, LOSSES['unit']


def test_score_loss_outside_the_image(unit):
    tensors, expected = unit
    weights = torch.from_numpy(recorded('targets')['reg_target_weight'][..., 0]).double()
    assert ((tensors['coordinates'] < 0) | (tensors['coordinates'] > 1)).any(-1)[weights > 0].any()
    value = ScoreLoss(loss_weight=0.01)(
        tensors['coordinates'], tensors['scores'], tensors['heatmaps'], weights
    )
    np.testing.assert_allclose(value.item(), expected['score_loss_weight_0.01'], rtol=1e-6)


def test_simulated_heatmaps_outside_the_image(unit):
    """The official code takes the weight from Gaussians that lie wholly outside; we leave it.

    Coordinates of a student passed a sigmoid, so there are none in training.
    """
    tensors, expected = unit
    arguments = [tensors[name] for name in ('coordinates', 'sigmas', 'heatmaps')]
    weights = torch.tensor(expected['simulated_weight'], dtype=torch.float64)
    drawn = torch.tensor(expected['simulated_heatmap_sum_per_joint'], dtype=torch.float64)
    mass = simulate_heatmaps(*arguments[:2], (64, 48)).sum((2, 3))
    torch.testing.assert_close(mass[drawn > 0], drawn[drawn > 0], rtol=1e-5, atol=0)
    assert mass[drawn == 0].max() < 1e-2 and weights[drawn == 0].max() == 0
    value = SimulatedHeatmapLoss()(*arguments, weights)
    expected_value = expected['reg2hm_if_weight_were_per_sample']
    np.testing.assert_allclose(value.item(), expected_value, rtol=1e-6)
    mixed = official_reg2hm(*arguments, weights)
    np.testing.assert_allclose(mixed.item(), expected['reg2hm_loss'], rtol=1e-6)
    for index, alone in enumerate(expected['reg2hm_batch1']):
        one = slice(index, index + 1)
        value = SimulatedHeatmapLoss()(*(tensor[one] for tensor in arguments), weights[one])
        np.testing.assert_allclose(value.item(), alone, rtol=1e-6)


def predict(flip_test: bool, monkeypatch) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints in image pixels and scores, through the whole of TopdownPoseEstimator.predict."""
    model = official_model('distilpose_s')
    assert model.test_cfg['flip_test']
    monkeypatch.setitem(model.test_cfg, 'flip_test', flip_test)
    with torch.no_grad():
        predicted = model.predict(rule_input(), boxed_samples(DECODE))
    instances = [sample.pred_instances for sample in predicted]
    keypoints = np.concatenate([instance.keypoints for instance in instances])
    return keypoints, np.concatenate([instance.keypoint_scores for instance in instances])


def test_decoding(monkeypatch):
    keypoints, scores = predict(flip_test=False, monkeypatch=monkeypatch)
    expected = DECODE['preds_no_flip']
    np.testing.assert_allclose(keypoints, expected[..., :2], atol=2e-3)
    np.testing.assert_allclose(scores, expected[..., 2], atol=2e-5)


def test_flip_test_swaps_left_and_right_in_the_scores_too(monkeypatch):
    """The official code averages each joint's score with its counterpart's."""
    keypoints, scores = predict(flip_test=True, monkeypatch=monkeypatch)
    expected = DECODE['flip_preds']
    np.testing.assert_allclose(keypoints, expected[..., :2], atol=2e-3)
    swapped = DECODE['flip_score_if_left_right_were_swapped'][..., 0]
    np.testing.assert_allclose(scores, swapped, atol=2e-5)
    upright = recorded('distilpose_s')['score'][..., 0]
    unswapped = (upright + DECODE['score_of_flipped_image_unswapped'][..., 0]) / 2
    np.testing.assert_allclose(unswapped, expected[..., 2], atol=2e-5)
    assert abs(unswapped - swapped).max() > 0.1
