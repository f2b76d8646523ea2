"""What is said of data, weights and settings before a run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from mmpose_sdpose.configs import find_config, model_configs
from mmpose_sdpose.datasets.checks import DataError, check_data, raise_errors

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from PIL import Image

SOURCE = 'https://example.org/data'
COCO = dict(from_file='configs/_base_/datasets/coco.py')
CODEC = dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)


def person(number: int, image: int = 1, **changes: Any) -> dict[str, Any]:
    plain = dict(
        id=number, image_id=image, category_id=1, bbox=[2, 2, 20, 30], area=300, iscrowd=0,
        keypoints=[5, 5, 2] * 17, num_keypoints=17,
    )  # fmt: skip
    return {**plain, **changes}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images, three people, and a box for each image."""
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'{name}.jpg'), np.zeros((40, 30, 3), np.uint8))
    content = dict(
        images=[
            dict(id=number, file_name=f'{name}.jpg', width=30, height=40)
            for number, name in ((1, 'a'), (2, 'b'))
        ],
        annotations=[person(11), person(12), person(13, image=2)],
        categories=[dict(id=1, name='person')],
    )
    (tmp_path / 'people.json').write_text(json.dumps(content))
    boxes = [dict(image_id=i, category_id=1, bbox=[2, 2, 20, 30], score=0.9) for i in (1, 2)]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    return tmp_path


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(
        json.dumps(content if changed is None or isinstance(changed, dict) else changed)
    )


def config(root: Path, boxes: bool = False, kind: str = 'CocoDataset', **metric: Any) -> Config:
    """A run that trains, validates and tests on the same people."""
    dataset = dict(
        type=kind, data_root=str(root), ann_file='people.json', data_prefix=dict(img=''),
    )  # fmt: skip
    steps = [dict(type='TopdownAffine', input_size=(96, 128))]
    targets = [dict(type='GenerateTarget', encoder=dict(CODEC))]
    tested = dict(
        dataset,
        test_mode=True,
        pipeline=steps,
        bbox_file=str(root / 'boxes.json') if boxes else None,
    )
    plain = dict(type='CocoMetric', ann_file=str(root / 'people.json'))
    evaluator = {**plain, **metric}
    return Config(
        dict(
            data_source=SOURCE,
            model=dict(head=dict(type='MCTHead', out_channels=17, decoder=dict(CODEC))),
            train_dataloader=dict(dataset=dict(dataset, pipeline=[*steps, *targets])),
            val_dataloader=dict(dataset=tested),
            test_dataloader=dict(dataset=tested),
            val_evaluator=evaluator,
            test_evaluator=evaluator,
            default_hooks=dict(checkpoint=dict(save_best='coco/AP')),
        )
    )


def errors(cfg: Config, *stages: str) -> str:
    findings = check_data(cfg, stages or ('train', 'val', 'test'))
    return '\n'.join(finding.text for finding in findings if finding.fatal)


def warnings(cfg: Config, *stages: str) -> str:
    findings = check_data(cfg, stages or ('train', 'val', 'test'))
    return '\n'.join(finding.text for finding in findings if not finding.fatal)


@pytest.mark.parametrize('boxes', [False, True])
def test_nothing_is_said_of_what_is_good(root, boxes):
    assert check_data(config(root, boxes)) == []


def test_errors_are_one_exception(root):
    (root / 'people.json').unlink()
    (root / 'boxes.json').write_text('[]')
    with pytest.raises(
        DataError, match=r'(?s)^to mend before this can run \(1\):\nannotation file'
    ):
        raise_errors(check_data(config(root)))
    raise_errors([])


# --- files


@pytest.mark.parametrize('name', ['people.json', 'boxes.json'])
def test_a_missing_file_is_named_with_its_source(root, name):
    (root / name).unlink()
    assert f'not found: expected at {root}/{name}; the data comes from {SOURCE}' in errors(
        config(root, boxes=True)
    )


def test_missing_images_are_counted_and_the_first_is_named(root):
    (root / 'a.jpg').unlink()
    assert (
        f'1 of 2 images named in {root}/people.json are not there, the first is expected at '
        f'{root}/a.jpg; the data comes from {SOURCE}'
    ) in errors(config(root), 'train')


@pytest.mark.parametrize(
    ('content', 'why'),
    [
        ('', 'no JSON: it is empty'),
        ('{"images": [', 'no JSON: it ends too early'),
        ('{"images": [{"file_na', 'no JSON: it ends too early'),
        ('{"images": }', 'no JSON: Expecting value: line 1 column 12'),
        ('[]', 'no COCO annotation file: wanted are the lists .* it holds \\[\\]'),
        ('{"info": 1}', 'no COCO annotation file: .* it holds keys info'),
        ('{"images": 3}', 'no COCO annotation file'),
        ('"text"', 'no COCO annotation file'),
        ('[' * 100000, 'nested too deeply'),
    ],
    ids=range(9),
)
def test_a_file_that_is_no_annotation_is_named(root, content, why):
    (root / 'people.json').write_text(content)
    found = errors(config(root))
    assert re.search(f'{root}/people.json is {why}', found), found
    assert 'get it again' not in found and SOURCE not in found


