"""Which keypoints count as right, and that the threshold separates them best."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from choose_threshold import Person, f1_by_threshold, judge, main

from sdpose_runtime import PoseModel

from ..sdpose_runtime.onnx_files import ENTRY, constant_file

IMAGE = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)
JOINTS = np.array([[5, 5, 2], [25, 5, 1], [5, 35, 2], [25, 35, 2], [15, 20, 0]], float)


@pytest.fixture
def person() -> Person:
    return Person(IMAGE, np.array([0.0, 0, 30, 40]), JOINTS, 1200.0)


@pytest.mark.parametrize(
    ('side', 'rows', 'columns'),
    [
        ('top', slice(0, 20), slice(0, 30)),
        ('bottom', slice(20, 40), slice(0, 30)),
        ('left', slice(0, 40), slice(0, 15)),
        ('right', slice(0, 40), slice(15, 30)),
    ],
)
def test_half_of_a_picture(person, side, rows, columns):
    half = person.half(side)
    np.testing.assert_array_equal(half.image, IMAGE[rows, columns])
    np.testing.assert_array_equal(half.box, [0, 0, *half.image.shape[1::-1]])
    np.testing.assert_array_equal(half.joints - JOINTS, [[-columns.start, -rows.start, 0]] * 5)
    assert half.area == 1200


def test_half_of_next_to_nothing_is_nobody(person):
    narrow = Person(IMAGE, np.array([3.0, 0, 12, 40]), JOINTS, 360.0)
    assert narrow.half('left') is None
    assert narrow.half('top') is not None


@pytest.fixture
def model(tmp_path) -> PoseModel:
    """Says of every crop of 24x32 that the joints are where they are in the whole picture."""
    # The picture, three wide by four high, fills the crop but for the padding of 1.25.
    found = (JOINTS[:, :2] - [15, 20]) / 1.25 * 0.8 + [12, 16]
    found[3] = found[1]  # but for one
    outputs = dict(
        keypoints=np.float32(found[None]), scores=np.float32([[0.9, 0.8, 0.7, 0.2, 0.6]])
    )
    entry = {**ENTRY, 'sigmas': [0.05] * 5}
    constant_file(tmp_path / 'model.onnx', outputs, [1, 3, 32, 24], entry=entry)
    return PoseModel(tmp_path / 'model.onnx')


def test_what_is_right(model, person):
    scores, right = judge(model, person)
    np.testing.assert_allclose(scores, [0.9, 0.8, 0.7, 0.2])  # the last is not labelled
    assert right.tolist() == [True, True, True, False]
    # below the cut there is no picture, so nothing there is right
    cut = Person(IMAGE[:20], person.box, JOINTS, 1200.0)
    assert judge(model, cut)[1].tolist() == [True, True, False, False]


def test_the_best_threshold():
    scores = np.arange(20) / 20
    best, rows = f1_by_threshold(scores, scores > 0.52)
    assert 0.5 < best <= 0.55  # between the wrong and the right ones
    threshold, drawn, precision, recall, f1 = rows[0]
    assert (threshold, drawn, recall) == (0, 1, 1)
    assert precision == pytest.approx(9 / 20)
    assert f1 == pytest.approx(2 * 9 / (20 + 9))


def test_the_table(model, person, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / '1.png'), IMAGE)
    people = dict(
        images=[dict(id=7, file_name='1.png')],
        annotations=[
            dict(image_id=7, bbox=[0, 0, 30, 40], keypoints=JOINTS.ravel().tolist(), area=1200)
        ],
    )
    (tmp_path / 'people.json').write_text(json.dumps(people))
    assert main([str(tmp_path / name) for name in ('model.onnx', 'people.json', '')]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 22
    assert said[-1].startswith('2 people, whole and half; best F1 at 0.')
