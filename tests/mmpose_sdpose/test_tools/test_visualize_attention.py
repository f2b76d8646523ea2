"""The tool on a drawn image with the weights that come with the package."""

from __future__ import annotations

import json

from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.configs import build_model
from mmpose_sdpose.tools.visualize_attention import main

import cv2
import numpy as np
import pytest

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
DISTILLATION = 'td-reg_distilpose-n_distill-sdpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Works in a folder with a picture and two people in it."""
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0)
    cv2.imwrite('a.png', numbers.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    images = [dict(id=1, file_name='a.png')]
    joints = [20, 30, 2] * 17
    annotations = [
        dict(image_id=1, bbox=[10, 5, 20, 40]),
        dict(image_id=1, bbox=[20, 5, 40, 50], keypoints=joints),
    ]
    (tmp_path / 'boxes.json').write_text(json.dumps(dict(images=images, annotations=annotations)))
    return tmp_path


def draw(*arguments: str, config: str = CONFIG, weights: str = WEIGHTS) -> int:
    return main([config, weights, 'a.png', '--out', 'out', '--keypoints', 'nose', *arguments])


def test_a_picture_for_each_person_or_for_all(folder, capsys):
    assert draw('--boxes', 'boxes.json') == 0
    assert capsys.readouterr().out.split() == ['out/a_person1.png', 'out/a_person2.png']
    assert draw('--boxes', 'boxes.json', '--together') == 0
    sizes = {path.stem: cv2.imread(str(path)).shape for path in (folder / 'out').iterdir()}
    assert sorted(sizes) == ['a_person1', 'a_person2', 'attention']
    one, both = sizes['a_person1'], sizes['attention']
    assert both[1] == one[1] and both[0] > one[0] + 128


def test_the_whole_image_two_cycles_and_heads(folder):
    assert draw('--caption', 'it') == 0
    narrow = cv2.imread('out/a.png')
    assert draw('--force', '--caption', 'it', '--cycles', '1', '2', '--heads', '1', '4') == 0
    wide = cv2.imread('out/a.png')
    assert narrow.std() > 10 and wide.shape[1] > narrow.shape[1]


def test_nothing_is_written_over_unasked(folder, capsys):
    (folder / 'out').mkdir()
    (folder / 'out' / 'a_person2.png').write_text('of an earlier run')
    assert draw('--boxes', 'boxes.json') == 1
    assert 'out/a_person2.png exists' in capsys.readouterr().err
    assert [path.name for path in (folder / 'out').iterdir()] == ['a_person2.png']
    photo = (folder / 'a.png').read_bytes()
    assert main([CONFIG, WEIGHTS, 'a.png', '--out', '.', '--force']) == 1
    assert 'a.png would be written over itself' in capsys.readouterr().err
    assert (folder / 'a.png').read_bytes() == photo


def test_a_distillation_shows_student_and_teacher(folder):
    student = build_model('td-reg_distilpose-n_2xb16-16e_synthpose-128x96')
    write_checkpoint(dict(state_dict=student.state_dict()), 'student.pth')
    assert draw(config=DISTILLATION, weights='student.pth') == 0
    wide = cv2.imread('out/a.png')
    alone = DISTILLATION.replace('_distill-sdpose-n', '')
    assert draw('--force', config=alone, weights='student.pth') == 0
    assert wide.shape[1] > cv2.imread('out/a.png').shape[1]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--layers', '5'], 'no layer 5: the model has 1 to 4'),
        (['--cycles', '3'], 'no cycle 3: the config trains 1 to 2'),
        (['--boxes', 'a.png'], 'a.png is no JSON'),
        (['--boxes', 'gone.json'], 'gone.json'),
        (['--cfg-options', 'model.head.num_cycles=1', '--cycles', '2'], 'the config trains 1 only'),
    ],
)
def test_what_cannot_be_drawn_is_one_line(arguments, message, folder, capsys):
    assert draw(*arguments) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith('visualize_attention: ') and message in error and '\n' not in error
    assert not (folder / 'out').exists()


@pytest.mark.parametrize(
    ('config', 'weights', 'message'),
    [
        ('td-hm_sdpose-x', WEIGHTS, 'no config td-hm_sdpose-x'),
        (CONFIG, 'mmpose_sdpose://x.pth', 'the package has ladpose-n_photos-256x192.pth, sdpose'),
        (CONFIG, 'x.pth', 'no checkpoint at x.pth'),
        (DISTILLATION.replace('_distill-sdpose-n', ''), WEIGHTS, 'is of another model'),
        ('td-hm_res18-thin_2xb16-16e_synthpose-128x96', WEIGHTS, 'is of another model'),
    ],
)
def test_a_model_that_cannot_be_had_is_named(config, weights, message, folder, capsys):
    assert draw(config=config, weights=weights) == 1
    assert message in capsys.readouterr().err


def test_weights_of_a_deeper_model_are_of_another_model(folder, capsys):
    assert draw('--cfg-options', 'model.head.encoder.depth=3') == 1
    assert 'head.mct.encoder.layers.3.norm1.weight: not in the model' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--heads', 'all'], '--heads all: say mean, or numbers'),
        (['--people', '0'], '0 is no number from 1 on'),
        (['--cfg-options', 'x'], 'x is no KEY=VALUE'),
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments, message, folder, capsys):
    with pytest.raises(SystemExit, match='2'):
        draw(*arguments)
    assert message in capsys.readouterr().err


def test_two_images_of_one_name_are_refused(folder, capsys):
    (folder / 'b').mkdir()
    (folder / 'a.png').rename(folder / 'b' / 'a.png')
    cv2.imwrite('a.png', np.zeros((40, 30, 3), np.uint8))
    assert draw('--layers', '1') == 0
    assert main([CONFIG, WEIGHTS, 'a.png', 'b/a.png', '--out', 'both']) == 1
    assert 'two images are called a' in capsys.readouterr().err