def test_a_binary_file_is_named(root):
    (root / 'people.json').write_bytes(bytes(range(128, 256)))
    assert 'people.json is no JSON: it is no text' in errors(config(root))


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (
            lambda c: c['images'].append(dict(c['images'][0])),
            'image ids stand more than once, 1 of',
        ),
        (
            lambda c: c['annotations'].append(person(11)),
            'annotation ids stand more than once, 1 of',
        ),
        (
            lambda c: c['images'][0].update(id='0001'),
            r"image ids are no whole numbers \(1\), .* '0001'",
        ),
        (
            lambda c: c['annotations'][0].update(id='a'),
            r"annotation ids are no whole .* 'a'",
        ),
        (
            lambda c: c['annotations'][0].update(id=None),
            r'annotation ids are no whole .* None',
        ),
        (lambda c: c['annotations'].append(3), r'entries of "annotations" are no objects \(1\)'),
        (lambda c: c['images'][1].pop('file_name'), r'images have no file_name \(1\)'),
        (lambda c: c['images'].clear(), 'it lists no image'),
        (
            lambda c: c['images'][0].pop('width'),
            r'images have no width and height \(1\), .* image 1',
        ),
        (lambda c: c['images'][0].update(width=10**400), 'images have no width and height'),
        (
            lambda c: c.update(categories=[dict(name='person')]),
            '"categories" is .* wanted are objects',
        ),
        (lambda c: c.update(categories={'1': 'person'}), '"categories" is .* wanted are objects'),
        (lambda c: c['images'][0].update(height='40'), r'images have no width and height \(1\)'),
        (lambda c: c.pop('annotations'), 'has no list "annotations"'),
        (lambda c: c['annotations'].clear(), 'holds no person that MMPose would load$'),
        (
            lambda c: [p.update(iscrowd=1) for p in c['annotations']],
            'holds no person that MMPose would load, of 3: 3 iscrowd',
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(root, change, sentence):
    edit(root / 'people.json', lambda content: change(content) and None)
    assert re.search(sentence, errors(config(root), 'train')), errors(config(root), 'train')


# --- people: the last one, so that looking at the first would not do


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (dict(bbox=[float('nan')] * 4), 'has [nan, nan, nan, nan] as bbox: wanted are four finite'),
        (dict(bbox=None), 'has None as bbox'),
        (dict(bbox=[1, 2, 3]), 'has [1, 2, 3] as bbox'),
        (dict(bbox=[1, 2, None, 4]), 'has [1, 2, None, 4] as bbox'),
        (dict(bbox='1 2 3 4'), "has '1 2 3 4' as bbox"),
        (dict(keypoints=[None, None, 0] * 17), 'has None among its keypoints'),
        (dict(keypoints=[5, 5, 2] * 16 + [float('nan'), 5, 2]), 'has nan among its keypoints'),
        (dict(keypoints=[5, 5, 2] * 16 + [float('inf'), 5, 2]), 'has inf among its keypoints'),
        (dict(keypoints=[5, '5', 2] * 17), "has '5' among its keypoints"),
        (dict(keypoints=None), 'has None among its keypoints'),
        (dict(keypoints=[[5, 5, 2]] * 17), 'has nested keypoints, [5, 5, 2]'),
        (dict(keypoints=[5, 5, 2] * 14), 'has 14 keypoints, the data set expects 17'),
        (dict(keypoints=[5, 5, 2] * 17 + [5]), 'has 17.3333 keypoints, the data set expects 17'),
        (dict(keypoints=[]), 'has 0 keypoints, the data set expects 17'),
        (dict(area='300'), "has '300' as area: wanted is a number"),
        (dict(bbox=[1, 2, 3, 10**400]), 'has [1, 2, 3, 1000'),
        (dict(category_id='1'), "has '1' as category_id: wanted is the whole number"),
        (dict(category_id=None), 'has None as category_id'),
        (dict(image_id='2'), "has '2' as image_id: MMPose finds images by whole numbers"),
    ],
)
@pytest.mark.parametrize('stage', ['train', 'val'])
def test_every_person_is_looked_at_and_named(root, change, sentence, stage):
    edit(root / 'people.json', lambda content: content['annotations'][-1].update(change))
    assert f'{root}/people.json: annotation 13 {sentence}' in errors(config(root), stage)


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (lambda p: p.pop('bbox'), 'has no bbox; MMPose passes them over'),
        (lambda p: p.pop('keypoints'), 'has no keypoints; MMPose passes them over'),
        (lambda p: p.update(image_id=99), 'is on image 99, which the file does not list'),
        (lambda p: p.update(bbox=[2, 2, -4, 30]), 'has [2, 2, -4, 30] as bbox, no area'),
        (lambda p: p.update(bbox=[31, 2, 4, 30]), 'has [31, 2, 4, 30] as bbox, no area'),
        (lambda p: p.update(bbox=[2, 2, 0, 30]), 'has [2, 2, 0, 30] as bbox, no area'),
    ],
)
def test_one_who_is_passed_over_is_counted_not_refused(root, change, sentence):
    edit(root / 'people.json', lambda content: change(content['annotations'][-1]) and None)
    assert errors(config(root)) == ''
    assert f'annotation 13 {sentence}' in warnings(config(root))
    edit(root / 'people.json', lambda c: change(c['annotations'][0]) and None)
    assert '; so it is with 1 more' in warnings(config(root))
    edit(root / 'people.json', lambda c: change(c['annotations'][1]) and None)
    assert 'holds no person that MMPose would load, of 3: 3 ' in errors(config(root))


def test_boxes_of_two_corners_are_suspected(root):
    edit(
        root / 'people.json',
        lambda c: [p.update(bbox=[12, 12, 28, 38]) for p in c['annotations']] and None,
    )
    assert errors(config(root)) == ''
    assert '3 of 3 boxes reach beyond their image' in warnings(config(root))
    assert 'Are these x1, y1, x2, y2' in warnings(config(root))


def test_files_of_one_name_are_suspected(root):
    """Folders were merged: a photo would have the people of another."""
    edit(root / 'people.json', lambda c: c['images'][1].update(file_name='a.jpg'))
    assert 'file names stand for more than one image, 1 of them: a.jpg' in warnings(config(root))


