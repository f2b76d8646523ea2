from __future__ import annotations

import math

from mmpose_sdpose.models.losses import HeatmapCrossEntropyLoss, HeatmapKLLoss

import pytest
import torch


def test_two_cells_in_closed_form():
    """p = (3/4, 1/4) and q = (1/2, 1/2), as distributions and as softmaxed at temperature 0.1."""
    expected = torch.tensor(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    student, teacher = torch.tensor([[[[2.0, 2.0]]]]), torch.tensor([[[[0.75, 0.25]]]])
    torch.testing.assert_close(HeatmapKLLoss(temperature=None)(student, teacher), expected)
    teacher = torch.tensor([[[[0.1 * math.log(3.0), 0.0]]]])
    torch.testing.assert_close(HeatmapKLLoss(loss_weight=100.0)(student, teacher), expected)


@pytest.mark.parametrize('temperature', [0.1, 2.0])
def test_hintons_formula(temperature):
    student, teacher = torch.rand(3, 4, 6, 5).double(), torch.rand(3, 4, 6, 5).double()
    q, p = ((maps.flatten(2) / temperature).exp() for maps in (student, teacher))
    q, p = q / q.sum(-1, keepdim=True), p / p.sum(-1, keepdim=True)
    expected = 2 * temperature**2 * (p * (p / q).log()).sum() / 3 / 4
    loss = HeatmapKLLoss(temperature=temperature, loss_weight=2.0)
    torch.testing.assert_close(loss(student, teacher), expected)


def test_distributions_have_the_gradient_of_the_cross_entropy_to_them():
    logits = torch.randn(3, 4, 6, 5, requires_grad=True)
    teacher = torch.randn(3, 4, 30).softmax(-1).unflatten(-1, (6, 5))
    student = logits.flatten(2).softmax(-1).unflatten(-1, (6, 5))
    (ours,) = torch.autograd.grad(HeatmapKLLoss(temperature=None)(student, teacher), logits)
    (entropy,) = torch.autograd.grad(HeatmapCrossEntropyLoss()(logits, teacher), logits)
    torch.testing.assert_close(ours, entropy)


def test_cells_below_0_count_as_0():
    student, teacher = torch.rand(1, 2, 3, 4), torch.rand(1, 2, 3, 4)
    loss = HeatmapKLLoss(temperature=None)
    expected = loss(student, teacher.where(teacher > 0.5, torch.zeros(())))
    torch.testing.assert_close(
        loss(student, teacher.where(teacher > 0.5, torch.tensor(-1.0))), expected
    )


def test_other_sizes_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r'\(B, 17, 64, 48\), .* \(B, 17, 32, 24\): .*FeatureLoss'):
        HeatmapKLLoss().fit(torch.zeros(3, 17, 64, 48), torch.zeros(3, 17, 32, 24))
