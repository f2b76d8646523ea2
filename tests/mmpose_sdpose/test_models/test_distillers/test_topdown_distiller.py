from __future__ import annotations

import copy

from mmpose_sdpose.models.distillers import Side, TopdownDistiller, quantities, sides
from mmpose_sdpose.models.distillers.comparisons import build_comparison
from mmpose_sdpose.models.distillers.quantities import heatmap_peaks

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpose.codecs import MSRAHeatmap
from mmpose.registry import KEYPOINT_CODECS

from ...small_models import (
    HEATMAP_CODEC,
    build,
    distillation,
    estimator,
    packed_batch,
    resnet_heatmap_model,
    token_heatmap_model,
    token_regression_model,
)

TOKEN_LOSS = dict(type='TokenDistanceLoss', loss_weight=5e-4)
ATTENTION = dict(type='AttentionTransferLoss', layer_pairs=[(1, 2), (3, 4)])
FROM_TOKENS = dict(visual_tokens=TOKEN_LOSS, keypoint_tokens=TOKEN_LOSS, attention=ATTENTION)
FROM_HEATMAPS = dict(
    scores=dict(type='ScoreLoss'),
    simulated_heatmaps=dict(type='SimulatedHeatmapLoss'),
    coordinates=dict(type='SmoothL1Loss', use_target_weight=True),
)


def distiller(
    student: dict | None = None,
    teacher: dict | None = None,
    losses: dict | None = None,
    seed: int = 0,
    **options,
) -> TopdownDistiller:
    config = distillation(
        student or token_regression_model(),
        teacher or token_heatmap_model(),
        losses or {**FROM_TOKENS, **FROM_HEATMAPS},
    )
    return build({**config, **options}, seed)


def run(model, seed: int = 0):
    batch = model.data_preprocessor(packed_batch(seed=seed), training=True)
    return model.loss(**batch)


def total(losses: dict) -> torch.Tensor:
    return sum(value for name, value in losses.items() if 'loss' in name)


def state(model) -> dict[str, torch.Tensor]:
    return copy.deepcopy(dict(model.state_dict()))


@pytest.mark.parametrize('teacher', [token_heatmap_model(), resnet_heatmap_model()])
def test_training_leaves_the_teacher_bit_by_bit(teacher):
    losses = FROM_HEATMAPS
    model = distiller(teacher=teacher, losses=losses)
    before, student_before = state(model.teacher), state(model)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    for step in range(3):
        model.train()
        batch = packed_batch(seed=step)
        model.train_step(batch, optimizer)
    assert not any(module.training for module in model.teacher.modules())
    for name, value in model.teacher.state_dict().items():
        assert torch.equal(value, before[name]), name
    changed = {name for name, value in model.state_dict().items() if value.ndim}
    same = {n for n in changed if torch.equal(model.state_dict()[n], student_before[n])}
    assert not same, 'every weight and statistic of the student moves'
    assert all(parameter.grad is None for parameter in model.teacher.parameters())


def test_the_distiller_holds_nothing_but_the_student():
    model, plain = distiller(), build(token_regression_model())
    assert list(model.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in model.named_parameters()] == [
        name for name, _ in plain.named_parameters()
    ]
    assert not any(module is model.teacher for module in model.modules())
    plain.load_state_dict(model.state_dict(), strict=True)


def test_own_losses_and_predictions_are_the_plain_students():
    model = distiller()
    plain = build(token_regression_model())
    plain.load_state_dict(model.state_dict())
    ours, expected = run(model), run(plain)
    for name, value in expected.items():
        torch.testing.assert_close(ours[name], value)
    assert {name for name in ours if name not in expected} == {
        f'loss_distill_{name}' for name in (*FROM_TOKENS, *FROM_HEATMAPS)
    }
    batch = model.data_preprocessor(packed_batch())
    model.eval(), plain.eval()
    for one, other in zip(model.predict(**batch), plain.predict(**copy.deepcopy(batch))):
        assert (one.pred_instances.keypoints == other.pred_instances.keypoints).all()