def test_boxes_in_shares_of_the_image_are_suspected(root):
    def shrink(content):
        for one in content['annotations']:
            one.update(bbox=[0.1, 0.1, 0.5, 0.8], keypoints=[0.3, 0.3, 2] * 17)

    edit(root / 'people.json', shrink)
    assert 'no box is larger than a pixel' in warnings(config(root))


# --- images


def test_empty_files_and_broken_links_are_named(root):
    (root / 'a.jpg').write_bytes(b'')
    (root / 'b.jpg').unlink()
    (root / 'b.jpg').symlink_to(root / 'gone.jpg')
    found = errors(config(root), 'train')
    assert f'image files are empty (1): {root}/a.jpg' in found
    assert f'images are links to what is not there (1): {root}/b.jpg -> {root}/gone.jpg' in found


def test_a_link_to_an_image_is_an_image(root):
    os.rename(root / 'a.jpg', root / 'elsewhere.jpg')
    (root / 'a.jpg').symlink_to(root / 'elsewhere.jpg')
    assert check_data(config(root)) == []


def test_a_file_that_is_no_image_is_named(root):
    (root / 'b.jpg').write_bytes(b'<html>')
    assert f'of 2 images that were opened, 1 cannot be read: {root}/b.jpg' in errors(config(root))


def test_resized_and_turned_photos_are_suspected(root):
    cv2.imwrite(str(root / 'a.jpg'), np.zeros((80, 60, 3), np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    Image.new('RGB', (30, 40)).save(root / 'b.jpg', exif=exif)
    assert cv2.imread(str(root / 'b.jpg')).shape[:2] == (30, 40)  # what MMPose will see
    found = warnings(config(root), 'train')
    assert (
        f'1 are not of the size that {root}/people.json says: {root}/a.jpg is 60x80, not 30x40'
        in found
    )
    assert (
        '1 are turned by their EXIF orientation when MMPose loads them, but the sizes in' in found
    )
    edit(root / 'people.json', lambda c: c['images'][1].update(width=40, height=30))
    assert 'EXIF' not in warnings(config(root), 'train')


def test_images_in_folders_are_found(root):
    (root / 'clip').mkdir()
    os.rename(root / 'b.jpg', root / 'clip/a.jpg')
    edit(root / 'people.json', lambda c: c['images'][1].update(file_name='clip/a.jpg'))
    assert check_data(config(root)) == []


# --- boxes


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (lambda boxes: boxes[1].pop('score'), 'entry 1 (from 0) has None as score'),
        (lambda boxes: boxes[1].update(score=float('nan')), 'entry 1 (from 0) has nan as score'),
        (lambda boxes: boxes[1].update(image_id=7), 'entry 1 (from 0) has 7 as image_id, which '),
        (lambda boxes: boxes[1].update(image_id='2'), "entry 1 (from 0) has '2' as image_id"),
        (lambda boxes: boxes[1].update(bbox=[1, 2, None, 4]), 'has [1, 2, None, 4] as bbox'),
        (lambda boxes: boxes[1].pop('bbox'), 'entry 1 (from 0) has None as bbox'),
        (lambda boxes: boxes[1].update(category_id='1'), "entry 1 (from 0) has '1' as category_id"),
        (lambda boxes: boxes[1].pop('category_id'), 'entry 1 (from 0) has None as category_id'),
        (lambda boxes: boxes.append(5), 'entry 2 (from 0) is 5, no object'),
        (lambda boxes: boxes.clear(), 'has nobody to test, it is empty: detect people first'),
        (
            lambda boxes: [box.update(category_id=0) for box in boxes],
            'has nobody to test, its 2 boxes are all of another category than 1',
        ),
    ],
)
def test_an_entry_of_boxes_is_named_with_the_remedy(root, change, sentence):
    edit(root / 'boxes.json', lambda boxes: change(boxes) and None)
    found = errors(config(root, boxes=True), 'test')
    assert f'{root}/boxes.json' in found and sentence in found
    assert SOURCE not in found


def test_boxes_of_other_things_are_counted(root):
    edit(root / 'boxes.json', lambda boxes: boxes[1].update(category_id=18))
    assert errors(config(root, boxes=True), 'test') == ''
    assert '1 of 2 boxes are of another category than 1' in warnings(
        config(root, boxes=True), 'test'
    )


def test_a_file_of_another_kind_is_no_box_file(root):
    (root / 'boxes.json').write_text((root / 'people.json').read_text())
    assert 'boxes.json is a COCO annotation file, no box file' in errors(config(root, boxes=True))
    (root / 'boxes.json').write_text('{}')
    assert 'boxes.json is a JSON dict, no box file' in errors(config(root, boxes=True))


def test_files_without_people_can_be_predicted_on(root):
    edit(root / 'people.json', lambda content: content.pop('annotations') and None)
    only = dict(format_only=True, outfile_prefix='out')
    assert check_data(config(root, boxes=True, **only), ['test']) == []
    assert 'format_only=True with an outfile_prefix' in errors(config(root, boxes=True), 'test')
    assert 'with a bbox_file in test_dataloader.dataset' in errors(config(root, **only), 'test')
    nowhere = config(root, boxes=True, format_only=True)
    assert 'test_evaluator.format_only=True writes predictions, but no outfile' in errors(
        nowhere, 'test'
    )


