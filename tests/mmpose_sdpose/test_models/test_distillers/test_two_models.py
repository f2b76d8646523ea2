"""Students and teachers of other keypoints, sizes, normalisations and crops."""

from __future__ import annotations

from mmpose_sdpose.models.distillers import keypoint_sets, teacher_inputs, teachers
from mmpose_sdpose.models.distillers.keypoint_sets import KeypointSet, shared_joints
from mmpose_sdpose.models.distillers.teachers import ModelConfig, say_other_crops

import pytest
import torch
import torch.nn.functional as F

from .pairs import (
    HEATMAP,
    KEYPOINTS,
    POOLED,
    TOKENS,
    batch_for,
    build,
    labelled_batch,
    loss_of,
    model_config,
)

COCO = dict(from_file='configs/_base_/datasets/coco.py')
CROWDPOSE = dict(from_file='configs/_base_/datasets/crowdpose.py')
# Left and right of shoulder, elbow, wrist, hip, knee, ankle; what COCO has before them is a face.
SHARED = list(range(12)), list(range(5, 17))


def distiller(student: dict, teacher: dict, *quantities: str, **options):
    losses = {name: loss_of(name) for name in quantities or ('coordinates',)}
    return build(
        dict(
            type='TopdownDistiller',
            student=student,
            teacher=teacher,
            losses=losses,
            allow_untrained=True,
            **options,
        )
    )


def crowdpose(name: str) -> dict:
    """With 14 keypoints."""
    key = 'num_joints' if name in POOLED else 'out_channels'
    return model_config(name, **{key: 14})


def crowdpose_batch(model) -> dict:
    batch = batch_for(model)
    for sample in batch['data_samples']:
        labels = sample.gt_instance_labels
        for name, value in list(labels.items()):
            sample.gt_instance_labels.set_field(value[:, :14], name)
        sample.gt_fields.set_data(dict(heatmaps=sample.gt_fields.heatmaps[:14]))
    return batch


def recorded_arguments(model, name: str) -> list:
    seen = []
    model.distillation_losses[name].register_forward_pre_hook(lambda _, given: seen.append(given))
    return seen


@pytest.mark.parametrize('by', ['names', 'pairs'])
def test_a_coco_model_teaches_a_crowdpose_student_the_joints_they_share(by):
    student, teacher = crowdpose('HeatmapHead'), model_config('HeatmapHead')
    options = {}
    if by == 'names':
        student, teacher = {**student, 'metainfo': CROWDPOSE}, {**teacher, 'metainfo': COCO}
    else:
        options['keypoint_pairs'] = list(zip(*SHARED))
    model = distiller(student, teacher, 'heatmaps', 'coordinates', 'scores', **options)
    seen = recorded_arguments(model, 'heatmaps')
    batch = crowdpose_batch(model)
    losses = model.loss(**batch)
    ((ours, theirs, weights),) = seen
    heatmaps = model.head(model.extract_feat(batch['inputs']))
    with torch.no_grad():
        told = model.teacher.head(model.teacher.extract_feat(batch['inputs']))
    labels = torch.cat([s.gt_instance_labels.keypoint_weights for s in batch['data_samples']])
    torch.testing.assert_close(ours, heatmaps[:, SHARED[0]])
    torch.testing.assert_close(theirs, told[:, SHARED[1]])
    torch.testing.assert_close(weights, labels[:, SHARED[0]])
    losses['loss_distill_heatmaps'].backward()
    unshared = model.head.final_layer.weight.grad[12:]
    assert not unshared.any() and model.head.final_layer.weight.grad[:12].any(1).any(1).all()


def test_attention_is_that_of_shared_joints_and_all_patches():
    model = distiller(
        crowdpose('MCTHead'),
        model_config('MCTHead'),
        'attention',
        'visual_tokens',
        'keypoint_tokens',
        keypoint_pairs=[(13, 0), (2, 4)],
    )
    seen = recorded_arguments(model, 'attention')
    batch = crowdpose_batch(model)
    model.loss(**batch)
    ((ours, theirs),) = seen
    head, teacher = model.head, model.teacher.head
    maps = head.run_cycles(model.extract_feat(batch['inputs']), 1, {1: [1, 2]})[0].tokens.attention
    with torch.no_grad():
        feats = model.teacher.extract_feat(batch['inputs'])
        told = teacher.run_cycles(feats, 1, {1: [1, 2]})[0].tokens.attention
    rows = [13, 2, *range(14, 30)]
    torch.testing.assert_close(ours.layers[2], maps.layers[2][:, :, rows][..., rows])
    rows = [0, 4, *range(17, 33)]
    torch.testing.assert_close(theirs.layers[1], told.layers[1][:, :, rows][..., rows])