def test_each_comparison_by_hand():
    model = distiller(student=token_regression_model(num_cycles=2)).double()
    batch = model.data_preprocessor(packed_batch(), training=True)
    batch['inputs'] = batch['inputs'].double()
    losses = model.loss(**batch)
    # The statistics of the norms have moved, but in training mode they are not used.
    cycle = model.head.run_cycles(model.extract_feat(batch['inputs']), 2, {1: [1, 3]})[0]
    teacher = model.teacher.head
    with torch.no_grad():
        told = teacher.run_cycles(model.teacher.extract_feat(batch['inputs']), 1, {1: [2, 4]})[0]
    heatmaps = teacher.read(told.output)['heatmaps']
    said = model.head.read(cycle.output)
    weights = torch.cat([s.gt_instance_labels.keypoint_weights for s in batch['data_samples']])
    by_hand = model.distillation_losses
    expected = dict(
        visual_tokens=by_hand['visual_tokens'](cycle.tokens.visual, told.tokens.visual),
        keypoint_tokens=by_hand['keypoint_tokens'](cycle.tokens.keypoint, told.tokens.keypoint),
        attention=by_hand['attention'](cycle.tokens.attention, told.tokens.attention),
        scores=by_hand['scores'](said['coordinates'], said['scores'], heatmaps, weights),
        simulated_heatmaps=by_hand['simulated_heatmaps'](
            said['coordinates'], said['sigmas'], heatmaps, weights
        ),
        coordinates=by_hand['coordinates'](said['coordinates'], heatmap_peaks(heatmaps), weights),
    )
    for name, value in expected.items():
        torch.testing.assert_close(losses[f'loss_distill_{name}'], value)
        assert value > 0
    assert len(cycle.tokens.attention.layers) == 2


def test_a_heatmap_student_learns_from_any_heatmap_model():
    model = distiller(
        student=token_heatmap_model(num_cycles=2),
        teacher=resnet_heatmap_model(),
        losses=dict(heatmaps=dict(type='KeypointMSELoss', use_target_weight=True)),
    )
    batch = model.data_preprocessor(packed_batch(), training=True)
    value = model.loss(**batch)['loss_distill_heatmaps']
    heatmaps = model.head(model.extract_feat(batch['inputs']))
    with torch.no_grad():
        told = model.teacher(batch['inputs'], [], mode='tensor')
    weights = torch.cat([s.gt_instance_labels.keypoint_weights for s in batch['data_samples']])
    expected = ((heatmaps - told) ** 2 * weights[..., None, None]).mean()
    torch.testing.assert_close(value, expected)


def test_a_teacher_trained_with_cross_entropy_gives_heatmaps_not_logits():
    loss = dict(type='HeatmapCrossEntropyLoss')
    model = distiller(teacher=token_heatmap_model(loss=loss), losses=FROM_HEATMAPS)
    seen = []
    model.distillation_losses['scores'].register_forward_pre_hook(
        lambda _, arguments: seen.append(arguments[2])
    )
    run(model)
    mass = torch.full((2, 17), 2 * torch.pi)  # sigma 1
    torch.testing.assert_close(seen[0].sum((2, 3)), mass)


@pytest.mark.parametrize('teacher', [token_heatmap_model(), resnet_heatmap_model()])
@pytest.mark.parametrize(
    ('compared', 'expected'),
    [
        (('attention', 'visual_tokens'), []),
        (('scores',), ['frame', 'read']),
        (('coordinates',), ['frame', 'peaks', 'read']),
        ((*FROM_TOKENS, *FROM_HEATMAPS), ['frame', 'peaks', 'read']),
    ],
)
def test_what_no_loss_compares_is_not_computed(compared, expected, teacher, monkeypatch):
    losses = {**FROM_TOKENS, **FROM_HEATMAPS}
    if teacher['head']['type'] == 'HeatmapHead':
        compared = [name for name in compared if name not in FROM_TOKENS] or ['simulated_heatmaps']
        expected = expected or ['frame', 'read']
    model = distiller(teacher=teacher, losses={name: losses[name] for name in compared})
    called = set()

    def watch(owner: object, name: str, word: str) -> None:
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given: [called.add(word), original(*given)][1])

    watch(sides, 'heatmap_frame', 'frame')
    watch(quantities, 'heatmap_peaks', 'peaks')
    watch(model.head, 'read', 'read')
    run(model)
    assert sorted(called) == expected


def test_peaks_are_fractions_of_the_heatmap():
    heatmaps = torch.zeros(1, 2, 8, 6)
    heatmaps[0, 0, 2, 3] = heatmaps[0, 1, 7, 0] = 1
    expected = torch.tensor([[[3 / 6, 2 / 8], [0, 7 / 8]]])
    torch.testing.assert_close(heatmap_peaks(heatmaps), expected)


def test_the_teacher_follows_the_students_device():
    model = distiller().to('meta')
    assert {value.device.type for value in model.teacher.state_dict().values()} == {'meta'}


def test_a_copy_of_the_student_shares_the_teacher():
    model = distiller()
    average = copy.deepcopy(model)
    assert average.teacher is model.teacher
    assert average.head is not model.head


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_losses_in_half_precision_are_near_those_in_full(dtype):
    model = distiller()
    full = run(model)
    with torch.autocast('cpu', dtype):
        half = run(model)
    for name, value in full.items():
        torch.testing.assert_close(half[name].float(), value.float(), rtol=0.05, atol=1e-3)