def test_a_threshold_above_all_boxes_is_named(root):
    cfg = config(root, boxes=True)
    cfg.test_dataloader.dataset.filter_cfg = dict(bbox_score_thr=0.9)
    assert errors(cfg, 'test') == ''
    cfg.test_dataloader.dataset.filter_cfg.bbox_score_thr = 0.95
    assert 'filter_cfg.bbox_score_thr=0.95 leaves out every box' in errors(cfg, 'test')
    assert 'the best has 0.9' in errors(cfg, 'test')


def test_too_few_people_for_a_batch_are_named(root):
    cfg = config(root)
    cfg.train_dataloader.update(batch_size=4, drop_last=False)
    assert errors(cfg) == ''
    cfg.train_dataloader.drop_last = True
    assert 'its 3 people do not fill one of 4: nothing would be done' in errors(cfg, 'train')
    cfg.train_dataloader.batch_size = 3
    assert errors(cfg) == ''


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (dict(batch_size=0), 'train_dataloader.batch_size (0) must be a whole number from 1 on'),
        (dict(batch_size='abc', drop_last=True), "batch_size ('abc') must be a whole number"),
        (dict(batch_size=2.5), 'batch_size (2.5) must be a whole number'),
        (dict(batch_size=2.0), 'batch_size (2.0) must be written without a point: 2'),
        (dict(num_workers=-1), 'train_dataloader.num_workers (-1) must be a whole number from 0'),
        (
            dict(num_workers=0, persistent_workers=True),
            'set train_dataloader.persistent_workers=False, too',
        ),
    ],
)
def test_a_loader_that_torch_would_refuse_is_named(root, options, said):
    cfg = config(root)
    cfg.train_dataloader.update(options)
    assert said in errors(cfg)


def test_two_averages_of_the_weights_are_refused(root):
    cfg = config(root)
    cfg.custom_hooks = [dict(type='EMAHook'), dict(type='CheckFiniteHook')]
    assert errors(cfg) == ''
    cfg.custom_hooks.append(dict(type='mmengine.EMAHook', momentum=0.1))
    assert 'custom_hooks has 2 EMAHooks, which would exchange their averages' in errors(cfg)
    assert errors(cfg, 'test') == ''


@pytest.mark.parametrize('interval', [0, -1, 1.5, 'x'])
def test_validations_must_come(root, interval):
    cfg = config(root)
    cfg.train_cfg = dict(max_epochs=2, val_interval=interval)
    assert f'train_cfg.val_interval ({interval!r}) must be a whole number from 1' in errors(cfg)


def test_mean_oks_needs_annotated_boxes(root):
    cfg = config(root, boxes=True)
    cfg.test_evaluator = [cfg.test_evaluator, dict(type='MeanOKS')]
    assert 'say test_dataloader.dataset.bbox_file=None' in errors(cfg, 'test')
    cfg = config(root)
    cfg.test_evaluator = [cfg.test_evaluator, dict(type='MeanOKS')]
    assert errors(cfg, 'test') == ''


# --- what the metric needs


def test_area_is_needed_unless_it_is_taken_from_the_box(root):
    edit(root / 'people.json', lambda c: c['annotations'][-1].pop('area') and None)
    found = errors(config(root), 'val')
    assert 'annotation 13 has no area; the metric divides by it' in found
    assert 'width x height of its box, or say val_evaluator.use_area=False' in found
    assert errors(config(root, use_area=False), 'val') == errors(config(root), 'train') == ''


@pytest.mark.parametrize('area', [0, -3, float('nan')])
def test_area_must_be_one(root, area):
    edit(root / 'people.json', lambda c: c['annotations'][-1].update(area=area))
    assert 'annotation 13 has' in warnings(config(root), 'val')
    edit(root / 'people.json', lambda c: [p.update(area=area) for p in c['annotations']] and None)
    assert 'as have 2 others, and would never be found' in errors(config(root), 'val')
    assert check_data(config(root), ['train']) == []


def test_categories_are_needed(root):
    edit(root / 'people.json', lambda content: content.pop('categories') and None)
    assert 'add "categories": [{"id": 1, "name": "person"}]' in errors(config(root), 'val')
    assert check_data(config(root), ['train']) == []


def recategorise(root: Path, people: int, listed: int) -> None:
    def change(content):
        content['categories'][0]['id'] = listed
        for one in content['annotations']:
            one['category_id'] = people

    edit(root / 'people.json', change)


@pytest.mark.parametrize('kind', [0, 2])
def test_any_category_is_trained_and_tested_on_annotated_boxes(root, kind):
    recategorise(root, people=kind, listed=kind)
    assert check_data(config(root)) == []


@pytest.mark.parametrize('kind', [0, 2])
def test_with_detected_boxes_category_1_alone_is_compared(root, kind):
    recategorise(root, people=kind, listed=kind)
    found = errors(config(root, boxes=True), 'test')
    assert f'3 of 3 people are of category {kind} and count for nothing' in found
    assert 'where a bbox_file finds them, of category 1: write the same number in both' in found


def test_categories_that_are_not_listed_are_said(root):
    recategorise(root, people=1, listed=5)
    assert '3 of 3 people are of category 1 and count for nothing' in errors(config(root), 'val')
    recategorise(root, people=1, listed=1)
    edit(root / 'people.json', lambda c: c['annotations'][0].update(category_id=3))
    assert errors(config(root), 'val') == ''
    assert '1 of 3 people are of category 3' in warnings(config(root), 'val')
    several = (
        'people are of several categories (2 of 1, 1 of 3): MMPose loads whoever has keypoints'
    )
    assert several in warnings(config(root), 'train')


