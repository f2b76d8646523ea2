from __future__ import annotations

import math

from mmpose_sdpose.models.losses import LocalizationScoreLoss, ScoreLoss

import pytest
import torch


def test_score_learns_the_heatmap_at_the_nearest_cell():
    heatmaps = torch.arange(2 * 1 * 4 * 5, dtype=torch.float32).reshape(2, 1, 4, 5)
    coordinates = torch.tensor([[[0.26, 0.98]], [[1.2, 0.5]]])  # column 1 of 0..4, row 3; outside
    scores = torch.tensor([[10.0], [7.0]])
    expected = (abs(10 - heatmaps[0, 0, 3, 1]) + 7) / 2
    value = ScoreLoss(loss_weight=1.0)(coordinates, scores, heatmaps, torch.ones(2, 1))
    torch.testing.assert_close(value, expected)


def test_weights_are_per_joint_and_sample():
    heatmaps = torch.zeros(2, 2, 4, 5)
    coordinates = torch.full((2, 2, 2), 0.5)
    scores = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    value = ScoreLoss(loss_weight=1.0)(coordinates, scores, heatmaps, weights)
    torch.testing.assert_close(value, torch.tensor((1.0 + 8.0) / 4))


@pytest.mark.parametrize(
    ('loss', 'shape'), [(ScoreLoss(), (2, 3, 4, 5)), (LocalizationScoreLoss(), (2, 3, 2))]
)
def test_gradient_reaches_scores_not_coordinates(loss, shape):
    """Each score is pulled by the mean's share of the loss weight."""
    numbers = torch.Generator().manual_seed(0)
    coordinates = torch.rand(2, 3, 2, generator=numbers, requires_grad=True)
    scores = torch.randn(2, 3, generator=numbers, requires_grad=True)
    taught = torch.rand(shape, generator=numbers)
    loss(coordinates, scores, taught, torch.ones(2, 3)).backward()
    assert coordinates.grad is None
    torch.testing.assert_close(scores.grad.abs(), torch.full((2, 3), loss.loss_weight / 6))


def test_without_a_teacher_the_target_is_the_ground_truths_gaussian():
    loss = LocalizationScoreLoss(sigma=2.0, heatmap_size=(48, 64), loss_weight=1.0)
    target = torch.tensor([[[0.5, 0.5], [0.5, 0.5]]])
    coordinates = target + torch.tensor([[[0.0, 0.0], [2 / 48, 4 / 64]]])  # one and two sigmas off
    scores = torch.zeros(1, 2)
    expected = (1 + math.exp(-(1 + 4) / 2)) / 2
    value = loss(coordinates, scores, target, torch.ones(1, 2))
    torch.testing.assert_close(value, torch.tensor(expected))


def test_a_sigma_must_be_positive():
    with pytest.raises(ValueError, match=r'sigma \(0\)'):
        LocalizationScoreLoss(sigma=0)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_reads_the_cells_of_full(dtype):
    """Cells of a 64x48 heatmap number more than half precision can count."""
    heatmaps = torch.arange(64.0 * 48).reshape(1, 1, 64, 48).expand(1, 500, 64, 48)
    coordinates = torch.rand(1, 500, 2, generator=torch.Generator().manual_seed(0)).to(dtype)
    coordinates[0, 0] = 1.0
    scores, weights = torch.zeros(1, 500), torch.ones(1, 500)
    loss = ScoreLoss()
    expected = loss(coordinates.float(), scores, heatmaps, weights)
    torch.testing.assert_close(loss(coordinates, scores, heatmaps, weights), expected)
