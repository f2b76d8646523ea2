"""What is built of configs and ONNX files, and what is refused."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from mmpose_sdpose.benchmark import onnx_files
from mmpose_sdpose.benchmark.run import be_quiet, build_subject, cost_of, peak_memory_of
from mmpose_sdpose.benchmark.spec import (
    PARTS,
    CannotMeasure,
    Spec,
    TrainingOptions,
    list_specs,
)
from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.evaluation.complexity import measure_complexity
from mmpose_sdpose.models.layers import TokenAttention

import pytest
import torch
from mmpose.models import ResNet, TopdownPoseEstimator

ROOT = Path(__file__).parents[3]
SMALL = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
TAUGHT = 'td-reg_distilpose-n_distill-sdpose-n_2xb16-16e_synthpose-128x96'
RTMPOSE = 'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'


@pytest.fixture(autouse=True)
def quiet():
    be_quiet()


@pytest.fixture
def pose_file():
    """Writes a small pose model as an ONNX file; its path."""
    from tests.sdpose_runtime.onnx_files import pose_file

    return lambda path, **options: str(pose_file(path, **options))


@pytest.mark.parametrize('scope', ['network', 'flip', 'pipeline', 'pipeline+flip'])
def test_predictions_of_every_scope(scope, monkeypatch):
    """The network sees the batch asked for, as often as the scope says, and no gradients."""
    seen = []
    spec = Spec(SMALL, batch=2, scope=scope)
    subject = build_subject(spec)
    forward = ResNet.forward

    def recorded(self, images):
        seen.append((tuple(images.shape), self.training, torch.is_inference_mode_enabled()))
        return forward(self, images)

    monkeypatch.setattr(ResNet, 'forward', recorded)
    times = subject.measure()
    assert sorted(times) == ['total']
    assert seen == [((2, 3, 128, 96), False, True)] * subject.passes
    assert subject.input_size == (96, 128)
    assert subject.passes == (2 if 'flip' in scope else 1)


def test_fused_convolutions_say_so_and_predict_the_same(monkeypatch):
    predictions = []
    forward = TopdownPoseEstimator.forward

    def recorded(self, *args, **kwargs):
        output = forward(self, *args, **kwargs)
        norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in self.modules())
        predictions.append((output, norms))
        return output

    monkeypatch.setattr(TopdownPoseEstimator, 'forward', recorded)
    for fused in (False, True):
        torch.manual_seed(0)
        subject = build_subject(Spec(SMALL, fuse_conv_bn=fused))
        subject.measure()
        assert ('fused' in subject.spec.name) is fused
    (plain, norms), (fused, no_norms) = predictions
    assert norms > 0 and no_norms == 0
    torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-4)


def test_training_of_a_student_with_its_teacher():
    subject = build_subject(Spec(TAUGHT, batch=2, scope='training'))
    step = subject.measure.__self__
    assert type(step.model).__name__ == 'TopdownDistiller'
    times = subject.measure()
    assert sorted(times) == sorted([*PARTS['training'], 'total'])
    assert times['total'] == times['forward'] + times['backward']
    batch = step.make_batch()
    assert [tuple(image.shape) for image in batch['inputs']] == [(3, 128, 96)] * 2
    step.loss_of(batch).backward()
    assert all(p.grad is not None for p in step.model.head.mct.parameters() if p.requires_grad)


def test_training_in_channels_last():
    options = TrainingOptions(channels_last=True)
    step = build_subject(Spec(SMALL, scope='training', training=options)).measure.__self__
    seen = []
    step.model.backbone.register_forward_pre_hook(lambda module, images: seen.append(images[0]))
    step.measure()
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)
    assert seen
    assert str(options) == 'channels-last'


@pytest.mark.parametrize('config', [SMALL, TAUGHT], ids=['plain', 'attention maps are taught'])
def test_training_with_explicit_attention(config, monkeypatch):
    options = TrainingOptions(explicit_attention=True)
    step = build_subject(Spec(config, scope='training', training=options)).measure.__self__
    explicit, with_map = [], TokenAttention.with_map

    def recorded(self, tokens):
        explicit.append(self)
        return with_map(self, tokens)

    monkeypatch.setattr(TokenAttention, 'with_map', recorded)
    assert sorted(step.measure()) == sorted([*PARTS['training'], 'total'])
    attention = {m for m in step.model.modules() if isinstance(m, TokenAttention)}
    assert attention and attention <= set(explicit)
    assert str(options) == 'explicit-attention'


def test_a_peer_whose_package_is_missing_is_measured_and_that_is_said():
    if importlib.util.find_spec('mmdet') is not None:
        pytest.skip('mmdet is installed')
    subject = build_subject(Spec(RTMPOSE, scope='training'))
    assert subject.measure()['total'] > 0
    assert [note for note in subject.notes if "mmdet's CSPNeXt" in note]
    assert [note for note in subject.notes if 'YOLOXHSVRandomAug' in note]


@pytest.mark.parametrize(
    ('source', 'scope', 'reason'),
    [
        (
            'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
            'td-hm_ViTPose-small_8xb64-210e_coco-256x192.py',
            'network',
            'VisionTransformer of the package mmpretrain',
        ),
        (
            'mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py',
            'flip',
            'BottomupPoseEstimator.*--scope network',
        ),
        (str(ROOT / 'pyproject.toml'), 'network', 'is no config'),
        ('nothing.onnx', 'training', 'cannot be trained'),
        (SMALL, 'clip', 'takes ONNX files'),
    ],
)
def test_what_cannot_be_measured_is_said(source, scope, reason):
    with pytest.raises(CannotMeasure, match=reason):
        build_subject(Spec(source, scope=scope))


def test_list_puts_all_cycles_next_to_one_and_goes_batch_by_batch():
    common = Spec('', threads=2)
    specs = list_specs([SMALL, 'x.onnx'], [1, 8], common, all_cycles=True)
    assert [(spec.name, spec.batch, spec.threads) for spec in specs] == [
        (name, batch, 2) for batch in (1, 8) for name in (SMALL, f'{SMALL} (all cycles)', 'x')
    ]
    assert [spec.source for spec in list_specs([RTMPOSE[:-3]], [1], common)] == [RTMPOSE]
    assert [spec.batch for spec in list_specs(['x.onnx'], [1], Spec('', scope='clip'))] == [3]
    with pytest.raises(CannotMeasure, match='second cycle'):
        list_specs(['td-reg_ladpose-n_2xb16-16e_synthpose-128x96'], [1], common, all_cycles=True)


def test_list_puts_a_plain_step_before_one_with_options():
    options = TrainingOptions(compile=True, channels_last=True)
    specs = list_specs([SMALL, TAUGHT], [1], Spec('', scope='training', training=options))
    names = [SMALL, f'{SMALL} (compile channels-last)', TAUGHT, f'{TAUGHT} (compile channels-last)']
    assert [spec.name for spec in specs] == names
    plain = list_specs([SMALL], [1], Spec('', scope='training'))
    assert [spec.training for spec in plain] == [TrainingOptions()]


def test_list_leaves_all_cycles_as_they_are():
    specs = list_specs([SMALL], [1], Spec('', fuse_conv_bn=True), all_cycles=True)
    assert [(spec.all_cycles, spec.fuse_conv_bn) for spec in specs] == [
        (False, True),
        (True, False),
    ]


def test_cost_is_the_models_whatever_the_batch():
    expected = measure_complexity(build_model(SMALL), (96, 128))
    assert cost_of(Spec(SMALL, batch=8, scope='flip')) == (expected, [])


def test_an_onnx_file_with_its_configs_cost(pose_file, tmp_path):
    path = pose_file(tmp_path / 'a.onnx', config=SMALL, input_size=[96, 128])
    for scope in ('network', 'pipeline'):
        subject = build_subject(Spec(path, batch=2, scope=scope))
        assert subject.measure()['total'] > 0
        assert (subject.input_size, subject.spec.name) == ((96, 128), 'a')
        assert (subject.passes, subject.notes) == (1, [])
    assert cost_of(subject.spec) == cost_of(Spec(SMALL))


def test_the_network_of_an_onnx_file_does_not_wait_busily(pose_file, tmp_path, monkeypatch):
    """Or the threads of one session would take the processor from the next one's."""
    onnxruntime, opened = pytest.importorskip('onnxruntime'), []

    class Recorded(onnxruntime.InferenceSession):
        def run(self, *args):
            entry = 'session.intra_op.allow_spinning'
            opened.append(self.get_session_options().get_session_config_entry(entry))
            return super().run(*args)

    monkeypatch.setattr(onnxruntime, 'InferenceSession', Recorded)
    build_subject(Spec(pose_file(tmp_path / 'a.onnx'))).measure()
    assert opened == ['0']