def test_crowdpose_needs_its_fields(root):
    def cut(content):
        for one in content['annotations']:
            one.update(keypoints=one['keypoints'][: 3 * 14])
            del one['area']

    edit(root / 'people.json', cut)
    crowd = dict(iou_type='keypoints_crowd', use_area=False)
    cfg = config(root, kind='CrowdPoseDataset', **crowd)
    cfg.model.head.out_channels = 14
    assert 'image 1 has no crowdIndex, as have 1 others' in errors(cfg, 'val')
    edit(root / 'people.json', lambda c: [i.update(crowdIndex=0.1) for i in c['images']] and None)
    cfg.default_hooks.checkpoint.save_best = 'coco/AP(H)'
    assert check_data(cfg) == []
    edit(root / 'people.json', lambda c: c['annotations'][1].pop('num_keypoints') and None)
    assert 'annotation 12 has no num_keypoints: ' in errors(cfg, 'val')


def test_another_number_of_keypoints_is_refused(root):
    cfg = config(root, boxes=True, kind='CrowdPoseDataset')
    sentence = (
        'annotation 11 has 17 keypoints, the data set expects 14: use the config for this data'
    )
    assert sentence in errors(cfg, 'train') and sentence in errors(cfg, 'test')


def test_the_metric_must_have_the_images_that_are_tested(root):
    edit(root / 'people.json', lambda c: c['images'].pop() and None)
    os.rename(root / 'people.json', root / 'other.json')
    content = json.loads((root / 'other.json').read_text())
    content['images'].append(dict(id=2, file_name='b.jpg', width=30, height=40))
    (root / 'people.json').write_text(json.dumps(content))
    cfg = config(root)
    cfg.val_evaluator.ann_file = str(root / 'other.json')
    assert f'val_evaluator.ann_file {root}/other.json lacks 1 images' in errors(cfg, 'val')
    cfg.val_evaluator.ann_file = str(root / 'gone.json')
    assert f'val_evaluator.ann_file not found: expected at {root}/gone.json' in errors(cfg, 'val')


@pytest.mark.parametrize(
    ('best', 'metric', 'said'),
    [
        ('coco/AP', {}, ''),
        ('auto', {}, ''),
        (None, {}, ''),
        (['coco/AP', 'coco/AR .5'], {}, ''),
        ('AP', {}, "save_best is 'AP', which val_evaluator does not give: choose from coco/AP"),
        ('crowdpose/AP', dict(prefix='crowdpose'), ''),
        ('coco/AP', dict(prefix='crowdpose'), 'choose from crowdpose/AP'),
        ('coco/AP(H)', {}, "save_best is 'coco/AP(H)'"),
        ('coco/AP_low', {}, "save_best is 'coco/AP_low'"),
        ('coco/AP_low', dict(type='CocoMetricWithInterval'), ''),
        ('coco/AP_low', dict(type='CocoMetricWithInterval', bootstrap=0), 'which val_evaluator'),
        ('PCK', dict(type='PCKAccuracy'), ''),
        ('coco/AP', dict(type='PCKAccuracy'), 'choose from PCK'),
        ('anything', dict(type='InterHandMetric'), ''),
    ],
)
def test_the_metric_of_the_best_is_looked_for(root, best, metric, said):
    cfg = config(root, **metric)
    cfg.default_hooks.checkpoint.save_best = best
    found = errors(cfg, 'train', 'val')
    assert said in found and bool(said) == bool(found)


# --- metainfo


def metainfo(**changes: Any) -> dict[str, Any]:
    points = {
        0: dict(name='nose', swap=''),
        1: dict(name='left_eye', swap='right_eye'),
        2: dict(name='right_eye', swap='left_eye'),
    }
    plain = dict(
        dataset_name='own', keypoint_info=points, joint_weights=[1.0] * 3, sigmas=[0.1] * 3,
        skeleton_info={0: dict(link=('nose', 'left_eye'))},
    )  # fmt: skip
    return {**plain, **changes}


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({}, ''),
        (dict(sigmas=[0.1] * 17), 'has 17 sigmas for 3 keypoints'),
        (dict(sigmas=[]), 'has 0 sigmas for 3 keypoints'),
        (dict(joint_weights=[1.0]), 'has 1 joint_weights for 3 keypoints'),
        (
            dict(keypoint_info={**metainfo()['keypoint_info'], 2: dict(name='right_eye', swap='')}),
            'swaps left_eye with right_eye, but right_eye with right_eye',
        ),
        (
            dict(keypoint_info={**metainfo()['keypoint_info'], 2: dict(name='r', swap='left_eye')}),
            'swaps left_eye with right_eye, which is no keypoint of it',
        ),
        (dict(skeleton_info={0: dict(link=('nose', 'ear'))}), 'links ear, no keypoints of it'),
    ],
)
def test_metainfo_is_looked_at(root, changes, sentence):
    edit(
        root / 'people.json',
        lambda c: [p.update(keypoints=[5, 5, 2] * 3) for p in c['annotations']] and None,
    )
    cfg = config(root)
    cfg.model.head.out_channels = 3
    for stage in ('train', 'val', 'test'):
        cfg[f'{stage}_dataloader'].dataset.metainfo = metainfo(**changes)
    found = errors(cfg)
    assert sentence in found and bool(sentence) == bool(found), found


def test_metainfo_must_be_whole_and_there(root):
    cfg = config(root)
    lacking = metainfo()
    del lacking['sigmas'], lacking['joint_weights']
    cfg.train_dataloader.dataset.metainfo = lacking
    assert 'has no joint_weights, sigmas, which MMPose needs' in errors(cfg, 'train')
    cfg.train_dataloader.dataset.metainfo = dict(from_file='nowhere/own.py')
    assert 'metainfo of train_dataloader.dataset: no file' in errors(cfg, 'train')


# --- two copies of one setting


