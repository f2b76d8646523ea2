from __future__ import annotations

from mmpose_sdpose.models.losses.simulated_heatmap_loss import simulate_heatmaps
from mmpose_sdpose.visualization import AttentionChoice
from mmpose_sdpose.visualization.attention import keypoint_attention, look, read_person
from mmpose_sdpose.visualization.attention_plan import plan_views

import numpy as np
import pytest
import torch

from ..people import person
from ..small_models import (
    build,
    resnet_heatmap_model,
    token_heatmap_model,
    token_regression_model,
)

PEOPLE = [person(0), person(1)]


def looks(model, **choice):
    return [look(view, PEOPLE) for view in plan_views(model, AttentionChoice(**choice))]


def cycles_of(model, layers: dict):
    data = dict(
        inputs=[packed['inputs'] for packed in PEOPLE],
        data_samples=[packed['data_samples'] for packed in PEOPLE],
    )
    model.eval()
    with torch.no_grad():
        feats = model.extract_feat(model.data_preprocessor(data)['inputs'])
        return model.head.run_cycles(feats, 2, layers)


def test_a_crop_keeps_its_joints():
    packed = person()
    read = read_person(packed)
    np.testing.assert_array_equal(read.crop, packed['inputs'].numpy().transpose(1, 2, 0))
    joints = np.arange(17)
    np.testing.assert_allclose(read.true, np.stack([2 + joints / 2, 1 + joints], axis=1))
    np.testing.assert_array_equal(read.annotated, joints < 16)


def test_joints_of_a_detected_box_are_not_annotated():
    packed = person()
    packed['data_samples'].gt_instances.keypoints[:] = 0
    assert not read_person(packed).annotated.any()
    del packed['data_samples'].gt_instances.keypoints
    del packed['data_samples'].gt_instances.keypoints_visible
    assert not read_person(packed).annotated.any()


def test_rows_are_keypoint_tokens_and_columns_are_patches():
    maps = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8)  # 2 keypoint tokens, 3 x 2 patches
    found = keypoint_attention(maps, (3, 2))
    assert found.shape == (2, 3, 2, 3, 2)
    for joint in range(2):
        for row in range(3):
            for column in range(2):
                torch.testing.assert_close(
                    found[:, :, joint, row, column], maps[:, :, joint, 2 + 2 * row + column]
                )


@pytest.mark.parametrize('cycle', [1, 2])
def test_a_look_is_what_the_cycle_computes(cycle):
    model = build(token_heatmap_model(num_cycles=2))
    expected = cycles_of(model, {cycle: [2, 4]})[cycle - 1]
    (found,) = looks(model.train(), cycles=[cycle], layers=[4, 2])
    assert model.training
    assert sorted(found.attention) == ['layer 2', 'layer 4']
    for layer in (2, 4):
        maps = keypoint_attention(expected.tokens.attention.layers[layer], (2, 2))
        np.testing.assert_allclose(found.attention[f'layer {layer}'], maps.mean(1), rtol=1e-5)
    np.testing.assert_allclose(found.heatmaps.values, expected.output, rtol=1e-4, atol=1e-6)
    assert found.heatmaps.cells_per_pixel == (0.25, 0.25)
    decoded = model.head.decode(expected.output)
    np.testing.assert_allclose(found.keypoints[1], decoded[1].keypoints[0], rtol=1e-4)


def test_heads_are_shown_one_by_one():
    model = build(token_heatmap_model(num_cycles=2))
    maps = cycles_of(model, {1: [3]})[0].tokens.attention.layers[3]
    (found,) = looks(model, layers=[3], heads=[4, 1])
    assert list(found.attention) == ['layer 3, head 4', 'layer 3, head 1']
    expected = keypoint_attention(maps, (2, 2))[:, 3]
    np.testing.assert_allclose(found.attention['layer 3, head 4'], expected, rtol=1e-5)


def test_a_regression_model_has_coordinates_and_no_heatmap():
    model = build(token_regression_model(num_cycles=2))
    coordinates = model.head.read(cycles_of(model, {})[0].output)['coordinates']
    (found,) = looks(model)
    assert found.heatmaps is None
    np.testing.assert_allclose(found.keypoints, coordinates.numpy() * (24, 32), rtol=1e-5)


@pytest.mark.parametrize('teacher', [token_heatmap_model(), resnet_heatmap_model()])
def test_a_student_that_learned_heatmaps_shows_them_beside_its_teacher(teacher):
    losses = dict(simulated_heatmaps=dict(type='SimulatedHeatmapLoss'))
    student = token_regression_model(num_cycles=2)
    model = build(
        dict(
            type='TopdownDistiller',
            student=student,
            teacher=teacher,
            losses=losses,
            allow_untrained=True,
        )
    )
    quantities = model.head.read(cycles_of(model, {})[0].output)
    ours, theirs = looks(model)
    simulated = simulate_heatmaps(quantities['coordinates'], quantities['sigmas'], (8, 6))
    np.testing.assert_allclose(ours.heatmaps.values, simulated, rtol=1e-4, atol=1e-6)
    assert ours.heatmaps.title == 'simulated heatmap' and theirs.heatmaps.title == 'heatmap'
    assert theirs.heatmaps.values.shape == (2, 17, 8, 6)
    assert bool(theirs.attention) == (teacher['head']['type'] == 'MCTHead')