def test_scores_have_one_teacher():
    score_loss = dict(type='LocalizationScoreLoss', heatmap_size=(6, 8), sigma=1)
    student = token_regression_model(score_loss=score_loss)
    assert 'loss_score_cycle1' not in run(distiller(student=student))
    assert 'loss_score_cycle1' in run(distiller(student=student, losses=FROM_TOKENS))


UDP = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
MSRA = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)


@pytest.mark.parametrize('codec', [MSRA, UDP])
def test_teachers_of_either_codec_lead_to_the_true_place(codec):
    """Coordinates that match the codec's own targets best are the encoded ones."""
    codec = KEYPOINT_CODECS.build(codec)
    pixels = np.array([[[20.0, 30.0], [96.0, 128.0], [180.0, 240.0]]], np.float32)
    heatmaps = torch.from_numpy(codec.encode(pixels, np.ones((1, 3), np.float32))['heatmaps'])[None]
    teacher = torch.nn.Identity()
    teacher.head = torch.nn.Identity()
    teacher.head.decoder = codec
    told = Side('teacher', teacher, dict(heatmaps=heatmaps), {})
    truth = torch.from_numpy(pixels) / torch.tensor([192.0, 256.0])
    said = torch.nn.Parameter(truth + 0.01)
    optimizer = torch.optim.Adam([said], lr=1e-3)
    loss, comparison = build_comparison(
        'simulated_heatmaps', dict(type='SimulatedHeatmapLoss', loss_weight=1.0)
    )
    for _ in range(150):
        student = Side(
            'student', teacher, dict(coordinates=said, sigmas=torch.full((1, 3, 2), 2.0)), {}
        )
        value = loss(*comparison.values(student, told, None), torch.ones(1, 3))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    error = (said.detach() - truth) * torch.tensor([192.0, 256.0])
    # MSRAHeatmap puts its Gaussian on the nearest cell, half a cell (2 pixels) off at most.
    assert error.abs().max() < (2.1 if isinstance(codec, MSRAHeatmap) else 0.1)
    peaks = told['coordinates'] * torch.tensor([192.0, 256.0])
    assert (peaks - torch.from_numpy(pixels)).abs().max() < 2.1


def test_the_teacher_follows_the_students_precision():
    model = distiller().double()
    kinds = {value.dtype for value in model.teacher.state_dict().values()}
    assert kinds == {torch.float64, torch.int64}  # the norms count batches
    model.to(torch.bfloat16)
    assert model.teacher.head.mct.position.dtype == torch.bfloat16


def test_a_factor_scales_its_loss_alone():
    model = distiller()
    before = run(model)
    model.loss_factors['attention'] = 0.25
    after = run(model)
    torch.testing.assert_close(
        after['loss_distill_attention'], 0.25 * before['loss_distill_attention']
    )
    torch.testing.assert_close(after['loss_distill_scores'], before['loss_distill_scores'])


def test_a_comparison_set_to_none_is_left_out():
    model = distiller(losses={**FROM_HEATMAPS, 'attention': None, 'coordinates': None})
    assert set(model.loss_factors) == {'scores', 'simulated_heatmaps'}


def test_a_teachers_checkpoint_is_loaded_whole(tmp_path):
    teacher = build(token_heatmap_model(), seed=5)
    torch.save(dict(state_dict=teacher.state_dict()), tmp_path / 'teacher.pth')
    model = distiller(teacher_ckpt=str(tmp_path / 'teacher.pth'), allow_untrained=False)
    for name, value in teacher.state_dict().items():
        assert torch.equal(model.teacher.state_dict()[name], value)
    other = build(token_heatmap_model(depth=5))
    torch.save(other.state_dict(), tmp_path / 'deeper.pth')
    with pytest.raises(
        ValueError, match=r'teacher_ckpt: .* of another model .*layers\.4\S*: not in the model'
    ):
        distiller(teacher_ckpt=str(tmp_path / 'deeper.pth'))


def test_configs_may_be_named():
    model = distiller(
        student='td-reg_ladpose_8xb64-300e_coco-256x192',
        teacher='td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192',
        losses=dict(attention=dict(type='AttentionTransferLoss')),
    )
    assert len(model.head.mct.encoder.layers) == 9
    assert len(model.teacher.head.mct.encoder.layers) == 12