def pipeline_step(cfg: Config, stage: str, number: int) -> dict:
    return cfg[f'{stage}_dataloader'].dataset.pipeline[number]


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_the_pipeline_must_have_the_size_of_the_codec(root, stage):
    cfg = config(root)
    pipeline_step(cfg, stage, 0)['input_size'] = (192, 256)
    sentence = (
        f'TopdownAffine in {stage}_dataloader.dataset.pipeline cuts people out at 192x256, but '
        'model.head.decoder has input_size 96x128 (width x height): say the same in both'
    )
    assert errors(cfg, stage) == sentence


@pytest.mark.parametrize(
    ('codec', 'sentence'),
    [
        (dict(CODEC, input_size=(24, 32)), 'has input_size 24x32, model.head.decoder has 96x128'),
        (
            dict(CODEC, heatmap_size=(48, 64)),
            'has heatmap_size 48x64, model.head.decoder has 24x32',
        ),
        (
            dict(type='RegressionLabel', input_size=(96, 128)),
            "has type 'RegressionLabel', model.head.decoder has 'MSRAHeatmap'",
        ),
    ],
)
def test_targets_must_be_made_as_the_head_reads_them(root, codec, sentence):
    cfg = config(root)
    pipeline_step(cfg, 'train', 1)['encoder'] = codec
    assert sentence in errors(cfg, 'train') and 'wrong targets' in errors(cfg, 'train')
    assert errors(cfg, 'val') == ''


def test_how_a_codec_reads_is_the_heads_own_matter(root):
    cfg = config(root)
    cfg.model.head.decoder.update(unbiased=True, blur_kernel_size=17, sigma=2)
    assert check_data(cfg) == []
    pipeline_step(cfg, 'train', 1)['encoder'] = [dict(CODEC, heatmap_size=(12, 16)), dict(CODEC)]
    assert check_data(cfg) == []  # of several levels, one is the head's


def test_an_option_for_the_codec_alone_is_noticed(root):
    cfg = config(root)
    cfg.codec = dict(CODEC)
    assert check_data(cfg) == []
    cfg.codec = dict(CODEC, input_size=(192, 256))
    assert 'codec has input_size 192x256, model.head.decoder has 96x128' in errors(cfg)


@pytest.mark.parametrize(
    ('option', 'said'),
    [
        (dict(sigma=9), 'codec has sigma 9, model.head.decoder has '),
        (
            dict(type='UDPHeatmap'),
            "codec has type 'UDPHeatmap', model.head.decoder has 'MSRAHeatmap'",
        ),
    ],
)
def test_an_option_for_the_codec_that_has_no_effect_is_said(root, option, said):
    cfg = config(root)
    cfg.codec = dict(CODEC, **option)
    (warning,) = check_data(cfg)
    assert said in warning.text and not warning.fatal
    pipeline_step(cfg, 'train', 1)['encoder'] = dict(cfg.codec)  # now it has one
    assert not any(said in finding.text for finding in check_data(cfg))


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (dict(model=5), 'model (5) must be a dict'),
        ({'model.head': [1]}, 'model.head ([1]) must be a dict'),
        (dict(train_dataloader=5), 'train_dataloader (5) must be a dict'),
        ({'train_dataloader.dataset': 'x'}, "train_dataloader.dataset ('x') must be a dict"),
        (dict(custom_hooks=5), 'custom_hooks (5) must be a list'),
        (dict(default_hooks=[1]), 'default_hooks ([1]) must be a dict'),
        (dict(val_evaluator='x'), "val_evaluator ('x') must be a dict or a list"),
        (dict(load_from=5), 'load_from (5) must be a text'),
        ({'default_hooks.checkpoint': [1]}, 'default_hooks.checkpoint ([1]) must be a dict'),
    ],
)
def test_parts_of_another_kind_are_refused(root, options, said):
    cfg = config(root)
    cfg.model.type = 'TopdownPoseEstimator'
    for name, value in options.items():
        place, _, last = name.rpartition('.')
        (cfg[place] if place and '.' not in place else cfg)[last] = value
    assert [finding.text for finding in check_data(cfg)] == [said]


def test_hooks_may_be_left_out(root):
    cfg = config(root)
    cfg.default_hooks = cfg.custom_hooks = None
    assert check_data(cfg) == []


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (
            {'randomness.seed': 'abc'},
            "randomness.seed ('abc') must be a whole number from 0 to 2**32",
        ),
        ({'randomness.seed': 2**40}, 'randomness.seed (1099511627776) must be a whole number'),
        ({'train_cfg.max_epochs': 0}, 'train_cfg.max_epochs (0) must be a whole number from 1 on'),
        (
            {'default_hooks.checkpoint.interval': 1.5},
            'default_hooks.checkpoint.interval (1.5) must be',
        ),
        ({'optim_wrapper.optimizer.type': 'AdmaW'}, "there is no 'AdmaW'; did you mean "),
        ({'default_hooks.checkpoint.out_dir': __file__}, 'is a file: name a folder'),
        (dict(custom_hooks=[dict(type='EMAHook', momentum=2)]), 'momentum of the EMAHook'),
        ({'train_dataloader.dataset.indices': 0}, 'dataset.indices (0) must be a number of people'),
        (
            {'train_dataloader.dataset.indices': []},
            'dataset.indices ([]) must be a number of people',
        ),
        (
            {'train_dataloader.dataset.pipeline': []},
            'train_dataloader.dataset.pipeline has no steps',
        ),
    ],
)
def test_numbers_that_no_training_can_have_are_refused(root, options, said):
    cfg = config(root)
    cfg.merge_from_dict(options)
    assert said in errors(cfg, 'train')


