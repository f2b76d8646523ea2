"""AP of a draw is what COCO's evaluation gives of those photos; the interval is that of the draws."""

from __future__ import annotations

import json

from mmpose_sdpose.evaluation import CocoMetricWithInterval
from mmpose_sdpose.evaluation.coco_metric_with_interval import MatchedPhotos

import numpy as np
import pytest
from mmpose.registry import METRICS
from xtcocotools.cocoeval import COCOeval

from .cocos import SIGMAS, annotation, dataset, evaluated, result

META = dict(sigmas=SIGMAS, num_keypoints=3, dataset_name='three')
#: Of each photo: how far each of its people is missed, in pixels, and with what score.
PHOTOS = [
    [(1.0, 0.9), (6.0, 0.8)],
    [(3.0, 0.7)],
    [(60.0, 0.95), (2.0, 0.3), (9.0, 0.5)],
    [],
    [(4.0, 0.8)],
]
CROWDED = [0.1, 0.5, 0.9, 0.0, 0.3]


def people_of(photos: list[list[tuple[float, float]]], crowded: list[float]) -> tuple[dict, list]:
    """A file of COCO's format, and what was found."""
    images = [
        dict(id=number, width=400, height=300, crowdIndex=crowded[number - 1])
        for number in range(1, len(photos) + 1)
    ]
    annotations, found = [], []
    for image, photo in zip(images, photos):
        for place, (shift, score) in enumerate(photo):
            true = np.array([[10, 20], [30, 5], [44, 80]], float) + [90 * place, 0]
            number, seen = len(annotations) + 1, np.c_[true, [2, 1, 2]]
            area, left = 4000.0 + 9000 * place, 90 * place
            annotations.append(annotation(number, image['id'], seen, area, left))
            found.append(result(image['id'], true + [shift, 0], score))
    return dataset(images, annotations), found


def cocos_ap(evaluation: COCOeval) -> float:
    evaluation.accumulate()
    return float(evaluation.eval['precision'][:, :, 0, 0, -1].mean())  # of all sizes


@pytest.mark.parametrize('kind', ['keypoints', 'keypoints_crowd'])
def test_each_photo_once_is_cocos_ap(kind):
    evaluation = evaluated(*people_of(PHOTOS, CROWDED), kind)
    photos = MatchedPhotos(evaluation)
    ap = photos.ap(np.ones(len(photos), int))
    assert ap == pytest.approx(cocos_ap(evaluation), abs=1e-9)
    assert 0.1 < ap < 0.9


@pytest.mark.parametrize('times', [[2, 0, 1, 1], [0, 3, 2, 0], [1, 1, 5, 4], [0, 0, 0, 2]])
def test_a_draw_is_cocos_ap_of_these_photos(times):
    photos = MatchedPhotos(evaluated(*people_of(PHOTOS, CROWDED)))
    drawn = [
        photo
        for photo, count in zip([photo for photo in PHOTOS if photo], times)
        for _ in range(count)
    ]
    expected = cocos_ap(evaluated(*people_of(drawn, [0.0] * len(drawn))))
    assert len(photos) == 4  # nobody is on the other, and nobody was found there
    assert photos.ap(np.array(times)) == pytest.approx(expected, abs=1e-9)


def test_nobody_and_nothing_found_are_no_error():
    found = [[(2.0, 0.5)], [(3.0, 0.6)]]
    people, predictions = people_of(found, [0.0, 0.0])
    people['annotations'] = people['annotations'][:1]
    photos = MatchedPhotos(evaluated(people, predictions))
    assert photos.ap(np.array([0, 2])) == 0.0  # people are on the first photo alone
    assert photos.ap(np.array([1, 0])) > photos.ap(np.array([1, 1])) > 0


def build(path, **options) -> CocoMetricWithInterval:
    metric = METRICS.build(dict(type='CocoMetricWithInterval', ann_file=str(path), **options))
    metric.dataset_meta = META
    return metric


def evaluate(folder, **options) -> dict[str, float]:
    people, found = people_of(PHOTOS, CROWDED)
    path = folder / 'people.json'
    path.write_text(json.dumps(people))
    metric = build(path, score_mode='bbox', **options)
    for truth, person in zip(people['annotations'], found):
        keypoints = np.array(person['keypoints']).reshape(1, 3, 3)
        predicted = dict(
            keypoints=keypoints[..., :2],
            keypoint_scores=keypoints[..., 2],
            bbox_scores=np.array([person['score']]),
        )
        sample = dict(
            id=truth['id'],
            img_id=truth['image_id'],
            category_id=1,
            pred_instances=predicted,
            gt_instances=dict(bbox_scores=np.array([person['score']])),
        )
        metric.process([], [sample])
    return metric.evaluate(size=len(found))


def test_ap_lies_within_its_interval(tmp_path):
    found = evaluate(tmp_path)
    assert found['coco/AP_low'] < found['coco/AP'] < found['coco/AP_high']
    expected = cocos_ap(evaluated(*people_of(PHOTOS, CROWDED)))
    assert found['coco/AP'] == pytest.approx(expected, abs=1e-9)
    wider = evaluate(tmp_path, level=0.99)
    assert wider['coco/AP_low'] <= found['coco/AP_low']
    assert wider['coco/AP_high'] >= found['coco/AP_high']
    assert evaluate(tmp_path) == found  # the draws have a seed


def test_of_several_categories_it_is_the_mean_of_each():
    """As AP-10K's animals; in a draw without anybody of one, of the others."""
    people, found = people_of(PHOTOS, CROWDED)
    people['categories'].append(dict(id=2, name='dog'))
    for one in [*people['annotations'], *found]:
        one['category_id'] = 1 + one['image_id'] % 2
    evaluation = evaluated(people, found)
    evaluation.accumulate()
    each = evaluation.eval['precision'][:, :, :, 0, -1].mean(axis=(0, 1))
    photos = MatchedPhotos(evaluation)
    assert len(each) == 2 and abs(each[0] - each[1]) > 0.1
    assert photos.ap(np.ones(len(photos), int)) == pytest.approx(each.mean(), abs=1e-9)
    of_first = np.array([0, 1, 0, 0])  # the second photo's person is of category 1
    alone = evaluated(*people_of([PHOTOS[1]], [0.0]))
    assert photos.ap(of_first) == pytest.approx(cocos_ap(alone), abs=1e-9)
    assert photos.ap(np.zeros(len(photos), int)) == 0.0


def test_without_draws_it_is_cocometric(tmp_path):
    assert {'coco/AP', 'coco/AR'} < set(evaluate(tmp_path, bootstrap=0))
    assert 'coco/AP_low' not in evaluate(tmp_path, bootstrap=0)


@pytest.mark.parametrize(
    'options',
    [
        dict(bootstrap=-1), dict(bootstrap=1e4), dict(bootstrap='50'), dict(bootstrap=True),
        dict(bootstrap=10**10), dict(level=0.0), dict(level=1.5), dict(level=None), dict(seed=-1),
        dict(seed=1.5), dict(seed=None),
    ],
)  # fmt: skip
def test_numbers_that_make_no_interval_are_refused(tmp_path, options):
    (tmp_path / 'people.json').write_text(json.dumps(people_of(PHOTOS, CROWDED)[0]))
    with pytest.raises((TypeError, ValueError), match=rf'{[*options][0]} \('):
        build(tmp_path / 'people.json', **options)
