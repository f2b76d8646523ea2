from __future__ import annotations

import math

from mmpose_sdpose.models.losses import SimulatedHeatmapLoss, simulate_heatmaps

import torch


def test_a_gaussian_in_closed_form():
    heatmaps = simulate_heatmaps(
        torch.tensor([[[0.5, 0.25]]]), torch.tensor([[[1.0, 2.0]]]), (8, 6)
    )
    assert heatmaps.shape == (1, 1, 8, 6)
    for row, column in ((2, 3), (4, 3), (2, 1), (7, 5)):
        exponent = (column - 3) ** 2 / 2 + (row - 2) ** 2 / 8
        torch.testing.assert_close(heatmaps[0, 0, row, column], torch.tensor(math.exp(-exponent)))


def test_weights_are_per_joint_and_sample():
    torch.manual_seed(0)
    coordinates, sigmas = torch.rand(2, 3, 2), torch.rand(2, 3, 2) + 0.5
    teacher, weights = torch.rand(2, 3, 8, 6), torch.rand(2, 3)
    value = SimulatedHeatmapLoss(loss_weight=0.5)(coordinates, sigmas, teacher, weights)
    simulated = simulate_heatmaps(coordinates, sigmas, (8, 6))
    expected = 0.5 * ((simulated - teacher) ** 2 * weights[..., None, None]).mean()
    torch.testing.assert_close(value, expected)


def test_the_gradient_moves_the_prediction_towards_the_teacher():
    teacher = simulate_heatmaps(
        torch.tensor([[[0.6, 0.4]]]), torch.tensor([[[1.0, 1.0]]]), (16, 12)
    )
    coordinates = torch.full((1, 1, 2), 0.5, requires_grad=True)
    sigmas = torch.full((1, 1, 2), 2.0, requires_grad=True)
    SimulatedHeatmapLoss()(coordinates, sigmas, teacher, torch.ones(1, 1)).backward()
    assert coordinates.grad[0, 0, 0] < 0 < coordinates.grad[0, 0, 1]
    assert (sigmas.grad > 0).all()


def test_a_sigma_of_zero_stays_finite():
    sigmas = torch.zeros(1, 1, 2, requires_grad=True)
    value = SimulatedHeatmapLoss()(
        torch.full((1, 1, 2), 0.5), sigmas, torch.zeros(1, 1, 8, 6), torch.ones(1, 1)
    )
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(sigmas.grad).all()
