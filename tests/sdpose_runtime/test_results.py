"""Results are read by COCO's tools."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sdpose_runtime.people import People
from sdpose_runtime.results import CocoResults
from sdpose_runtime.sources import Frame

IMAGE = np.zeros((8, 8, 3), np.uint8)
PEOPLE = People(
    np.float32([[1, 2, 11, 22], [5, 5, 6, 7]]),
    np.float32([0.5, 1.0]),
    np.float32([[[1, 2], [3, 4]], [[5, 6], [7.125, 8]]]),
    np.float32([[0.5, 0.75], [0.1, 1.0]]),
    np.ones(2),
)


def test_every_field():
    results = CocoResults()
    results.add(Frame('a.jpg', IMAGE), PEOPLE)
    assert results.entries[0] == dict(
        image_id=1,
        category_id=1,
        keypoints=[1, 2, 0.5, 3, 4, 0.75],
        score=0.3125,
        bbox=[1, 2, 10, 20],
        file_name='a.jpg',
    )
    assert results.entries[1]['keypoints'] == [5, 6, 0.1, 7.12, 8, 1]
    assert results.entries[1]['score'] == 1.0


def test_frames_are_numbered_and_followed():
    results = CocoResults()
    followed = replace(PEOPLE, ids=np.array([4, 2]))
    for index in range(3):
        results.add(Frame('clip.mp4', IMAGE, index), followed)
    assert [entry['image_id'] for entry in results.entries] == [1, 1, 2, 2, 3, 3]
    assert [entry['frame'] for entry in results.entries] == [0, 0, 1, 1, 2, 2]
    assert [entry['track_id'] for entry in results.entries] == [4, 2] * 3


def test_numbers_of_a_data_set():
    results = CocoResults(dict(a=785, b=40083).get)
    for name in 'ab':
        results.add(Frame(name, IMAGE), PEOPLE)
    assert [entry['image_id'] for entry in results.entries] == [785, 785, 40083, 40083]


@pytest.mark.parametrize('tools', ['pycocotools.coco', 'xtcocotools.coco'])
def test_cocos_tools_read_them(tmp_path, tools):
    coco = pytest.importorskip(tools, reason=f'{tools} is not installed').COCO()
    coco.dataset = dict(
        images=[dict(id=1)],
        categories=[dict(id=1)],
        annotations=[dict(id=1, image_id=1, category_id=1, keypoints=[1, 2, 2, 3, 4, 2])],
    )
    coco.createIndex()
    results = CocoResults()
    results.add(Frame('a.jpg', IMAGE), PEOPLE)
    results.write(tmp_path / 'out' / 'keypoints.json')
    coco.anno_file = []
    loaded = coco.loadRes(str(tmp_path / 'out' / 'keypoints.json'))
    found = loaded.loadAnns(loaded.getAnnIds(imgIds=[1], catIds=[1]))
    assert [person['score'] for person in found] == [0.3125, 1.0]
    assert found[0]['keypoints'] == [1, 2, 0.5, 3, 4, 0.75]


def test_nobody_anywhere_is_an_empty_list(tmp_path):
    CocoResults().write(tmp_path / 'keypoints.json')
    assert json.loads((tmp_path / 'keypoints.json').read_text()) == []