def test_weights_of_the_teacher_are_those_of_its_joints():
    loss = dict(coordinates={**loss_of('coordinates'), 'weights': 'teacher'})
    model = build(
        dict(
            type='TopdownDistiller',
            student=crowdpose('RegressionHead'),
            teacher=model_config('HeatmapHead'),
            losses=loss,
            keypoint_pairs=[(0, 16), (13, 3)],
            allow_untrained=True,
        )
    )
    seen = recorded_arguments(model, 'coordinates')
    batch = crowdpose_batch(model)
    model.loss(**batch)
    with torch.no_grad():
        heatmaps = model.teacher(batch['inputs'], [], mode='tensor')
    expected = heatmaps.amax((2, 3)).clamp(0, 1)[:, [16, 3]]
    torch.testing.assert_close(seen[0][-1], expected)


ONE = KeypointSet('student', 3, ('nose', 'left_eye', 'neck'))
OTHER = KeypointSet('teacher', 4, ('neck', 'head', 'nose', 'tail'))
UNNAMED = KeypointSet('student', 3, None)


@pytest.mark.parametrize(
    'student, pairs, expected',
    [
        (ONE, None, ([0, 2], [2, 0])),
        (ONE, [('nose', 'head'), (2, 3)], ([0, 2], [1, 3])),
        (UNNAMED, [(1, 'tail')], ([1], [3])),
    ],
)
def test_which_joints_are_shared(student, pairs, expected, monkeypatch):
    said = []
    monkeypatch.setattr(keypoint_sets, 'print_log', lambda *given: said.append(given[0]))
    found = shared_joints(student, OTHER, pairs)
    assert tuple(side.tolist() for side in found) == expected
    assert f'{len(expected[0])} of the 3 keypoints learn from the 4 of the teacher' in said[0]


def test_all_joints_in_one_order_are_compared_as_they_are():
    assert shared_joints(ONE, KeypointSet('teacher', 3, ONE.names), None) is None
    assert shared_joints(UNNAMED, KeypointSet('teacher', 3, ONE.names), None) is None
    reordered = KeypointSet('teacher', 3, ONE.names[::-1])
    found = shared_joints(ONE, reordered, None)
    assert [side.tolist() for side in found] == [[0, 1, 2], [2, 1, 0]]


def test_an_order_that_nobody_has_checked_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(keypoint_sets, 'print_log', lambda *given: said.append(given[0]))
    named = KeypointSet('teacher', 3, ONE.names)
    shared_joints(ONE, named, None)
    assert said == []
    shared_joints(UNNAMED, named, None)
    shared_joints(UNNAMED, KeypointSet('teacher', 3, None), None)
    assert (
        'learns from keypoint 0 of the teacher, and so on to 2, because names of the stud'
        in said[0]
    )
    assert 'names of the student and teacher are not known; if their order differs, give' in said[1]


@pytest.mark.parametrize(
    'student, teacher, pairs, message',
    [
        (UNNAMED, OTHER, None, '3 keypoints, the teacher 4: give both models their metainfo'),
        (
            ONE,
            KeypointSet('teacher', 2, ('tail', 'paw')),
            None,
            r"share no keypoint: \['nose', 'left_eye', 'neck'\] and \['tail', 'paw'\]; say which",
        ),
        (ONE, OTHER, [('nos', 'head')], "the student has no 'nos'; did you mean nose"),
        (
            UNNAMED,
            OTHER,
            [('nose', 'head')],
            "names 'nose', but the student's metainfo is not known",
        ),
        (ONE, OTHER, [(3, 0)], '3 is no keypoint of the student, which has 3, counted from 0'),
        (ONE, OTHER, [(0, -1)], '-1 is no keypoint of the teacher'),
        (ONE, OTHER, [(0, 1, 2)], 'must be pairs of keypoints'),
        (ONE, OTHER, ['ab'], 'must be pairs of keypoints'),
        (ONE, OTHER, [], 'share no keypoint'),
        (ONE, OTHER, [(True, 0)], 'True is no keypoint'),
        (ONE, OTHER, [(0, 1), (0, 2)], 'names nose of the student twice'),
    ],
)
def test_joints_that_are_not_shared_are_named(student, teacher, pairs, message):
    with pytest.raises(ValueError, match=message):
        shared_joints(student, teacher, pairs)


