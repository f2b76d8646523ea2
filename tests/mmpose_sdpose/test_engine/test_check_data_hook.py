from __future__ import annotations

import json
import logging
from types import SimpleNamespace

from mmpose_sdpose.datasets.checks import DataError
from mmpose_sdpose.engine import CheckDataHook

import numpy as np
import pytest
from mmengine.runner import BaseLoop
from mmpose.evaluation import CocoMetric

from ..test_datasets.test_check_data import config, edit, person, root  # noqa: F401  root is a fixture


class Loop(BaseLoop):
    def __init__(self):
        pass

    def run(self):
        raise NotImplementedError


def runner(cfg, **loops) -> SimpleNamespace:
    built = {
        f'_{stage}_loop': Loop() if stage in loops else dict() for stage in ('train', 'val', 'test')
    }
    return SimpleNamespace(cfg=cfg, logger=logging.getLogger('check_data'), **built)


def test_a_run_through_mmposes_own_script_is_looked_at(root, caplog):  # noqa: F811
    cfg = config(root)
    CheckDataHook().before_run(runner(cfg, train=True, val=True))
    edit(root / 'people.json', lambda c: c['annotations'][-1].update(image_id=99))
    CheckDataHook().before_run(runner(cfg, train=True, val=True))
    assert 'annotation 13 is on image 99' in caplog.text
    edit(root / 'people.json', lambda c: [p.pop('area') for p in c['annotations']] and None)
    CheckDataHook().before_run(runner(cfg, train=True))
    for stage in ('val', 'test'):
        with pytest.raises(DataError, match='annotation 11 has no area'):
            CheckDataHook().before_run(runner(cfg, **{stage: True}))


@pytest.mark.parametrize('field', ['bbox', 'keypoints'])
@pytest.mark.parametrize('stage', ['val', 'test'])
def test_the_metric_passes_over_whom_it_cannot_compare(root, field, stage, caplog):  # noqa: F811
    edit(root / 'people.json', lambda c: c['annotations'][1].pop(field) and None)
    metric = CocoMetric(ann_file=str(root / 'people.json'))
    other = CocoMetric()
    evaluator = SimpleNamespace(metrics=[metric, other, object()])
    run = SimpleNamespace(
        logger=logging.getLogger('check_data'), **{f'{stage}_evaluator': evaluator}
    )
    for _ in range(2):
        getattr(CheckDataHook(), f'before_{stage}')(run)
    assert caplog.text.count('the metric passes over 1 people without bbox or keypoints') == 1
    assert sorted(metric.coco.anns) == [11, 13]
    assert [one['id'] for one in metric.coco.dataset['annotations']] == [11, 13]
    assert [one['id'] for one in metric.coco.imgToAnns[1]] == [11]
    # What evaluates them goes through, and finds those who are predicted as they are annotated.
    metric.dataset_meta = dict(dataset_name='coco', sigmas=np.full(17, 0.1))
    predictions = [dict(person(i, image=j), score=1.0) for i, j in ((11, 1), (13, 2))]
    (root / 'out.keypoints.json').write_text(json.dumps(predictions))
    assert dict(metric._do_python_keypoint_eval(str(root / 'out')))['AP'] == pytest.approx(1)