@pytest.mark.parametrize('scope', ['network', 'pipeline'])
def test_a_flip_test_inside_the_file_counts_as_two_passes(scope, pose_file, tmp_path):
    path = pose_file(tmp_path / 'a.onnx', flip_test=True)
    subject = build_subject(Spec(path, scope=scope))
    assert subject.passes == 2
    assert subject.notes == ['a has its flip test inside: two passes of the network']


def test_an_onnx_file_of_unknown_cost(pose_file, tmp_path):
    cost, notes = cost_of(Spec(pose_file(tmp_path / 'a.onnx', config='nobody-knows')))
    assert cost is None
    assert 'a.onnx was made from nobody-knows, which is not here' in notes[0]


@pytest.mark.parametrize('scope', ['flip', 'pipeline+flip'])
def test_the_flip_test_of_an_onnx_file_is_inside_it(scope):
    with pytest.raises(CannotMeasure, match='export it with --flip-test and time that file'):
        build_subject(Spec('a.onnx', scope=scope))


def test_onnx_files_that_do_not_suit(pose_file, tmp_path, monkeypatch):
    path = pose_file(tmp_path / 'one.onnx', batch=1)
    with pytest.raises(CannotMeasure, match='batches of 1 alone'):
        build_subject(Spec(path, batch=8))
    with pytest.raises(FileNotFoundError, match='nothing.onnx'):
        build_subject(Spec('nothing.onnx'))
    providers = 'onnxruntime.get_available_providers'
    monkeypatch.setattr(providers, lambda: ['CPUExecutionProvider'])
    with pytest.raises(CannotMeasure, match='^no provider CUDA.*pip install onnxruntime-gpu'):
        build_subject(Spec(path, device='cuda'))
    (tmp_path / 'broken.onnx').write_text('<html>')
    with pytest.raises(CannotMeasure, match='broken.onnx cannot be run as an ONNX model'):
        build_subject(Spec(str(tmp_path / 'broken.onnx')))
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(CannotMeasure, match='pip install onnxruntime'):
        build_subject(Spec(str(tmp_path / 'broken.onnx')))