def test_in_a_distillation_the_advice_names_the_student(root):
    cfg = config(root)
    cfg.model = dict(type='TopdownDistiller', student=cfg.model, teacher='x')
    pipeline_step(cfg, 'train', 0)['input_size'] = (192, 256)
    assert 'but model.student.head.decoder has input_size 96x128' in errors(cfg, 'train')
    cfg.model.student = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
    found = errors(cfg, 'train')
    assert 'model.student (td-hm_sdpose-n_2xb16-16e_synthpose-128x96) model.head.decoder' in found


@pytest.mark.parametrize('name', ['out_channels', 'num_joints', 'num_keypoints'])
def test_head_and_data_must_have_the_same_keypoints(root, name):
    cfg = config(root)
    del cfg.model.head['out_channels']
    cfg.model.head[name] = 14
    said = f'model.head.{name} is 14, but people of the training data have 17 keypoints'
    assert said in errors(cfg, 'train')
    converter = dict(type='KeypointConverter', num_keypoints=14, mapping=[])
    cfg.train_dataloader.dataset.pipeline.insert(0, converter)
    assert errors(cfg, 'train') == ''
    said = f'model.head.{name} is 14, but people of the test data have 17 keypoints'
    assert said in errors(cfg, 'test')
    cfg.test_evaluator.pred_converter = converter
    assert errors(cfg, 'test') == ''


def test_a_test_may_pick_some_of_the_keypoints(root):
    """As MMPose's configs for COCO and AIC have it, whose heads predict 19."""
    cfg = config(root)
    cfg.model.head.out_channels = 19
    cfg.model.test_cfg = dict(output_keypoint_indices=list(range(17)))
    assert errors(cfg, 'val') == ''
    cfg.model.test_cfg = dict(output_keypoint_indices=list(range(16)))
    assert 'model.head.out_channels is 16, but people of the validation data have 17' in errors(
        cfg, 'val'
    )


@pytest.mark.parametrize('kind', ['CocoMetric', 'CocoMetricWithInterval', 'MeanOKS'])
def test_converted_people_are_compared_with_converted_people(root, kind):
    cfg = config(root)
    cfg.test_dataloader.dataset = mixture(root).train_dataloader.dataset.datasets[1]
    cfg.test_evaluator = dict(type='PCKAccuracy')
    assert errors(cfg, 'test') == ''
    cfg.test_evaluator = dict(type=kind, ann_file=str(root / 'crowd.json'))
    assert errors(cfg, 'test') == (
        f'{kind} in test_evaluator compares with the annotations as they are written, and their 14 '
        'keypoints are converted to 17: take PCKAccuracy, which compares with the converted ones'
    )


# --- the rest


def test_weights_to_start_from_are_looked_at(root):
    cfg = config(root)
    for path, said in (('nowhere.pth', 'load_from: no checkpoint at nowhere.pth'), (None, '')):
        cfg.load_from = path
        assert errors(cfg) == said
    torch.save(dict(a=torch.tensor([float('nan')])), root / 'nan.pth')
    cfg.load_from = str(root / 'nan.pth')
    assert 'nan.pth has weights that no model can use (1), a: 1 of 1 values' in errors(cfg)
    cfg.load_from = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
    assert errors(cfg) == ''
    cfg.load_from = 'mmpose_sdpose://sdpose-x.pth'
    said = 'load_from: no weights mmpose_sdpose://sdpose-x.pth: the package has '
    assert errors(cfg).startswith(said)


def test_only_what_runs_is_looked_at(root):
    cfg = config(root)
    cfg.train_dataloader.dataset.ann_file = 'gone.json'
    assert errors(cfg, 'test') == ''
    cfg.val_dataloader = cfg.val_evaluator = None
    assert 'gone.json' in errors(cfg, 'train', 'val')


def test_data_sets_within_data_sets_are_looked_at(root):
    cfg = config(root)
    inner = cfg.train_dataloader.dataset
    gone = dict(inner, ann_file='gone.json')
    cfg.train_dataloader.dataset = dict(
        type='CombinedDataset',
        metainfo=COCO,
        datasets=[dict(type='RepeatDataset', dataset=inner), gone],
    )
    found = errors(cfg, 'train')
    assert (
        found
        == f'annotation file not found: expected at {root}/gone.json; the data comes from {SOURCE}'
    )


#: CrowdPose's shoulders to ankles are COCO's, in the same order.
LIMBS = [(index, index + 5) for index in range(12)]


def mixture(root: Path, converter: dict | None = None, **changes: Any) -> Config:
    """COCO's people, and CrowdPose's made into such."""
    cfg = config(root)
    edit(
        root / 'people.json', lambda c: [image.update(crowdIndex=0) for image in c['images']] and c
    )
    content = json.loads((root / 'people.json').read_text())
    for one in content['annotations']:
        one['keypoints'] = one['keypoints'][: 3 * 14]
    (root / 'crowd.json').write_text(json.dumps(content))
    whole = cfg.train_dataloader.dataset
    part = {key: whole[key] for key in ('type', 'data_root', 'ann_file', 'data_prefix')}
    crowd = dict(part, type='CrowdPoseDataset', ann_file='crowd.json')
    converts = dict(type='KeypointConverter', num_keypoints=17, mapping=LIMBS)
    crowd['pipeline'] = [{**converts, **(converter or {})}]
    mixed = dict(
        type='CombinedDataset', metainfo=COCO, datasets=[part, crowd], pipeline=whole.pipeline
    )
    cfg.train_dataloader.dataset = {**mixed, **changes}
    return cfg


