from __future__ import annotations

from mmpose_sdpose.models.layers import AttentionLayout, AttentionMaps
from mmpose_sdpose.models.losses import AttentionTransferLoss

import pytest
import torch

K = 3


def maps(
    seed: int, layers=(1, 2), heads: int = 4, grid=(2, 3), keypoints: int = K
) -> AttentionMaps:
    numbers = torch.Generator().manual_seed(seed)
    length = keypoints + grid[0] * grid[1]
    return AttentionMaps(
        {
            layer: torch.randn(2, heads, length, length, generator=numbers).softmax(-1)
            for layer in layers
        },
        grid,
    )


@pytest.mark.parametrize('options', [{}, dict(each_head=True), dict(whole_map=True)])
@pytest.mark.parametrize('distance', ['kl', 'mse'])
def test_equal_maps_cost_nothing_and_others_something(distance, options):
    loss = AttentionTransferLoss([(1, 2), (2, 1)], distance, **options)
    one = maps(0)
    same = AttentionMaps({1: one.layers[2], 2: one.layers[1]}, one.grid_size)
    torch.testing.assert_close(loss(one, same), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert loss(one, maps(1)) > 1e-3


def test_default_is_the_divergence_of_head_means_over_visual_tokens():
    student, teacher = maps(0), maps(1)
    expected = 0
    for ours, theirs in ((1, 2), (2, 1)):
        rows = []
        for attention in (student.layers[ours], teacher.layers[theirs]):
            visual = attention[:, :, :K, K:].mean(1)
            rows.append(visual / visual.sum(-1, keepdim=True))
        expected += (
            torch.nn.functional.kl_div(rows[0].log(), rows[1], reduction='sum')
            / rows[0].shape[:2].numel()
        )
    loss = AttentionTransferLoss([(1, 2), (2, 1)], loss_weight=0.5)
    torch.testing.assert_close(loss(student, teacher), 0.5 * expected)


def test_whole_map_compares_every_row_and_column():
    student, teacher = maps(0), maps(1)
    loss = AttentionTransferLoss([(1, 1)], 'mse', whole_map=True, each_head=True)
    expected = ((student.layers[1] - teacher.layers[1]) ** 2).mean() * 9**2
    torch.testing.assert_close(loss(student, teacher), expected)


def test_gradient_reaches_the_student_only():
    student, teacher = maps(0), maps(1)
    for attention in (*student.layers.values(), *teacher.layers.values()):
        attention.requires_grad_(True)
    AttentionTransferLoss([(1, 2)])(student, teacher).backward()
    assert student.layers[1].grad.abs().sum() > 0
    # Only what is compared: rows of keypoints over columns of visual tokens.
    assert student.layers[1].grad[:, :, K:].abs().sum() == 0
    assert student.layers[2].grad is None
    assert all(attention.grad is None for attention in teacher.layers.values())


def test_a_student_that_follows_the_gradient_looks_where_the_teacher_looks():
    teacher = maps(1)
    scores = torch.zeros(2, 4, 9, 9, requires_grad=True)
    loss = AttentionTransferLoss([(1, 1)])
    optimizer = torch.optim.Adam([scores], lr=0.1)
    for _ in range(200):
        value = loss(AttentionMaps({1: scores.softmax(-1)}, (2, 3)), teacher)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert value < 1e-4


@pytest.mark.parametrize('teacher_grid', [(4, 6), (1, 3), (3, 2)])
def test_a_teacher_on_another_grid_is_resampled(teacher_grid):
    student = maps(0)
    teacher = maps(1, heads=2, grid=teacher_grid)
    value = AttentionTransferLoss([(1, 1)])(student, teacher)
    assert torch.isfinite(value) and value > 0


def test_a_finer_teacher_with_the_same_picture_costs_nothing():
    student = maps(0, heads=1)
    fine = student.layers[1][:, :, :K, K:].unflatten(-1, (2, 3))
    fine = fine.repeat_interleave(2, -1).repeat_interleave(2, -2).flatten(-2) / 4
    rows = torch.cat([student.layers[1][:, :, :K, :K], fine], dim=-1)
    length = rows.shape[-1]
    whole = torch.cat([rows, torch.full((2, 1, length - K, length), 1 / length)], dim=2)
    value = AttentionTransferLoss([(1, 1)])(student, AttentionMaps({1: whole}, (4, 6)))
    torch.testing.assert_close(value, torch.tensor(0.0), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(distance='l1'), r"distance \('l1'\) must be one of \['kl', 'mse'\]"),
        (dict(layer_pairs=[]), 'layer_pairs'),
        (dict(layer_pairs=[(0, 1)]), 'counted from 1'),
        (dict(layer_pairs=[(1, 2, 3)]), 'layer_pairs'),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionTransferLoss(**options)


@pytest.mark.parametrize(
    'options, student, message',
    [
        (dict(layer_pairs=[(4, 4)]), (3, 8, (2, 3)), 'layer 4 of the student, which has 3'),
        (dict(layer_pairs=[(3, 5)]), (3, 8, (2, 3)), 'layer 5 of the teacher, which has 4'),
        (dict(layer_pairs=[(1, 1)], each_head=True), (3, 4, (2, 3)), '4 heads and the teacher 8'),
        (dict(layer_pairs=[(1, 1)], whole_map=True), (3, 8, (4, 3)), r'\(4, 3\) visual tokens'),
    ],
)
def test_layouts_that_do_not_fit_are_named(options, student, message):
    loss = AttentionTransferLoss(**options)
    with pytest.raises(ValueError, match=message):
        loss.check(AttentionLayout(*student), AttentionLayout(4, 8, (2, 3)))


@pytest.mark.parametrize('options', [{}, dict(each_head=True), dict(whole_map=True)])
@pytest.mark.parametrize('distance', ['kl', 'mse'])
@pytest.mark.parametrize('gap', [60, 80, 87, 89, 93, 97, 101, 103, 105, 110, 1e4, 1e38])
def test_the_gradient_is_finite_however_far_logits_are_apart(gap, distance, options):
    """Between 88 and 103 softmax leaves values that float32 can hold, but not divide by."""
    logits = torch.zeros(2, 4, 9, 9)
    logits[..., K:] -= gap * torch.rand(6, generator=torch.Generator().manual_seed(0))
    logits[0, :, :, K:] = -gap  # all of the attention stays with keypoints
    logits[..., 4] = 0
    logits[0, ..., 4] = -gap
    logits.requires_grad_()
    student = AttentionMaps({1: logits.softmax(-1)}, (2, 3))
    loss = AttentionTransferLoss([(1, 1)], distance, loss_weight=1e3, **options)
    value = loss(student, maps(1))
    value.backward()
    assert value.isfinite() and value >= 0
    assert logits.grad.isfinite().all()
