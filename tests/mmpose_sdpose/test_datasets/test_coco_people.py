from __future__ import annotations

import json

from mmpose_sdpose.configs import read_metainfo
from mmpose_sdpose.datasets.coco_people import CocoPeople, read_image, to_sample

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from ..people import coco


@pytest.fixture
def boxes(tmp_path) -> CocoPeople:
    """Image a has three people of rising size, one of them a crowd, and an empty box; b has nobody."""
    images = [dict(id=7, file_name='val/a.jpg'), dict(id=8, file_name='b.jpg')]
    annotations = [dict(image_id=7, bbox=[1, 2, 10 * number, 10]) for number in range(4)]
    annotations[2]['iscrowd'] = 1
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(dict(images=images, annotations=annotations)))
    return CocoPeople(path)


def test_the_largest_people_of_an_image_come_first(boxes):
    assert [person['bbox'][2] for person in boxes.of('data/val/a.jpg', 5)] == [30, 10]
    assert [person['bbox'][2] for person in boxes.of('data/val/a.jpg', 1)] == [30]


def test_an_image_is_known_by_its_path(boxes, tmp_path, monkeypatch):
    """Frames of two clips bear the same names: where one was moved, no other may be it too."""
    (tmp_path / 'val').mkdir()
    monkeypatch.chdir(tmp_path / 'val')
    assert boxes.of('a.jpg', 1) == boxes.of('../val/a.jpg', 1)
    with pytest.raises(
        ValueError, match=f'clip2/a.jpg and {tmp_path}/val/a.jpg would both be val/a'
    ):
        boxes.of('clip2/a.jpg', 1)


def people_of(tmp_path, *names: str) -> CocoPeople:
    """Each image has one person, as wide as its place."""
    images = [dict(id=number, file_name=name) for number, name in enumerate(names)]
    people = [dict(image_id=number, bbox=[0, 0, number + 1, 9]) for number in range(len(names))]
    (tmp_path / 'boxes.json').write_text(json.dumps(dict(images=images, annotations=people)))
    return CocoPeople(tmp_path / 'boxes.json')


def test_what_is_ambiguous_is_refused(tmp_path):
    two = people_of(tmp_path, 'one/a.jpg', 'two/a.jpg', 'a.jpg')
    for number, name in enumerate(('one/a.jpg', 'two/a.jpg', 'three/a.jpg')):
        assert two.of(f'clips/{name}', 1)[0]['bbox'][2] == number + 1
    with pytest.raises(
        ValueError, match='four/a.jpg and .*three/a.jpg would both be a.jpg of .*boxes'
    ):
        two.of('clips/four/a.jpg', 1)
    for names in (('b.jpg', 'b.jpg'), ('one/b.jpg', 'two/b.jpg')):
        with pytest.raises(
            ValueError, match=f'^b.jpg could be 2 images of .*: {names[0]}, {names[1]}$'
        ):
            people_of(tmp_path, *names).of('b.jpg', 1)


def test_an_image_without_people_is_named(boxes):
    with pytest.raises(ValueError, match='nobody in b.jpg'):
        boxes.of('b.jpg', 1)
    with pytest.raises(
        ValueError, match='no image c.jpg: of its 2 images the first are b.jpg, val/a.jpg'
    ):
        boxes.of('c.jpg', 1)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('no json', 'is no JSON'),
        ('[]', 'no COCO annotation file'),
        ('{"images": []}', "no COCO annotation file.*KeyError 'annotations'"),
        (
            '{"images": [], "annotations": [{"id": 5, "image_id": "1", "bbox": [0, 0, 1, 1]}]}',
            "annotation 5 is on image '1', which the file does not list",
        ),
        (
            '{"images": [], "annotations": [{"id": 5, "image_id": 1, "bbox": [0, 0, NaN, 1]}]}',
            r'annotation 5 has \[0, 0, nan, 1\] as bbox',
        ),
        (
            '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}',
            'image ids stand more than once',
        ),
        (
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": ['
            '{"id": 5, "image_id": 1, "bbox": [0, 0, 1, 1]}, '
            '{"id": 5, "image_id": 1, "bbox": [2, 2, 1, 1]}]}',
            r'annotation ids stand more than once \(5\), number the annotations anew',
        ),
    ],
)
def test_a_file_that_is_no_annotation_is_refused(content, message, tmp_path):
    (tmp_path / 'file.json').write_text(content)
    with pytest.raises(ValueError, match=message):
        CocoPeople(tmp_path / 'file.json')


