from __future__ import annotations

import math

from mmpose_sdpose.models.losses import RelationalLoss

import pytest
import torch
from torch import Tensor


def huber(difference: Tensor) -> Tensor:
    size = difference.abs()
    return torch.where(size < 1, 0.5 * size**2, size - 0.5).mean()


@pytest.mark.parametrize('normalize', [False, True])
def test_the_published_formulas(normalize):
    """Park et al.: Huber's loss over all pairs and triples, the empty ones too, as in their code."""
    student, teacher = torch.randn(5, 3, 2, 2).double(), torch.randn(5, 7, 4).double()
    pairs, triples = [], []
    for features in (student, teacher):
        vectors = features.flatten(1)
        if normalize:
            vectors = vectors / (vectors**2).sum(1, keepdim=True).sqrt()
        distances, cosines = torch.zeros(5, 5).double(), torch.zeros(5, 5, 5).double()
        for i in range(5):
            for j in range(5):
                distances[i, j] = (vectors[i] - vectors[j]).norm()
        for j in range(5):
            for i in set(range(5)) - {j}:
                for k in set(range(5)) - {j}:
                    one, other = vectors[i] - vectors[j], vectors[k] - vectors[j]
                    cosines[j, i, k] = one @ other / one.norm() / other.norm()
        pairs.append(distances / (distances.sum() / 20))  # the mean of 5 * 4 pairs
        triples.append(cosines)
    distance, angle = huber(pairs[0] - pairs[1]), huber(triples[0] - triples[1])
    loss = RelationalLoss(distance_weight=2.0, angle_weight=3.0, normalize=normalize)
    torch.testing.assert_close(loss(student, teacher), 2 * distance + 3 * angle)


def test_a_right_and_a_regular_triangle_in_closed_form():
    """Angles of (90, 45, 45) against (60, 60, 60) degrees; each is met twice among 27 triples."""
    right = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    regular = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(0.75)]])
    cosines = torch.tensor([0.0, math.sqrt(0.5), math.sqrt(0.5)])
    angles = RelationalLoss(distance_weight=0.0, angle_weight=1.0, normalize=False)
    expected = 2 * (0.5 * (cosines - 0.5) ** 2).sum() / 27
    torch.testing.assert_close(angles(right, regular), expected)
    sides = torch.tensor([1.0, 1.0, math.sqrt(2.0)])
    distances = RelationalLoss(distance_weight=1.0, angle_weight=0.0, normalize=False)
    expected = 2 * (0.5 * (sides / sides.mean() - 1) ** 2).sum() / 9
    torch.testing.assert_close(distances(right, regular), expected)


def test_moving_turning_and_scaling_a_batch_costs_nothing():
    teacher = torch.randn(6, 8)
    turn = torch.linalg.qr(torch.randn(8, 8))[0]
    loss = RelationalLoss(normalize=False)
    value = loss(3 * teacher @ turn + torch.randn(8), teacher)
    torch.testing.assert_close(value, torch.tensor(0.0), atol=1e-5, rtol=0)


def test_vectors_far_from_the_origin_keep_their_relations():
    student, teacher = torch.randn(6, 8), torch.randn(6, 8)
    loss = RelationalLoss(normalize=False)
    far = loss(student + 1000, teacher - 1000)
    torch.testing.assert_close(far, loss(student, teacher), atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize('equal', [2, 4])
def test_equal_images_have_finite_gradients(equal):
    student, teacher = torch.randn(4, 8), torch.randn(4, 8)
    student[:equal], teacher[:equal] = student[0].clone(), teacher[0].clone()
    student.requires_grad_()
    value = RelationalLoss()(student, teacher)
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()


def test_what_is_no_tensor_is_named():
    pair = (torch.zeros(3, 2, 8), torch.zeros(3, 2, 9))
    with pytest.raises(ValueError, match=r'student gives \(B, 2, 8\) and \(B, 2, 9\).*a tensor'):
        RelationalLoss().fit(pair, torch.zeros(3, 5))
