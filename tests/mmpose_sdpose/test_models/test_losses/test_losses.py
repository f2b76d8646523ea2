from __future__ import annotations

from mmpose_sdpose.models.losses import HeatmapCrossEntropyLoss, TokenDistanceLoss

import pytest
import torch
import torch.nn.functional as F


@pytest.mark.parametrize('detach_teacher', [False, True])
def test_token_distance(detach_teacher):
    student = torch.randn(2, 5, 8, requires_grad=True)
    teacher = torch.randn(2, 5, 8, requires_grad=True)
    loss = TokenDistanceLoss(loss_weight=3.0, detach_teacher=detach_teacher)(student, teacher)
    torch.testing.assert_close(loss, 3 * ((student - teacher) ** 2).mean())
    loss.backward()
    expected = 6 * (student - teacher).detach() / student.numel()
    torch.testing.assert_close(student.grad, expected)
    if detach_teacher:
        assert teacher.grad is None
    else:
        torch.testing.assert_close(teacher.grad, -expected)


def test_cross_entropy_is_pytorchs_for_a_single_cell():
    torch.manual_seed(0)
    logits, cells = torch.randn(2, 3, 4, 5), torch.randint(20, (2, 3))
    target = F.one_hot(cells, 20).reshape(2, 3, 4, 5).float()
    weights = torch.tensor([[1.0, 0.0, 2.0], [1.0, 1.0, 0.0]])
    each = F.cross_entropy(logits.reshape(6, 20), cells.flatten(), reduction='none').reshape(2, 3)
    loss = HeatmapCrossEntropyLoss(loss_weight=0.5)
    torch.testing.assert_close(loss(logits, target, weights), 0.5 * (each * weights).mean())
    unweighted = HeatmapCrossEntropyLoss(use_target_weight=False)
    torch.testing.assert_close(unweighted(logits, target, weights), each.mean())


def test_cross_entropy_does_not_care_for_the_scale_of_the_target():
    logits, target = torch.randn(1, 2, 4, 5), torch.rand(1, 2, 4, 5)
    loss = HeatmapCrossEntropyLoss()
    torch.testing.assert_close(loss(logits, target), loss(logits, 7 * target))


def test_cross_entropy_of_a_joint_without_target_is_zero():
    loss = HeatmapCrossEntropyLoss()(torch.randn(1, 2, 4, 5), torch.zeros(1, 2, 4, 5))
    assert loss.item() == 0
