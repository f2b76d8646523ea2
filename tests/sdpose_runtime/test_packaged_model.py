"""The model that comes with the package: found, small, run without being named."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdpose_runtime import PoseModel
from sdpose_runtime import model_file as module
from sdpose_runtime.cli import main, split_model
from sdpose_runtime.model_file import packaged_model

from .onnx_files import NAMES, pose_file

ROOT = Path(__file__).parents[2]
IMAGE = np.random.default_rng(0).integers(0, 255, (120, 90, 3), np.uint8)


@pytest.fixture
def photo(tmp_path) -> Path:
    cv2.imwrite(str(tmp_path / 'photo.png'), IMAGE)
    return tmp_path / 'photo.png'


def test_it_finds_the_seventeen_keypoints_of_coco():
    model = PoseModel(threads=1)
    assert model.info.dataset == 'coco'
    assert model.info.keypoint_names[0] == 'nose'
    assert model.info.keypoint_names[-1] == 'right_ankle'
    people = model(IMAGE, [[0, 0, 90, 120]])
    assert people.keypoints.shape == (1, 17, 2)
    assert np.isfinite(people.keypoints).all()


def test_it_is_small():
    """A wheel with it stays a download of seconds."""
    assert packaged_model().stat().st_size < 4e6


def test_the_command_takes_it_where_no_model_is_named(photo, tmp_path):
    runs = [('out', []), ('named', [packaged_model()])]
    for name, model in runs:
        arguments = [*model, photo, '--out', tmp_path / name, '--json', '--threads', 1]
        assert main([str(argument) for argument in arguments]) == 0
    for name in ('photo.png', 'keypoints.json'):
        assert (tmp_path / 'out' / name).read_bytes() == (tmp_path / 'named' / name).read_bytes()


@pytest.mark.parametrize('between', [False, True])
def test_a_model_that_is_named_is_taken(photo, tmp_path, between):
    """Also where options stand between it and the input."""
    model, out = str(pose_file(tmp_path / 'model.ONNX')), ['--out', str(tmp_path / 'out')]
    arguments = [model, *out, str(photo)] if between else [model, str(photo), *out]
    assert main([*arguments, '--json']) == 0
    entry = json.loads((tmp_path / 'out' / 'keypoints.json').read_text())[0]
    assert len(entry['keypoints']) == 3 * len(NAMES)


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['a.onnx'], 'a.onnx is a model: name an image, folder, video or camera after it'),
        (['a.jpg', 'b.onnx'], 'b.onnx is a model: one can be named, before the first input'),
        (['a.onnx', 'b.onnx', 'c.jpg'], 'b.onnx is a model: one can be named'),
    ],
)
def test_models_and_inputs_in_another_order_are_refused(names, message, tmp_path, capsys):
    with pytest.raises(ValueError, match=message):
        split_model(names)
    assert main([*names, '--out', str(tmp_path / 'out')]) == 2
    assert capsys.readouterr().err.startswith(f'runtime: {message}')
    assert not (tmp_path / 'out').exists()


def test_models_and_inputs_are_told_apart():
    assert split_model(['a.jpg', '0']) == (None, ['a.jpg', '0'])
    assert split_model(['m.onnx', 'a.jpg', '0']) == ('m.onnx', ['a.jpg', '0'])


@pytest.mark.parametrize('files', [[], ['a.onnx', 'b.onnx']])
def test_an_installation_without_a_model_says_so(files, photo, tmp_path, monkeypatch, capsys):
    for name in files:
        (tmp_path / name).write_bytes(b'')
    monkeypatch.setattr(module, 'WEIGHTS', tmp_path)
    assert main([str(photo), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert error.startswith('runtime: this installation of sdpose_runtime comes without a model')
    assert error.endswith('install it again, or name a model of yours\n')
    assert error.count('\n') == 1