def test_a_clip_with_three_people_a_frame(pose_file, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        'mmpose_sdpose.benchmark.onnx_files.draw_people',
        lambda image, people, info, threshold: shown.append((image, people.boxes, threshold)),
    )
    path = pose_file(tmp_path / 'a.onnx')
    subject = build_subject(Spec(path, batch=3, scope='clip'))
    for _ in range(2):
        times = subject.measure()
        assert {*PARTS['clip'], 'total'} <= set(times)
        assert sum(times[part] for part in PARTS['clip']) <= times['total']
    (first, boxes, threshold), (second, *_) = shown
    assert first.shape == second.shape == (480, 640, 3) and (first != second).any()
    assert boxes.shape == (3, 4) and threshold == onnx_files._LOWEST
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert boxes.min() >= 0 and (boxes.max(axis=0)[2:] <= (640, 480)).all()


def test_peak_memory_is_that_of_the_batch():
    """Here 158 MB, and 36 for one image; the input alone is 9."""
    assert peak_memory_of(Spec(SMALL, batch=64)) > 90


def test_a_config_of_ones_own(tmp_path):
    config = read_config(SMALL)
    config.model.head.encoder.depth = 1
    config.dump(tmp_path / 'mine.py')
    spec = Spec(str(tmp_path / 'mine.py'))
    assert spec.name == 'mine'
    assert build_subject(spec).measure()['total'] > 0