def test_people_without_a_box_are_passed_over_and_counted(tmp_path):
    people = [dict(image_id=1), dict(image_id=1, bbox=[0, 0, 5, 5])]
    content = dict(images=[dict(id=1, file_name='a.jpg')], annotations=people)
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    found = CocoPeople(tmp_path / 'boxes.json')
    assert found.of('a.jpg', 9) == people[1:] and found.left_out == {'without a box': 1}


def test_ids_may_be_text_and_what_is_odd_is_said(tmp_path, caplog):
    people = [
        dict(image_id='7', bbox=[10, 10, 28, 38], category_id='1'),
        dict(image_id=7.0, bbox=[10, 10, 20, 30], category_id=1, iscrowd=1),
    ]
    images = [dict(id=7, file_name='a.jpg', width=30, height=40)]
    content = dict(images=images, annotations=people, categories=[dict(id=1, name='person')])
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    assert CocoPeople(tmp_path / 'boxes.json').on('a.jpg') == people[:1]
    assert f'{tmp_path}/boxes.json: left out are 1 crowds' in caplog.text
    assert 'reach beyond their image' not in caplog.text  # the one text id is not looked at
    people[0]['image_id'] = 7
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    CocoPeople(tmp_path / 'boxes.json')
    assert '1 of 2 boxes reach beyond their image' in caplog.text


@pytest.mark.parametrize(
    ('categories', 'kinds', 'kept'),
    [
        ([], [5, 5], 2),  # the only one, whatever its number
        ([dict(id=0, name='person')], [0, 0], 2),
        ([dict(id=1, name='dog'), dict(id=2, name='Person')], [1, 2], 1),
        ([dict(id=1, name='dog'), dict(id=2, name='cat')], [1, 2], 1),
        ([], [2, 3], 0),
    ],
)
def test_people_are_one_category(categories, kinds, kept, tmp_path):
    people = [dict(image_id=1, bbox=[0, 0, 5, 5], category_id=kind) for kind in kinds]
    content = dict(
        images=[dict(id=1, file_name='a.jpg')], annotations=people, categories=categories
    )
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    found = CocoPeople(tmp_path / 'boxes.json')
    assert len(found.on('a.jpg')) == kept
    assert sum(found.left_out.values()) == 2 - kept


def test_images_are_read_or_named(tmp_path):
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), image)
    for name, content in dict(empty=b'', text=b'no image').items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(OSError, match=f'{name} is no readable image'):
            read_image(tmp_path / name)
    with pytest.raises(FileNotFoundError, match='no image at .*gone'):
        read_image(tmp_path / 'gone')


def test_the_whole_image_or_a_box_goes_into_the_pipeline():
    image = np.zeros((40, 60, 3), np.uint8)
    whole = to_sample(image, None, coco())
    np.testing.assert_array_equal(whole['bbox'], [[0, 0, 60, 40]])
    assert not whole['keypoints_visible'].any()
    joints = [5, 6, 2] + [0, 0, 0] * 15 + [7, 8, 1]
    one = to_sample(image, dict(bbox=[1, 2, 3, 4], keypoints=joints), coco())
    np.testing.assert_array_equal(one['bbox'], [[1, 2, 4, 6]])
    np.testing.assert_array_equal(one['keypoints'][0, [0, 16]], [[5, 6], [7, 8]])
    np.testing.assert_array_equal(one['keypoints_visible'][0], [1] + [0] * 15 + [1])
    assert one['img'] is image and one['flip_indices'] == coco()['flip_indices']
    with pytest.raises(ValueError, match='1 keypoints, .* 17'):
        to_sample(image, dict(bbox=[1, 2, 3, 4], keypoints=[1, 1, 1]), coco())
    for nothing in (None, float('nan')):
        with pytest.raises(ValueError, match='annotation 7 has keypoints that are no numbers'):
            joints = [nothing, 6, 2] * 17
            to_sample(image, dict(id=7, bbox=[1, 2, 3, 4], keypoints=joints), coco())


def test_a_config_says_what_the_keypoints_are_called(recwarn):
    config = Config(dict(test_dataloader=dict(dataset=dict(type='CocoDataset'))))
    assert read_metainfo(config)['keypoint_id2name'] == coco()['keypoint_id2name']
    with pytest.raises(ValueError, match='no test_dataloader'):
        read_metainfo(Config(dict()))
