from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.datasets import CheckedCocoDataset, CheckedCrowdPoseDataset

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

SOURCE = 'https://example.org/data'


@pytest.fixture(autouse=True)
def default_scope():
    init_default_scope('mmpose')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One image with one person, and a box for it."""
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.zeros((40, 30, 3), np.uint8))
    person = dict(
        id=1, image_id=1, category_id=1, bbox=[2, 2, 20, 30], area=300, iscrowd=0,
        keypoints=[5, 5, 2] * 17, num_keypoints=17,
    )  # fmt: skip
    content = dict(
        images=[dict(id=1, file_name='a.jpg', width=30, height=40)],
        annotations=[person],
        categories=[dict(id=1, name='person')],
    )
    (tmp_path / 'people.json').write_text(json.dumps(content))
    boxes = [dict(image_id=1, category_id=1, bbox=[2, 2, 20, 30], score=0.9)]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    return tmp_path


def dataset(root: Path, cls: type = CheckedCocoDataset, boxes: bool = False, **options):
    return cls(
        data_root=str(root),
        ann_file='people.json',
        bbox_file=str(root / 'boxes.json') if boxes else None,
        data_prefix=dict(img=''),
        source=SOURCE,
        test_mode=boxes,
        **options,
    )


def edit(root: Path, change) -> None:
    content = json.loads((root / 'people.json').read_text())
    change(content)
    (root / 'people.json').write_text(json.dumps(content))


@pytest.mark.parametrize('boxes', [False, True])
def test_good_files_give_the_person(root, boxes):
    (person,) = dataset(root, boxes=boxes)
    np.testing.assert_allclose(person['bbox'], [[2, 2, 22, 32]])
    assert DATASETS.get('CheckedCocoDataset') is CheckedCocoDataset


@pytest.mark.parametrize('name', ['people.json', 'boxes.json', 'a.jpg'])
def test_a_missing_file_is_named_with_its_source(root, name):
    (root / name).unlink()
    with pytest.raises(FileNotFoundError, match=f'(?s)expected at {root}/{name}.*{SOURCE}'):
        dataset(root, boxes=True)


@pytest.mark.parametrize('content', ['', '{', '[]', '{}', '{"images": 3}', '"text"'])
@pytest.mark.parametrize('name', ['people.json', 'boxes.json'])
def test_a_file_that_is_no_data_set_is_named(root, name, content):
    (root / name).write_text(content)
    with pytest.raises(ValueError, match=name):
        dataset(root, boxes=True)


def test_a_data_set_without_people_is_refused(root):
    edit(root, lambda content: content.update(annotations=[]))
    with pytest.raises(ValueError, match='no person'):
        dataset(root)


@pytest.mark.parametrize('boxes', [False, True])
def test_another_number_of_keypoints_is_refused(root, boxes):
    with pytest.raises(ValueError, match='17 keypoints.*CheckedCrowdPoseDataset expects 14'):
        dataset(root, CheckedCrowdPoseDataset, boxes=boxes)


def test_an_image_that_does_not_decode_is_named(root):
    (root / 'a.jpg').write_bytes(b'no picture')
    broken = dataset(root, pipeline=[dict(type='LoadImage')], max_refetch=1)
    with pytest.raises(Exception, match='a.jpg'):
        broken[0]
