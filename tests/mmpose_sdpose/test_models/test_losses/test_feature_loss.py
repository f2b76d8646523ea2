from __future__ import annotations

from mmpose_sdpose.models.losses import FeatureLoss

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def fitted(student: Tensor, teacher: Tensor, **options: object) -> FeatureLoss:
    torch.manual_seed(0)
    loss = FeatureLoss(**options)
    loss.fit(student, teacher)
    return loss


def test_features_that_differ_by_2_everywhere():
    student, teacher = torch.zeros(3, 5, 4, 6), torch.full((3, 5, 4, 6), 2.0)
    mean = fitted(student, teacher, loss_weight=0.5)
    total = fitted(student, teacher, reduction='sum', loss_weight=0.5)
    torch.testing.assert_close(mean(student, teacher), torch.tensor(0.5 * 4))
    torch.testing.assert_close(total(student, teacher), torch.tensor(0.5 * 4 * 5 * 4 * 6))


def test_dwposes_is_a_setting():
    """Yang et al. and their code: alpha / N * sum over C, H, W of (t - f(s))^2."""
    student, teacher = torch.randn(3, 2, 4, 6), torch.randn(3, 5, 4, 6)
    loss = fitted(student, teacher, reduction='sum', loss_weight=7e-5)
    weight, bias = loss.align.connector.weight[:, :, 0, 0], loss.align.connector.bias
    total = 0.0
    for image in range(3):
        for row in range(4):
            for column in range(6):
                mapped = weight @ student[image, :, row, column] + bias
                total = total + ((teacher[image, :, row, column] - mapped) ** 2).sum()
    torch.testing.assert_close(loss(student, teacher), 7e-5 * total / 3)


def test_the_connector_learns_with_the_student():
    student, teacher = torch.randn(3, 2, 4, 6, requires_grad=True), torch.randn(3, 5, 4, 6)
    loss = fitted(student, teacher)
    loss(student, teacher).backward()
    parameters = dict(loss.named_parameters())
    assert {name: tuple(one.shape) for name, one in parameters.items()} == {
        'align.connector.weight': (5, 2, 1, 1),
        'align.connector.bias': (5,),
    }
    assert all((one.grad != 0).all() for one in parameters.values())
    assert (student.grad != 0).all()


@pytest.mark.parametrize('shape', [(3, 5, 4, 6), (3, 7, 5)])
def test_equal_widths_need_no_connector(shape):
    loss = fitted(torch.randn(shape), torch.randn(shape))
    assert isinstance(loss.align.connector, nn.Identity)
    assert list(loss.state_dict()) == []


def test_tokens_pass_a_linear_layer():
    student, teacher = torch.randn(3, 7, 2), torch.randn(3, 7, 5)
    loss = fitted(student, teacher)
    mapped = F.linear(student, loss.align.connector.weight, loss.align.connector.bias)
    torch.testing.assert_close(loss(student, teacher), ((mapped - teacher) ** 2).mean())


def test_a_finer_teacher_is_averaged_over_the_students_cells():
    student, teacher = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 8, 18)
    cells = teacher.unflatten(3, (6, 3)).unflatten(2, (4, 2)).mean((3, 5))
    loss = fitted(student, teacher)
    torch.testing.assert_close(loss(student, teacher), ((student - cells) ** 2).mean())


def test_a_coarser_teacher_is_interpolated():
    """A picture that is a plane stays one, but at its border."""
    plane = torch.arange(4.0)[:, None] + 10 * torch.arange(6.0)
    fine = ((torch.arange(8.0) - 0.5) / 2)[:, None] + 10 * ((torch.arange(12.0) - 0.5) / 2)
    student = torch.zeros(1, 1, 8, 12, requires_grad=True)
    loss = fitted(student, plane[None, None], reduction='sum', loss_weight=0.5)
    loss(student, plane[None, None]).backward()
    torch.testing.assert_close(-student.grad[0, 0, 1:-1, 1:-1], fine[1:-1, 1:-1])


def test_the_connector_stays_when_the_loss_is_copied_moved_and_saved():
    student, teacher = torch.randn(3, 2, 4, 6), torch.randn(3, 5, 4, 6)
    loss, other = fitted(student, teacher), FeatureLoss()
    other.fit(student, teacher)
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other(student, teacher), loss(student, teacher))
    double = loss.double()(student.double(), teacher.double())
    torch.testing.assert_close(double.float(), other(student, teacher))


MAPS = torch.zeros(3, 5, 4, 6)
PAIR = (torch.zeros(3, 2, 8), torch.zeros(3, 2, 9))
TOKENS = torch.zeros(3, 24, 5)


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        (torch.zeros(3, 17), MAPS, r'student gives \(B, 17\), the teacher \(B, 5, 4, 6\)'),
        (PAIR, MAPS, r'student gives \(B, 2, 8\) and \(B, 2, 9\), the teacher.*choose modules'),
        (object(), MAPS, 'student gives an? object'),
        (MAPS, TOKENS, r'\(B, 24, 5\): one is a feature map, the other tokens;.*say the grid'),
        (TOKENS[:, :7], TOKENS, r'\(B, 7, 5\), the teacher \(B, 24, 5\).*both grids'),
    ],
)
def test_what_does_not_fit_is_named_with_the_way_out(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        FeatureLoss().fit(student, teacher)


def test_features_of_other_widths_than_those_fitted_are_refused():
    with pytest.raises(ValueError, match=r'\(B, 2, 4, 6\) cannot .* \(B, 5, 4, 6\): call fit'):
        FeatureLoss()(torch.zeros(3, 2, 4, 6), torch.zeros(3, 5, 4, 6))
