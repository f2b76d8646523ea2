"""The export tool on the weights that come with the package, and on bad input."""

from __future__ import annotations

import json

import mmpose_sdpose
from mmpose_sdpose.configs import build_model, read_config, read_metainfo
from mmpose_sdpose.export import graph
from mmpose_sdpose.export.export import read_model
from mmpose_sdpose.export.graph import OnnxSession
from mmpose_sdpose.export.inputs import InputMaker
from mmpose_sdpose.export.network import Mirror
from mmpose_sdpose.export.verify import predict, raw_outputs
from mmpose_sdpose.tools import export_onnx

import cv2
import numpy as np
import pytest
import torch

from sdpose_runtime import PoseModel
from sdpose_synth import make_sample

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'

onnx = pytest.importorskip('onnx', reason='the export needs onnx, onnxscript and onnxruntime')
pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')


def export(*arguments) -> int:
    return export_onnx.main([str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Eight bits, flip test, any batch: all that the tool does but half precision."""
    folder = tmp_path_factory.mktemp('exported')
    crops = folder / 'crops'
    crops.mkdir()
    for number in range(8):
        picture = make_sample(seed=1, split='val', index=number, size=128).image
        cv2.imwrite(str(crops / f'{number}.png'), picture)
    path = folder / 'new folder' / 'model.onnx'
    arguments = (CONFIG, WEIGHTS, path, '--int8', crops, '--flip-test', '--batch', 'dynamic')
    assert export(*arguments) == 0
    assert [file.name for file in path.parent.iterdir()] == ['model.onnx']
    return path


def test_keypoints_that_eight_bits_move_far_are_said():
    entry = dict(precision='int8', input_size=[192, 256])
    assert export_onnx.coarse_keypoints(np.array([0.3, 0.4, 30.0]), entry) == ''
    said = export_onnx.coarse_keypoints(np.array([0.3, 4.5, 30.0]), entry)
    assert 'in int8 half of the keypoints are 4.5 pixels or more' in said
    assert '(more than 2.6)' in said and '--evaluate' in said


def test_the_file_says_what_it_is(exported):
    proto = onnx.load(exported)
    onnx.checker.check_model(proto, full_check=True)
    (entry,) = proto.metadata_props
    assert entry.key == 'mmpose_sdpose'
    entry = json.loads(entry.value)
    assert entry['sigmas'][:2] == [0.026, 0.025] and len(entry.pop('sigmas')) == 17
    assert entry['keypoint_names'][:2] == ['nose', 'left_eye']
    assert len(entry.pop('keypoint_names')) == 17
    assert len(entry.pop('keypoint_colors')) == 17
    assert entry.pop('flip_pairs') == [[left, left + 1] for left in range(1, 17, 2)]
    assert [15, 13] in entry['skeleton'] and len(entry.pop('skeleton')) == 19
    assert entry == dict(
        format=2,
        package_version=mmpose_sdpose.__version__,
        config=CONFIG,
        input_size=[96, 128],
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        padding=1.25,
        use_udp=False,
        flip_test=True,
        precision='int8',
        dataset='coco',
        threshold=0.3,
    )
    assert [value.name for value in proto.graph.input] == ['image']
    assert [value.name for value in proto.graph.output] == ['keypoints', 'scores']


def test_the_file_gives_mmposes_keypoints(exported):
    config, model = read_config(CONFIG), read_model(CONFIG, WEIGHTS)
    images = InputMaker(config, model).make_up(3)
    found = OnnxSession(str(exported))(image=images.numpy())
    raw = raw_outputs(model, Mirror()(images))
    expected = predict(model, raw, read_metainfo(config)['flip_indices'])
    distances = np.linalg.norm(found['keypoints'] - expected.keypoints, axis=-1)
    assert np.median(distances) < 2  # eight bits, ranges from eight pictures
    np.testing.assert_allclose(found['scores'], expected.scores, rtol=0, atol=0.2)


def test_what_was_exported_is_summed_up(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'crops').mkdir()
    cv2.imwrite('crops/1.png', make_sample(seed=1, split='val', index=0, size=128).image)
    assert export(CONFIG, WEIGHTS, 'model.onnx', '--fp16', '--images', 'crops') == 0
    said = ' '.join(capsys.readouterr().out.split())
    assert f'model.onnx model {CONFIG}, fp16 input image: 1 x 3 x 128 x 96 output keypoints' in said
    assert 'compared on 1 images of crops fp32 to PyTorch' in said
    assert 'Warning' not in said


def test_a_small_file_with_a_threshold_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export_onnx, '_COARSE', -1.0)  # whatever they are is far
    options = ['--fp16-weights', '--threshold', '0.25']
    assert export(CONFIG, WEIGHTS, tmp_path / 'model.onnx', *options) == 0
    said = ' '.join(capsys.readouterr().out.split())
    assert 'Warning: in fp16-weights half of the keypoints are' in said
    assert (tmp_path / 'model.onnx').stat().st_size < 3.2e6
    info = PoseModel(tmp_path / 'model.onnx').info
    assert (info.precision, info.threshold) == ('fp16-weights', 0.25)


@pytest.fixture
def bad_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = build_model('td-hm_sdpose-t_8xb64-300e_coco-256x192')
    torch.save(other.state_dict(), 'other.pth')
    whole = (tmp_path / 'other.pth').read_bytes()
    (tmp_path / 'torn.pth').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'a file').write_text('text')
    (tmp_path / 'empty.py').write_text('')
    (tmp_path / 'few').mkdir()
    cv2.imwrite('few/1.png', np.zeros((128, 96, 3), np.uint8))


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('no-such-config', WEIGHTS, 'x.onnx'), 'no config no-such-config'),
        ((CONFIG, 'nothing.pth', 'x.onnx'), 'no checkpoint at nothing.pth'),
        ((CONFIG, 'torn.pth', 'x.onnx'), 'torn.pth is truncated or no checkpoint'),
        ((CONFIG, 'other.pth', 'x.onnx'), 'other.pth is of another model'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--opset', '17'), 'opset 17 is not supported: choose one of'),
        (
            (CONFIG, WEIGHTS, 'x.onnx', '--int8', 'few'),
            'few has 1 images, and at least 8 are needed',
        ),
        ((CONFIG, WEIGHTS, 'x.onnx', '--int8', 'nowhere'), 'no config nowhere'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--images', 'nowhere'), 'no config nowhere'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--evaluate', 'nowhere'), 'no config nowhere'),
        ((CONFIG, 'a file', 'x.onnx'), 'a file is truncated or no checkpoint'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--int8', CONFIG), 'annotation file not found: expected at'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--images', CONFIG), 'annotation file not found: expected at'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--evaluate'), 'annotation file not found: expected at'),
        (('empty.py', WEIGHTS, 'x.onnx'), 'empty.py has no model'),
        ((CONFIG, WEIGHTS, 'x.onnx', '--images', 'empty.py'), 'has no train_dataloader.dataset'),
        (
            (CONFIG, WEIGHTS, 'x.onnx', '--evaluate', 'empty.py'),
            'no test_dataloader, test_evaluator',
        ),
        ((CONFIG, WEIGHTS, 'other.pth'), 'other.pth exists: choose another name, or say --force'),
        ((CONFIG, WEIGHTS, 'few'), 'few is a folder: name a file in it'),
        ((CONFIG, WEIGHTS, 'a file/x.onnx'), 'a file/x.onnx cannot be written: File exists'),
    ],
)
def test_bad_input_gets_one_clear_line_and_leaves_no_file(
    arguments, message, bad_input, tmp_path, capsys
):
    before = sorted(tmp_path.rglob('*'))
    assert export(*arguments) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith('export_onnx: ') and message in complaint
    assert sorted(tmp_path.rglob('*')) == before


def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(graph, 'find_spec', lambda name: None if name == 'onnxscript' else name)
    assert export(CONFIG, WEIGHTS, tmp_path / 'x.onnx') == 1
    assert 'onnxscript is not installed: pip install onnx onnxscript' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_it_quietly(tmp_path, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(export_onnx, 'export', interrupted)
    assert export(CONFIG, WEIGHTS, tmp_path / 'x.onnx') == 130
    assert capsys.readouterr().err == 'export_onnx: stopped\n'
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'options, message',
    [
        (['--int8', ''], '--int8 is empty: name a folder or a config'),
        (['--images', ''], '--images is empty: name a folder or a config'),
        (['--batch', '0'], '0 is neither dynamic nor a number from 1 on'),
        (['--batch', '1000000000'], '1000000000 is more than 1024 images: take dynamic'),
        (['--batch', 'many'], 'many is neither dynamic nor a number'),
        (['--int8', 'x', '--fp16'], 'not allowed with'),
        (['--fp16', '--fp16-weights'], 'not allowed with'),
        (['--threshold', 'nan'], '--threshold nan must be a number'),
        (['--calibration-images', '3'], '--calibration-images 3: at least 8'),
    ],
)
def test_options_that_make_no_sense(options, message, capsys):
    with pytest.raises(SystemExit):
        export(CONFIG, WEIGHTS, 'x.onnx', *options)
    assert message in capsys.readouterr().err
