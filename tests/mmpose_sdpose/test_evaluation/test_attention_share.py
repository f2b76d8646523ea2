"""The share of attention near the joint, in closed form."""

from __future__ import annotations

import math

from mmpose_sdpose.configs import keypoint_names
from mmpose_sdpose.evaluation.attention_share import (
    AttentionShare,
    measure_attention,
    share_near,
    torso_length,
)
from mmpose_sdpose.models.layers import TokenAttention
from mmpose_sdpose.visualization.attention import read_person

import numpy as np
import pytest
import torch
from torch import nn

from ..people import coco, person
from ..small_models import (
    build,
    distillation,
    resnet_heatmap_model,
    token_heatmap_model,
    token_regression_model,
)

PEOPLE = [person(0), person(1)]
#: Of those people, whose joints are each a half pixel right of and a pixel below the one before.
TORSO = math.hypot(3, 6)


def even(model: nn.Module) -> nn.Module:
    """The model, looking everywhere alike: all tokens are as like as any."""
    for module in model.modules():
        if isinstance(module, TokenAttention):
            nn.init.zeros_(module.qkv.weight)
    return model


def test_even_attention_has_the_circles_part_of_the_crop():
    attention = np.full((1, 2, 8, 6), 1 / 48)
    joints = np.array([[[11.5, 15.5], [-1e3, 0]]])
    shares = share_near(attention, joints, np.array([5.0]), (24, 32))
    assert shares[0, 0] == pytest.approx(math.pi * 5**2 / (24 * 32), rel=0.01)
    assert shares[0, 1] == 0
    corner = share_near(attention, np.array([[[-0.5, -0.5]] * 2]), np.array([5.0]), (24, 32))
    assert corner[0, 0] == pytest.approx(math.pi * 5**2 / 4 / (24 * 32), rel=0.01)


def test_attention_to_one_patch_counts_as_far_as_the_circle_covers_it():
    """Patches of 4x4 pixels; the third of the second row begins at x 7.5, y 3.5."""
    attention = np.zeros((1, 1, 8, 6))
    attention[0, 0, 1, 2] = 0.3  # the rest is given to keypoint tokens
    middle, size = np.array([[[9.5, 5.5]]]), (24, 32)

    def share(joint: np.ndarray, radius: float) -> float:
        return share_near(attention, joint, np.array([radius]), size).item()

    assert share(middle, 1.5) == pytest.approx(math.pi * 1.5**2 / 16, rel=0.02)
    assert share(middle, 2 * math.sqrt(2)) == 1.0
    assert share(middle + 10, 1.5) == 0.0
    assert share(np.array([[[7.5, 5.5]]]), 1.5) == pytest.approx(
        math.pi * 1.5**2 / 2 / 16, rel=0.02
    )


def test_attention_is_weighed_patch_by_patch():
    attention = np.array([[[[0.2, 0.6]]]])
    joint, radius = np.array([[[15.5, 7.5]]]), np.array([np.inf])
    assert share_near(attention, joint, radius, (32, 16)).item() == 1.0
    right = np.array([[[23.5, 7.5]]])  # the right one's middle; the circle stays in it
    expected = 0.75 * math.pi * 6**2 / 16**2
    assert share_near(attention, right, np.array([6.0]), (32, 16)).item() == pytest.approx(
        expected, rel=0.02
    )


def test_a_torso_is_the_mean_of_the_sides_that_are_annotated():
    names = keypoint_names(coco())
    read = read_person(person())
    assert torso_length(read, names) == pytest.approx(TORSO)
    read.true[names.index('left_hip')] += (3, 6)
    assert torso_length(read, names) == pytest.approx(1.5 * TORSO)
    read.annotated[names.index('left_shoulder')] = False
    assert torso_length(read, names) == pytest.approx(TORSO)
    read.annotated[names.index('right_hip')] = False
    assert math.isnan(torso_length(read, names))
    with pytest.raises(ValueError, match='a torso needs left_hip, and the data has left_shoulder'):
        torso_length(read, ['left_shoulder', 'right_shoulder', 'right_hip'])


@pytest.mark.parametrize('radius', [0.2, 0.5])
def test_a_model_that_looks_everywhere_alike_has_the_even_share(radius):
    model = even(build(token_heatmap_model(depth=2, num_cycles=2)))
    found = measure_attention(model, PEOPLE, coco(), radius, batch=1)
    assert [(one.view, one.layer) for one in found] == [
        ('cycle 1 (the one that predicts)', 1),
        ('cycle 1 (the one that predicts)', 2),
        ('cycle 2 (training only)', 1),
        ('cycle 2 (training only)', 2),
    ]
    for one in found:
        assert one.joints == 2 * 16  # the last joint is not annotated
        assert one.share == pytest.approx(one.even)
        # The first joints lie at the edge, where a large circle leaves the crop.
        assert one.even == pytest.approx(math.pi * (radius * TORSO) ** 2 / (24 * 32), rel=0.2)


def test_a_layer_whose_tokens_look_at_one_patch(monkeypatch):
    """Every head of the second layer gives all its attention to the patch in the upper left corner."""
    model = even(build(token_heatmap_model(depth=2)))
    layer = [module for module in model.modules() if isinstance(module, TokenAttention)][1]
    plain = layer.with_map

    def with_map(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out, maps = plain(tokens)
        maps = torch.zeros_like(maps)
        maps[..., 17] = 1.0
        return out, maps

    monkeypatch.setattr(layer, 'with_map', with_map)
    first, second = measure_attention(model, PEOPLE, coco(), 1.0)
    assert first.share == pytest.approx(first.even)
    reads = [read_person(packed) for packed in PEOPLE]
    grid = np.zeros((2, 17, 2, 2))
    grid[..., 0, 0] = 1.0
    joints = np.stack([read.true for read in reads])
    expected = share_near(grid, joints, np.full(2, TORSO), (24, 32))
    known = np.stack([read.annotated for read in reads])
    assert second.share == pytest.approx(expected[known].mean())
    assert second.share != pytest.approx(first.share, rel=0.2)


def test_of_a_distillation_student_and_teacher_are_measured():
    model = even(
        build(
            distillation(
                token_regression_model(depth=1),
                token_heatmap_model(depth=2),
                dict(coordinates=dict(type='SmoothL1Loss')),
            )
        )
    )
    found = measure_attention(model, PEOPLE, coco())
    assert [(one.view, one.layer) for one in found] == [
        ('student', 1),
        ('teacher', 1),
        ('teacher', 2),
    ]
    assert isinstance(found[0], AttentionShare)


def test_who_has_no_torso_is_left_out():
    model = build(token_heatmap_model(depth=1))
    lone = person(1)
    lone['data_samples'].gt_instances.keypoints_visible[0, 5:7] = 0
    (alone,), (both,) = (
        measure_attention(model, people, coco()) for people in (PEOPLE[:1], [PEOPLE[0], lone])
    )
    assert both == alone
    with pytest.raises(ValueError, match='nobody has a shoulder and the hip below it annotated'):
        measure_attention(model, [lone], coco())


def test_what_cannot_be_measured_is_said():
    model = build(token_heatmap_model(depth=1))
    with pytest.raises(ValueError, match=r'radius \(0\) must be above 0'):
        measure_attention(model, PEOPLE, coco(), radius=0)
    with pytest.raises(ValueError, match='HeatmapHead, which has no keypoint tokens'):
        measure_attention(build(resnet_heatmap_model()), PEOPLE, coco())
