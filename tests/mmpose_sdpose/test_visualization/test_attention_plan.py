from __future__ import annotations

from mmpose_sdpose.visualization import AttentionChoice
from mmpose_sdpose.visualization.attention_plan import (
    check_choice,
    choose_keypoints,
    keypoint_names,
    plan_views,
)

import pytest

from ..people import coco
from ..small_models import (
    build,
    resnet_heatmap_model,
    token_heatmap_model,
    token_regression_model,
)

CROWDPOSE = ['left_shoulder', 'right_shoulder', 'left_wrist', 'right_wrist', 'left_hip', 'top_head']


def distiller(teacher: dict | None = None, **losses: dict):
    config = dict(
        type='TopdownDistiller',
        student=token_regression_model(num_cycles=2),
        teacher=teacher or token_heatmap_model(num_cycles=2),
        losses=losses or dict(simulated_heatmaps=dict(type='SimulatedHeatmapLoss')),
        allow_untrained=True,
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