def test_mmposes_own_configs_can_teach():
    model = distiller(
        student='td-reg_ladpose_8xb64-300e_coco-256x192',
        teacher='mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py',
        losses=dict(simulated_heatmaps=dict(type='SimulatedHeatmapLoss')),
    )
    assert type(model.teacher.backbone).__name__ == 'HRNet'


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(losses=dict(logits=TOKEN_LOSS)),
            r"compares 'logits', unknown; choose from \['attention', .*'coordinates', ",
        ),
        (dict(losses=dict(heatmaps=None)), 'losses is empty'),
        (
            dict(teacher=resnet_heatmap_model(), losses=FROM_TOKENS),
            'needs visual_tokens of the teacher.* the student, a TokenRegressionHead, gives: coo.*; '
            'the teacher, a HeatmapHead, gives: heatmaps, probability_maps, coordinates, scores, feat',
        ),
        (
            dict(losses=dict(heatmaps=dict(type='KeypointMSELoss'))),
            'needs heatmaps of the student.* a TokenRegressionHead, gives: coordinates, scores, sigmas',
        ),
        (
            dict(student=token_regression_model(loss=dict(type='RLELoss')), losses=FROM_HEATMAPS),
            'simulated_heatmaps needs sigmas of the student',
        ),
        (
            dict(student=resnet_heatmap_model()),
            'needs visual_tokens of the student.* a HeatmapHead, gives: heatmaps, probability_maps, c',
        ),
        (
            dict(
                teacher=estimator(
                    dict(
                        type='RegressionHead',
                        in_channels=16,
                        num_joints=17,
                        decoder=dict(type='RegressionLabel', input_size=(24, 32)),
                    )
                )
            ),
            'the teacher does not run on images .* 24x32 .*: RuntimeError: mat1',
        ),
        (
            dict(teacher=token_heatmap_model(embed_dims=64)),
            r"student's visual_tokens \(3, 4, 32\) and the teacher's visual_tokens \(3, 4, 64\): give "
            'both encoders one embed_dims',
        ),
        (dict(teacher=token_heatmap_model(patch_size=(2, 3))), r'\(2, 2\) visual tokens'),
        (dict(teacher=token_heatmap_model(depth=3)), 'teacher: there is no layer 4, the encoder has 3'),
        (dict(teacher=token_heatmap_model(out_channels=14)), '17 keypoints, the teacher 14'),
        (
            dict(
                teacher=token_heatmap_model(
                    decoder={**HEATMAP_CODEC, 'input_size': (36, 32)}, in_featuremap_size=(9, 8)
                )
            ),
            r'takes 24x32 images \(W x H\), the teacher 36x32, of another aspect ratio',
        ),
        (
            dict(
                teacher=token_heatmap_model(
                    decoder={**HEATMAP_CODEC, 'input_size': (48, 64)}, in_featuremap_size=(6, 8)
                )
            ),
            'the feature map is 12x16',
        ),
        (
            dict(
                student=token_heatmap_model(),
                teacher=token_heatmap_model(decoder={**HEATMAP_CODEC, 'heatmap_size': (12, 16)}),
                losses=dict(heatmaps=dict(type='KeypointMSELoss')),
            ),
            r"student's heatmaps \(3, 17, 8, 6\) and the teacher's heatmaps \(3, 17, 16, 12\): give",
        ),
        (
            dict(
                student=token_heatmap_model(),
                losses=dict(heatmaps=dict(type='HeatmapCrossEntropyLoss')),
            ),
            'HeatmapCrossEntropyLoss wants logits',
        ),
        (dict(losses=dict(attention=TOKEN_LOSS)), 'losses.attention .* student_layers=…'),
        (
            dict(losses=dict(scores=dict(type='SimulatedHeatmapLoss'))),
            r"losses.scores: SimulatedHeatmapLoss cannot compare the student's coordinates \(3, 17, 2\)",
        ),
        (
            dict(losses=dict(visual_tokens=ATTENTION)),
            'losses.visual_tokens: a AttentionTransferLoss compares attention',
        ),
        (
            dict(teacher=resnet_heatmap_model(decoder=None), losses=FROM_HEATMAPS),
            'no decoder',
        ),
        (
            dict(
                teacher=resnet_heatmap_model(
                    decoder=dict(
                        type='UDPHeatmap',
                        input_size=(24, 32),
                        heatmap_size=(6, 8),
                        heatmap_type='combined',
                    )
                ),
                losses=FROM_HEATMAPS,
            ),
            r'UDPHeatmap \(combined\): .* known for MSRAHeatmap and UDPHeatmap \(gaussian\)',
        ),
        (dict(allow_untrained=False), r'no weights \(teacher_ckpt is None\): train the teacher'),
        (dict(student=dict(type='BottomupPoseEstimator')), 'must be a TopdownPoseEstimator'),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_at_construction(options, message):
    with pytest.raises(ValueError, match=message):
        distiller(**options)


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(teacher_ckpt='nowhere/teacher.pth'),
            r'nowhere/teacher.pth(.|\n)*model.teacher_ckpt=',
        ),
        (dict(teacher='td-hm_nothing_8xb64-300e_coco-256x192'), 'no config td-hm_nothing'),
    ],
)
def test_missing_files_are_named_at_construction(options, message):
    with pytest.raises(FileNotFoundError, match=message):
        distiller(**options)
