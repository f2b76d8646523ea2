from __future__ import annotations

from mmpose_sdpose.configs import keypoint_names
from mmpose_sdpose.models.losses.simulated_heatmap_loss import simulate_heatmaps
from mmpose_sdpose.visualization.attention import (
    AttentionChoice,
    check_choice,
    choose_keypoints,
    keypoint_attention,
    look,
    plan_views,
    read_person,
)

import numpy as np
import pytest
import torch

from ..people import coco, person
from ..small_models import (
    build,
    distillation,
    resnet_heatmap_model,
    rtmpose_model,
    token_heatmap_model,
    token_regression_model,
    token_simcc_model,
)

PEOPLE = [person(0), person(1)]
CROWDPOSE = ['left_shoulder', 'right_shoulder', 'left_wrist', 'right_wrist', 'left_hip', 'top_head']


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


def test_a_simcc_model_has_its_highest_bins_and_no_heatmap():
    model = build(token_simcc_model(num_cycles=2))
    decoded = model.head.decode(model.head.raw(cycles_of(model, {2: [3]})[1].output))
    (found,) = looks(model, cycles=[2], layers=[3])
    assert found.heatmaps is None
    assert list(found.attention) == ['layer 3']
    np.testing.assert_array_equal(found.keypoints[1], decoded[1].keypoints[0])


def test_a_simcc_model_is_drawn_beside_the_rtmpose_that_teaches_it():
    losses = dict(simcc=dict(type='SimCCDistributionLoss'))
    student, teacher = token_simcc_model(num_cycles=2), rtmpose_model()
    model = build(distillation(student, teacher, losses))
    ours, theirs = looks(model)
    assert ours.attention and not theirs.attention
    assert ours.heatmaps is None and theirs.heatmaps is None
    assert theirs.keypoints.shape == (2, 17, 2)
    assert not np.array_equal(ours.keypoints, theirs.keypoints)


@pytest.mark.parametrize('teacher', [token_heatmap_model(), resnet_heatmap_model()])
def test_a_student_that_learned_heatmaps_shows_them_beside_its_teacher(teacher):
    losses = dict(simulated_heatmaps=dict(type='SimulatedHeatmapLoss'))
    student = token_regression_model(num_cycles=2)
    model = build(distillation(student, teacher, losses))
    quantities = model.head.read(cycles_of(model, {})[0].output)
    ours, theirs = looks(model)
    simulated = simulate_heatmaps(quantities['coordinates'], quantities['sigmas'], (8, 6))
    np.testing.assert_allclose(ours.heatmaps.values, simulated, rtol=1e-4, atol=1e-6)
    assert ours.heatmaps.title == 'simulated heatmap' and theirs.heatmaps.title == 'heatmap'
    assert theirs.heatmaps.values.shape == (2, 17, 8, 6)
    assert bool(theirs.attention) == (teacher['head']['type'] == 'MCTHead')


def distiller(teacher: dict | None = None, **losses: dict):
    config = distillation(
        token_regression_model(num_cycles=2),
        teacher or token_heatmap_model(num_cycles=2),
        losses or dict(simulated_heatmaps=dict(type='SimulatedHeatmapLoss')),
    )
    return build(config)


def plan(model, **choice) -> list[tuple]:
    views = plan_views(model, AttentionChoice(**choice))
    return [(view.title, view.cycle, view.layers, view.heads) for view in views]


def test_a_model_alone_shows_layers_from_first_to_last():
    model = build(token_heatmap_model(depth=12))
    assert plan(model) == [('', 1, (1, 5, 8, 12), ())]
    assert plan(model, heads=[1, 4]) == [('', 1, (1, 12), (1, 4))]
    assert plan(model, layers=[7, 2], heads=[3]) == [('', 1, (7, 2), (3,))]


def test_cycles_stand_side_by_side_and_say_which_one_predicts():
    model = build(token_heatmap_model(depth=2, num_cycles=3))
    assert plan(model, cycles=[1, 3]) == [
        ('cycle 1 (the one that predicts)', 1, (1, 2), ()),
        ('cycle 3 (training only)', 3, (1, 2), ()),
    ]


def test_a_distiller_shows_student_and_teacher():
    student = ('student, cycle 1 (the one that predicts)', 1, (1, 2, 3), ())
    assert plan(distiller()) == [student, ('teacher', 1, (1, 2, 4), ())]
    views = plan_views(distiller(), AttentionChoice())
    assert [view.simulated for view in views] == [(8, 6), None]


def test_a_distiller_shows_the_layers_whose_attention_it_compares():
    loss = dict(type='AttentionTransferLoss', layer_pairs=[(1, 2), (3, 4)])
    student, teacher = plan(distiller(attention=loss))
    assert (student[2], teacher[2]) == ((1, 3), (2, 4))
    student, teacher = plan(distiller(attention=loss), layers=[2], teacher_layers=[1])
    assert (student[2], teacher[2]) == ((2,), (1,))
    assert plan_views(distiller(attention=loss), AttentionChoice())[0].simulated is None


def test_a_teacher_without_tokens_has_no_layers():
    model = distiller(resnet_heatmap_model())
    assert plan(model)[1] == ('teacher (a network without tokens)', 1, (), ())
    with pytest.raises(ValueError, match='HeatmapHead, without attention'):
        plan(model, teacher_layers=[1])


@pytest.mark.parametrize(
    ('choice', 'message'),
    [
        (dict(layers=[1, 5]), 'no layer 5: the model has 1 to 4'),
        (dict(layers=[0]), 'no layer 0: the model has 1 to 4'),
        (dict(heads=[5, 6]), 'no head 5, 6: the model has 1 to 4'),
        (dict(cycles=[2]), 'no cycle 2: the config trains 1 only'),
        (dict(teacher_layers=[1]), r'teacher layers \[1\] .* no teacher'),
        (dict(keypoints=['nose', 'tail']), 'no keypoint tail: the data has nose, left_eye, '),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(choice, message):
    with pytest.raises(ValueError, match=message):
        check_choice(build(token_heatmap_model()), coco(), AttentionChoice(**choice))


def test_the_teachers_layers_are_its_own():
    with pytest.raises(ValueError, match='no teacher layer 5: the teacher has 1 to 4'):
        plan(distiller(), teacher_layers=[5])
    with pytest.raises(ValueError, match='no student layer 4: the student has 1 to 3'):
        plan(distiller(), layers=[4])


def test_a_model_without_tokens_is_refused():
    with pytest.raises(ValueError, match='HeatmapHead, which has no keypoint tokens'):
        plan(build(resnet_heatmap_model()))


def test_data_of_another_skeleton_is_refused():
    with pytest.raises(ValueError, match='predicts 14 keypoints, but the data has 17'):
        check_choice(build(token_heatmap_model(out_channels=14)), coco(), AttentionChoice())


def test_keypoints_are_chosen_by_name_or_from_head_to_foot():
    names = keypoint_names(coco())
    assert [names[index] for index in choose_keypoints(None, names)] == [
        'nose', 'left_shoulder', 'right_wrist', 'left_hip', 'right_ankle'
    ]  # fmt: skip
    assert choose_keypoints(['left_wrist', 'nose'], names) == [9, 0]
    assert choose_keypoints(None, CROWDPOSE) == [5, 0, 3, 4]
    assert choose_keypoints(None, [f'finger_{number}' for number in range(21)]) == [
        0,
        5,
        10,
        15,
        20,
    ]