def test_a_metainfo_of_other_keypoints_is_named():
    student = {**crowdpose('RegressionHead'), 'metainfo': COCO}
    with pytest.raises(
        ValueError, match='student predicts 14 keypoints, but its metainfo names 17'
    ):
        distiller(student, model_config('RegressionHead'))


def test_names_of_a_config_file_are_those_of_its_data():
    name = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
    names = ModelConfig('teacher', name).metainfo['keypoint_id2name']
    assert names[0] == 'nose' and len(names) == 17
    assert ModelConfig('teacher', model_config('MCTHead')).metainfo is None
    with pytest.raises(ValueError, match=r"teacher \(3\) must be a model's config"):
        ModelConfig('teacher', 3)


# A teacher of twice the size, its own statistics and the channels as they are in the file.
OTHER_STATISTICS = dict(
    type='PoseDataPreprocessor', mean=[10.0, 20.0, 30.0], std=[2.0, 3.0, 4.0], bgr_to_rgb=False
)
LARGE = {**HEATMAP, 'input_size': (96, 128), 'heatmap_size': (24, 32)}


def teacher_images(model) -> tuple[torch.Tensor, dict]:
    seen = []
    handle = model.teacher.backbone.register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    batch = batch_for(model)
    model.loss(**batch)
    handle.remove()
    return seen[0], batch


@pytest.mark.parametrize('resized', [False, True])
@pytest.mark.parametrize('renormalised', [False, True])
def test_the_teacher_gets_its_images_as_it_wants_them(resized, renormalised, monkeypatch):
    said = []
    monkeypatch.setattr(teacher_inputs, 'print_log', lambda *given: said.append(given[0]))
    teacher = model_config('HeatmapHead', **(dict(decoder=LARGE) if resized else {}))
    if renormalised:
        teacher['data_preprocessor'] = OTHER_STATISTICS
    model = distiller(model_config('RegressionHead'), teacher)
    images, batch = teacher_images(model)
    raw = torch.stack(labelled_batch()['inputs']).float()  # BGR
    expected = batch['inputs']
    if renormalised:
        mean, std = (torch.tensor(OTHER_STATISTICS[k]).view(3, 1, 1) for k in ('mean', 'std'))
        expected = (raw - mean) / std
    if resized:
        expected = F.interpolate(expected, (128, 96), mode='bilinear', antialias=True)
    if not resized and not renormalised:
        assert images is batch['inputs']
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-4)
    assert len(said) == resized + renormalised
    assert any('resized to the teacher' in text and '96x128' in text for text in said) is resized
    assert any('own normalisation' in text for text in said) is renormalised


