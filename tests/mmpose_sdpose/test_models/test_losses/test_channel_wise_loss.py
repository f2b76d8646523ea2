from __future__ import annotations

import math

from mmpose_sdpose.models.losses import ChannelWiseLoss

import pytest
import torch


def test_two_cells_in_closed_form():
    """p = (3/4, 1/4) and q = (1/2, 1/2) at temperature 1."""
    teacher = torch.tensor([[[[math.log(3.0), 0.0]]]])
    student = torch.zeros(1, 1, 1, 2)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    torch.testing.assert_close(ChannelWiseLoss()(student, teacher), torch.tensor(expected))


@pytest.mark.parametrize('temperature', [0.5, 1.0, 4.0])
def test_the_published_formula(temperature):
    """Shu et al.: T^2 / C * sum_c sum_i phi(t_ci) log(phi(t_ci) / phi(s_ci))."""
    student, teacher = torch.randn(3, 5, 4, 6).double(), torch.randn(3, 5, 4, 6).double()

    def phi(channel: torch.Tensor) -> torch.Tensor:
        powers = (channel / temperature).exp()
        return powers / powers.sum()

    total = 0.0
    for ours, theirs in zip(student, teacher):
        for channel in range(5):
            s, t = phi(ours[channel]), phi(theirs[channel])
            total = total + (t * (t / s).log()).sum()
    loss = ChannelWiseLoss(temperature=temperature, loss_weight=3.0)
    expected = 3 * temperature**2 * total / 5 / 3  # of three images
    torch.testing.assert_close(loss(student, teacher), expected)


def test_what_is_added_to_a_whole_channel_does_not_count():
    student, teacher = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 4, 6)
    loss = ChannelWiseLoss()
    torch.testing.assert_close(
        loss(student + torch.randn(2, 3, 1, 1), teacher), loss(student, teacher)
    )


def test_other_widths_and_grids_are_brought_together():
    student, teacher = torch.randn(2, 3, 4, 6), torch.randn(2, 5, 8, 12)
    loss = ChannelWiseLoss()
    loss.fit(student, teacher)
    cells = teacher.unflatten(3, (6, 2)).unflatten(2, (4, 2)).mean((3, 5))
    expected = ChannelWiseLoss()(loss.align.connector(student), cells)
    torch.testing.assert_close(loss(student, teacher), expected)


@pytest.mark.parametrize('shape', [(3, 7, 5), (3, 17)])
def test_tokens_are_refused(shape):
    with pytest.raises(ValueError, match=r'feature maps \(B, C, H, W\).*choose modules'):
        ChannelWiseLoss().fit(torch.zeros(shape), torch.zeros(shape))