def test_a_mixture_of_different_keypoints_is_looked_at(root):
    init_default_scope('mmpose')
    cfg = mixture(root, sample_ratio_factor=[1.0, 0.5])
    assert check_data(cfg, ['train']) == []
    assert len(DATASETS.build(dict(cfg.train_dataloader.dataset, pipeline=[]))) == 3 + 2
    cfg.model.head.out_channels = 14
    assert 'out_channels is 14, but people of the training data have 17 keypoints' in errors(cfg)
    del cfg.train_dataloader.dataset.datasets[1].pipeline
    cfg.model.head.out_channels = 17
    found = errors(cfg, 'train')
    assert 'people of the training data have 14, 17 keypoints' not in found
    place = 'train_dataloader.dataset'
    assert (
        f'{place}.datasets.1 has people of 14 keypoints, left_shoulder, right_shoulder, left_elbow and '
        f'11 more, where {place} has 17, nose, left_eye, right_eye and 14 more: convert them'
    ) in found


@pytest.mark.parametrize(
    ('converter', 'said'),
    [
        (dict(num_keypoints=16), 'makes 16 keypoints, train_dataloader.dataset has 17'),
        (
            dict(mapping=[(14, 5)]),
            'maps 14 to 5, but there are keypoints 0 to 13 to take and 0 to 16 to make',
        ),
        (dict(mapping=[(0, 17)]), 'maps 0 to 17, but there are keypoints 0 to 13'),
        (dict(mapping=[((0, -1), 5)]), 'maps (0, -1) to 5, but there are'),
        (
            dict(mapping=[(0, 6), (1, 5)]),
            'makes right_shoulder (6) of left_shoulder (0), though there is a left_shoulder (5) to make',
        ),
        (
            dict(mapping=[(12, 0), ((0, 1), 6)]),
            '',
        ),  # what has no namesake there may become anything
    ],
)
def test_a_conversion_of_the_wrong_keypoints_is_named(root, converter, said):
    place = 'KeypointConverter in train_dataloader.dataset.datasets.1.pipeline'
    found = errors(mixture(root, converter), 'train')
    assert found.startswith(f'{place} {said}' if said else '') and bool(found) == bool(said), found


@pytest.mark.parametrize(
    ('shares', 'said'),
    [
        ([1.0], 'sample_ratio_factor ([1.0]) must have a number for each of the 2 data sets'),
        (2.0, 'sample_ratio_factor (2.0) must have a number for each'),
        (
            [1.0, -1],
            '-1 must be a number above 0, 10,000 at most; leave a data set out that nobody',
        ),
        ([1.0, 0], '0 must be a number above 0'),
        ([1.0, 'x'], "'x' must be a number above 0"),
        ([1.0, 1e12], '1000000000000.0 must be a number above 0, 10,000 at most'),
    ],
)
def test_shares_must_be_numbers_for_all(root, shares, said):
    cfg = mixture(root)
    cfg.train_dataloader.dataset.sample_ratio_factor = shares
    assert said in errors(cfg, 'train')


def test_a_mixture_needs_metainfo(root):
    cfg = mixture(root)
    del cfg.train_dataloader.dataset.metainfo
    assert 'train_dataloader.dataset has no metainfo, which a CombinedDataset' in errors(
        cfg, 'train'
    )


def test_a_share_of_less_than_one_person_is_said(root):
    cfg = mixture(root, sample_ratio_factor=[1.0, 0.1])
    assert errors(cfg, 'train') == ''
    assert warnings(cfg, 'train') == (
        'nobody of train_dataloader.dataset.datasets.1 is seen: its share of 3 people is 0.1, less than '
        'one'
    )


def test_a_mixture_that_fills_no_batch_is_named(root):
    cfg = mixture(root, sample_ratio_factor=[1.0, 2.0])
    cfg.train_dataloader.update(batch_size=9, drop_last=True)
    assert errors(cfg, 'train') == ''
    cfg.train_dataloader.dataset.datasets[1].indices = 1
    said = 'and its 5 people do not fill one of 9: nothing would be done'
    assert said in errors(cfg, 'train')


@pytest.mark.parametrize('share', [float('nan'), float('inf'), 'x'])
def test_a_share_that_is_no_number_is_named(root, share):
    cfg = mixture(root, sample_ratio_factor=[share, 1.0])
    assert f'{share!r} must be a number above 0' in errors(cfg, 'train')


def test_data_sets_with_files_of_their_own_kind_are_left_alone(root):
    (root / 'people.json').write_text('[]')
    cfg = config(root, kind='MpiiDataset')
    cfg.model.head.out_channels = 16
    assert errors(cfg, 'train') == ''


def test_a_file_is_read_once_until_it_changes(root, monkeypatch):
    from mmpose_sdpose.datasets.checks import annotations

    read = []
    load = annotations.load_json
    monkeypatch.setattr(annotations, 'load_json', lambda path: read.append(path) or load(path))
    for _ in range(2):
        assert check_data(config(root)) == []
    assert read == [f'{root}/people.json']
    edit(root / 'people.json', lambda c: c['annotations'].append(person(11)))
    assert 'more than once' in errors(config(root))
    assert len(read) == 2


def test_our_configs_agree_with_themselves():
    for path in model_configs():
        found = check_data(Config.fromfile(path))
        others = [str(one) for one in found if ' not found: expected at ' not in one.text]
        assert not others, (path.name, others)


def test_the_real_samples_are_good(photos):
    cfg = Config.fromfile(Path(__file__).parents[1] / 'configs/sdpose-t_coco-mini.py')
    assert check_data(cfg) == []
    cfg = Config.fromfile(Path(__file__).parents[1] / 'configs/sdpose-t_crowdpose-sample.py')
    assert check_data(cfg) == []
    assert find_config('td-hm_sdpose-t_8xb64-300e_coco-256x192')