def test_coordinates_are_the_same_in_a_larger_picture():
    model = distiller(model_config('RegressionHead'), model_config('HeatmapHead', decoder=LARGE))
    seen = recorded_arguments(model, 'coordinates')
    _, batch = teacher_images(model)
    teacher = model.teacher
    large = F.interpolate(batch['inputs'], (128, 96), mode='bilinear', antialias=True)
    with torch.no_grad():
        peaks = teacher.head(teacher.extract_feat(large)).flatten(2).argmax(-1)
    expected = torch.stack([peaks % 24 / 24, peaks // 24 / 32], dim=-1)
    torch.testing.assert_close(seen[-1][1], expected)


@pytest.mark.parametrize(
    'teacher, message',
    [
        (
            dict(decoder={**HEATMAP, 'input_size': (64, 64)}),
            r'takes 48x64 images \(W x H\), the teacher 64x64, of another aspect ratio',
        ),
        (dict(decoder=None), "teacher's head has no decoder with an input_size: add the codec"),
        (dict(in_channels=9), 'the teacher does not run on images .* RuntimeError: Given groups=1'),
    ],
)
def test_a_teacher_that_wants_other_pictures_is_named(teacher, message):
    with pytest.raises(ValueError, match=message):
        distiller(model_config('RegressionHead'), model_config('HeatmapHead', **teacher))


@pytest.mark.parametrize(
    'student, teacher, expected',
    [
        (False, True, 'use_udp=True, the student takes others'),
        (None, True, 'use_udp=True, the student takes those of its own pipeline'),
        (True, False, 'use_udp=False, the student takes others'),
        (None, False, None),
        (True, True, None),
        (True, None, None),
    ],
)
def test_crops_of_another_kind_are_said(student, teacher, expected, monkeypatch):
    said = []
    monkeypatch.setattr(teachers, 'print_log', lambda *given: said.append(given[0]))
    say_other_crops(student, teacher)
    assert len(said) == (expected is not None)
    assert expected is None or expected in said[0]


def test_how_people_are_cut_out_is_read_off_pipeline_or_codec():
    plain, udp = model_config('HeatmapHead'), model_config('HeatmapHead, UDP')
    found = [
        ModelConfig('teacher', config).use_udp(build(config))
        for config in (plain, udp, model_config('RegressionHead'))
    ]
    assert found == [False, True, None]
    folder = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
    for name, expected in (('res50_', False), ('hrnet-w32_udp-', True)):
        config = ModelConfig('teacher', f'{folder}td-hm_{name}8xb64-210e_coco-256x192.py')
        assert config.use_udp(build(model_config('RegressionHead'))) is expected


def test_what_a_distillation_made_can_teach():
    config = dict(type='TopdownDistiller', student=model_config('MCTHead'), teacher='ema')
    model = distiller(model_config('MCTHead'), config)
    assert type(model.teacher).__name__ == 'TopdownPoseEstimator'


@pytest.mark.parametrize(
    'head, reason',
    [
        (
            dict(
                type='AssociativeEmbeddingHead',
                in_channels=8,
                num_keypoints=KEYPOINTS,
                deconv_out_channels=None,
                deconv_kernel_sizes=None,
                keypoint_loss=dict(type='KeypointMSELoss'),
                tag_loss=dict(type='AssociativeEmbeddingLoss'),
                decoder=HEATMAP,
            ),
            'a AssociativeEmbeddingHead cannot be distilled: it finds all people of a picture',
        ),
        (
            dict(
                type='TemporalRegressionHead',
                in_channels=8,
                num_joints=KEYPOINTS,
                decoder=dict(type='RegressionLabel', input_size=(48, 64)),
            ),
            'a TemporalRegressionHead cannot be distilled: it predicts joints in space',
        ),
        (
            dict(
                type='CPMHead',
                in_channels=8,
                out_channels=KEYPOINTS,
                num_stages=1,
                deconv_out_channels=None,
                deconv_kernel_sizes=None,
                final_layer=None,
                loss=dict(type='KeypointMSELoss'),
                decoder=HEATMAP,
            ),
            'no adapter says what a CPMHead gives; known are .*HeatmapHead.*register_adapter',
        ),
    ],
)
def test_heads_that_cannot_be_distilled_are_refused_with_a_sentence(head, reason):
    other = {**model_config('HeatmapHead'), 'head': head}
    plain = model_config('HeatmapHead')
    for student, teacher in ((other, plain), (plain, other)):
        with pytest.raises(ValueError, match=reason):
            distiller(student, teacher)


def test_tokens_of_another_width_are_named():
    wide = {**TOKENS, 'encoder': dict(embed_dims=32, depth=2, num_heads=2)}
    student, teacher = model_config('MCTHead'), model_config('MCTHead', encoder=wide['encoder'])
    with pytest.raises(
        ValueError, match=r'visual_tokens \(3, 16, 16\) and .* \(3, 16, 32\): give both'
    ):
        distiller(student, teacher, 'visual_tokens')
