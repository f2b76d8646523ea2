from __future__ import annotations

import math

from mmpose_sdpose.models.losses import SimCCDistributionLoss

import pytest
import torch
from torch import Tensor


def simcc() -> tuple[Tensor, Tensor]:
    return torch.randn(3, 4, 12).double(), torch.randn(3, 4, 16).double()


def test_two_bins_in_closed_form():
    """p = (3/4, 1/4) and q = (1/2, 1/2) along x, equal ones along y."""
    teacher = (torch.tensor([[[math.log(3.0) / 10, 0.0]]]), torch.ones(1, 1, 2))
    student = (torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))
    expected = 0.1 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    torch.testing.assert_close(SimCCDistributionLoss()(student, teacher), torch.tensor(expected))


def test_dwposes_formula_is_the_default():
    """Yang et al. and their code: of softmax(beta * logits), per joint, weight 0.1."""
    student, teacher = simcc(), simcc()
    total = 0.0
    for ours, theirs in zip(student, teacher):
        s, t = ((10 * logits).exp() for logits in (ours, theirs))
        s, t = s / s.sum(-1, keepdim=True), t / t.sum(-1, keepdim=True)
        total = total + (t * (t / s).log()).sum()
    images, joints = 3, 4
    expected = 0.1 * total / images / joints
    torch.testing.assert_close(SimCCDistributionLoss()(student, teacher), expected)


def test_temperature_divides_logits_and_its_square_multiplies():
    student, teacher = simcc(), simcc()
    warm = SimCCDistributionLoss(beta=8.0, temperature=4.0, loss_weight=0.3)
    plain = SimCCDistributionLoss(beta=2.0, loss_weight=16 * 0.3)
    torch.testing.assert_close(warm(student, teacher), plain(student, teacher))


def test_a_teacher_may_have_a_beta_of_its_own():
    student, teacher = simcc(), simcc()
    loss = SimCCDistributionLoss(beta=1.0, teacher_beta=10.0)
    expected = SimCCDistributionLoss(beta=1.0)(student, tuple(10 * x for x in teacher))
    torch.testing.assert_close(loss(student, teacher), expected)
    same = tuple(10 * x for x in teacher)
    torch.testing.assert_close(loss(same, teacher), torch.zeros(()).double())


def test_other_bins_are_refused_with_the_way_out():
    student = (torch.zeros(3, 17, 192), torch.zeros(3, 17, 256))
    teacher = (torch.zeros(3, 17, 192), torch.zeros(3, 17, 512))
    with pytest.raises(
        ValueError,
        match=r'\(B, 17, 256\) bins along y .* teacher \(B, 17, 512\): .* simcc_split_ratio',
    ):
        SimCCDistributionLoss().fit(student, teacher)
    SimCCDistributionLoss().fit(teacher, teacher)
