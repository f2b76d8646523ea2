"""OKS as COCO's own evaluation computes it, and what is made of it."""

from __future__ import annotations

from mmpose_sdpose.evaluation import MeanOKS

import numpy as np
import pytest
from mmpose.registry import METRICS

from .cocos import SIGMAS, annotation, dataset, evaluated, result

META = dict(sigmas=SIGMAS, keypoint_id2name={0: 'nose', 1: 'hand', 2: 'foot'})


def person(image: int, shift: float, area: float = 5000.0, seen=(2, 1, 2)) -> dict:
    """A sample whose prediction is off by ``shift`` pixels to the right at every joint."""
    true = np.array([[10, 20, seen[0]], [30, 5, seen[1]], [44, 80, seen[2]]], float)
    found = true[:, :2] + [shift, 0]
    return dict(
        img_id=image,
        raw_ann_info=dict(keypoints=true.ravel().tolist(), area=area),
        pred_instances=dict(keypoints=found[None]),
    )


def evaluate(people: list[dict], **options) -> dict[str, float]:
    metric = METRICS.build(dict(type='MeanOKS', **options))
    metric.dataset_meta = META
    metric.process(None, people)
    return metric.evaluate(size=len(people))


def cocos_oks(people: list[dict]) -> list[float]:
    """The OKS of each person with its own prediction by xtcocotools, a photo a person."""
    images, annotations, results = [], [], []
    for number, one in enumerate(people, start=1):
        true = np.array(one['raw_ann_info']['keypoints']).reshape(-1, 3)
        images.append(dict(id=number))
        annotations.append(annotation(number, number, true, one['raw_ann_info']['area']))
        results.append(result(number, one['pred_instances']['keypoints'][0]))
    evaluation = evaluated(dataset(images, annotations), results)
    return [float(evaluation.ious[number, 1][0, 0]) for number in range(1, len(people) + 1)]


def test_it_is_cocos_oks():
    people = [
        person(1, 0.0),
        person(2, 3.0),
        person(3, 7.0, area=900.0),
        person(4, 5.0, seen=(0, 2, 1)),
    ]
    found = evaluate(people, bootstrap=0)
    expected = cocos_oks(people)
    assert found['oks/OKS'] == pytest.approx(np.mean(expected), abs=1e-9)
    assert found['oks/OKS>0.5'] == np.mean(np.array(expected) > 0.5)
    assert 'oks/OKS_low' not in found


def test_groups_and_joints():
    people = [person(1, 0.0, area=2000.0), person(1, 4.0, area=20000.0, seen=(0, 0, 2))]
    found = evaluate(people)
    alone = np.exp(-16 / (8 * 0.1**2 * 20000.0))
    assert found['oks/OKS(medium)'] == pytest.approx(1)
    assert found['oks/OKS(large)'] == pytest.approx(alone)
    assert found['oks/OKS(few joints)'] == pytest.approx((1 + alone) / 2)
    assert 'oks/OKS(most joints)' not in found
    assert found['oks/OKS[nose]'] == pytest.approx(1), 'of the one who has it labelled'
    assert found['oks/OKS[foot]'] == pytest.approx((1 + alone) / 2)


def test_the_interval_is_over_photos():
    """Two photos, of one perfect person and of nine hopeless ones: draws are one of three means."""
    people = [person(1, 0.0), *(person(2, 1e4) for _ in range(9))]
    found = evaluate(people, level=0.4)
    assert found['oks/OKS'] == pytest.approx(0.1)
    assert found['oks/OKS_low'] == pytest.approx(0.1)  # both photos in half of the draws
    assert found['oks/OKS_high'] == pytest.approx(0.1)
    wide = evaluate(people, level=0.9)
    assert (wide['oks/OKS_low'], wide['oks/OKS_high']) == (pytest.approx(0), pytest.approx(1))


def test_who_cannot_be_compared_is_left_out_or_said():
    people = [person(1, 0.0), person(2, 0.0, area=0.0), person(3, 0.0, seen=(0, 0, 0))]
    assert evaluate(people)['oks/people'] == 1
    with pytest.raises(ValueError, match='nobody with an area'):
        evaluate(people[1:])
    detected = person(1, 0.0)
    detected['raw_ann_info'] = None
    with pytest.raises(ValueError, match='bbox_file=None'):
        evaluate([detected])


def test_a_prediction_that_is_no_number_is_nowhere_near():
    good, lost = person(1, 0.0), person(1, 0.0)
    lost['pred_instances']['keypoints'][0, 1] = [np.nan, 5.0]
    found = evaluate([lost])
    assert found['oks/OKS'] == pytest.approx(2 / 3 * evaluate([good])['oks/OKS'])
    broken = person(7, 0.0)
    broken['raw_ann_info'] |= dict(id=12, keypoints=[float('nan'), 1, 2] * 3)
    with pytest.raises(
        ValueError, match='annotation 12 of image 7 has keypoints that are no numbers'
    ):
        evaluate([broken])


@pytest.mark.parametrize(
    'options',
    [dict(bootstrap=-1), dict(bootstrap=10.5), dict(level=1.0), dict(level=0), dict(seed='x')],
)
def test_options_are_checked(options):
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        MeanOKS(**options)
