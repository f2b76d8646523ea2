"""What every loss between a student and a teacher must keep."""

from __future__ import annotations

from mmpose_sdpose.models.distillers.comparisons import build_comparison
from mmpose_sdpose.models.losses import (
    AttentionTransferLoss,
    ChannelWiseLoss,
    FeatureLoss,
    HeatmapKLLoss,
    RelationalLoss,
    SimCCDistributionLoss,
)

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

B, K = 3, 4


def maps(seed: int, channels: int = 5, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(B, channels, 6, 4, generator=torch.Generator().manual_seed(seed))


def simcc(seed: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(B, K, bins, generator=numbers) for bins in (12, 16))


def heatmaps(seed: int, scale: float = 1.0) -> Tensor:
    return maps(seed, K, scale)


LOSSES = {
    'features, mean': (FeatureLoss, dict(), maps),
    'features, sum': (FeatureLoss, dict(reduction='sum', loss_weight=7e-5), maps),
    'channels': (ChannelWiseLoss, dict(temperature=2.0), maps),
    'relations': (RelationalLoss, dict(), maps),
    'simcc': (SimCCDistributionLoss, dict(), simcc),
    'heatmaps': (HeatmapKLLoss, dict(), heatmaps),
    'distributions': (HeatmapKLLoss, dict(temperature=None), heatmaps),
}
every_loss = pytest.mark.parametrize(
    ('build', 'options', 'make'), LOSSES.values(), ids=LOSSES.keys()
)


def fitted(build: type[nn.Module], options: dict, student: object, teacher: object) -> nn.Module:
    torch.manual_seed(0)
    loss = build(**options)
    loss.fit(student, teacher)
    return loss


@every_loss
def test_equal_ones_cost_nothing_and_others_something(build, options, make):
    loss = fitted(build, options, make(0), make(1))
    torch.testing.assert_close(loss(make(0), make(0)), torch.tensor(0.0), atol=2e-6, rtol=0)
    assert loss(make(0), make(1)) > 0


@every_loss
def test_gradient_reaches_every_number_of_the_student_and_none_of_the_teacher(build, options, make):
    student, teacher = (tree_map(Tensor.requires_grad_, make(seed)) for seed in (0, 1))
    fitted(build, options, student, teacher)(student, teacher).backward()
    above_0 = options.get('temperature', 1.0) is None  # cells below count nothing
    for numbers in tree_leaves(student):
        assert (numbers.grad != 0)[numbers > 0 if above_0 else ...].all()
    assert all(numbers.grad is None for numbers in tree_leaves(teacher))


@every_loss
def test_a_student_that_follows_the_gradient_becomes_the_teacher(build, options, make):
    student = tree_map(lambda numbers: numbers.abs().requires_grad_(), make(0))
    teacher = tree_map(torch.abs, make(1))
    loss = fitted(build, options, student, teacher)
    optimizer = torch.optim.Adam(tree_leaves(student), lr=0.03)
    first = loss(student, teacher).item()
    for _ in range(300):
        value = loss(student, teacher)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert value < 0.03 * first


@every_loss
def test_its_weight_is_a_factor_and_0_switches_it_off(build, options, make):
    names = [name for name in build().__dict__ if name.endswith('_weight')]
    student, teacher = make(0), make(1)
    once = fitted(build, {**options, **dict.fromkeys(names, 1.0)}, student, teacher)
    twice = fitted(build, {**options, **dict.fromkeys(names, 2.0)}, student, teacher)
    off = fitted(build, {**options, **dict.fromkeys(names, 0.0)}, student, teacher)
    torch.testing.assert_close(twice(student, teacher), 2 * once(student, teacher))
    assert off(student, teacher) == 0


@every_loss
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('scale', [0.0, 1.0, 1000.0])
def test_half_precision_gives_what_float32_gives(build, options, make, dtype, scale):
    """Of a thousand, the squares are beyond half precision."""
    student, teacher = (tree_map(lambda x: x.to(dtype), make(seed, scale=scale)) for seed in (0, 1))
    wide = [tree_map(Tensor.float, one) for one in (student, teacher)]
    loss = fitted(build, options, student, teacher)
    student, wide[0] = (tree_map(Tensor.requires_grad_, one) for one in (student, wide[0]))
    value = loss(student, teacher)
    assert value.dtype == torch.float32
    with torch.autocast('cpu', torch.bfloat16):
        mixed = loss(*wide)
    torch.testing.assert_close(mixed, loss(*wide), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(value, mixed, atol=1e-5, rtol=1e-5)
    value.backward()
    mixed.backward()
    for numbers in tree_leaves([student, wide[0]]):
        assert numbers.grad.isfinite().all()


@every_loss
def test_one_image_alone_is_finite(build, options, make):
    student, teacher = (tree_map(lambda numbers: numbers[:1], make(seed)) for seed in (0, 1))
    student = tree_map(Tensor.requires_grad_, student)
    value = fitted(build, options, student, teacher)(student, teacher)
    value.backward()
    assert value.isfinite()
    assert all(numbers.grad.isfinite().all() for numbers in tree_leaves(student))


@pytest.mark.parametrize('name', ['simcc', 'heatmaps', 'distributions'])
def test_joints_count_by_their_weight(name):
    build, options, make = LOSSES[name]
    student, teacher = tree_map(Tensor.requires_grad_, make(0)), make(1)
    loss = fitted(build, options, student, teacher)
    weights = torch.rand(B, K, generator=torch.Generator().manual_seed(2)) + 0.5
    weights[1, 2] = 0
    each = torch.zeros(B, K)
    for image in range(B):
        for joint in range(K):
            one = [
                tree_map(lambda x: x[image : image + 1, joint : joint + 1], side)  # noqa: B023
                for side in (student, teacher)
            ]
            each[image, joint] = loss(*one)
    torch.testing.assert_close(loss(student, teacher, weights), (each * weights).mean())
    torch.testing.assert_close(loss(student, teacher), each.mean())
    loss(student, teacher, weights).backward()
    for numbers in tree_leaves(student):
        assert (numbers.grad[1, 2] == 0).all()
        assert (numbers.grad[1, 1] != 0).any()
    assert loss(student, teacher, 0 * weights) == 0


@pytest.mark.parametrize(
    ('loss', 'compares'),
    [
        (AttentionTransferLoss, 'attention'),
        (ChannelWiseLoss, 'features'),
        (FeatureLoss, 'features'),
        (HeatmapKLLoss, 'heatmaps'),
        (RelationalLoss, 'features'),
        (SimCCDistributionLoss, 'simcc'),
    ],
)
def test_a_loss_says_what_it_compares(loss, compares):
    module = dict(module='backbone') if compares == 'features' else {}
    _, comparison = build_comparison('anything', dict(type=loss.__name__, **module))
    requests = (*comparison.student, *comparison.teacher)
    assert [request.name for request in requests] == [compares, compares]
