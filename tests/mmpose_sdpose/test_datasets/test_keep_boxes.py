"""People without keypoints, whom MMPose drops."""

from __future__ import annotations

import json
import pickle

from mmpose_sdpose.datasets.checks import check_data

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

CODEC = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)
PIPELINE = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=CODEC['input_size']),
    dict(type='GenerateTarget', encoder=CODEC),
    dict(type='PackPoseInputs'),
]
JOINTS = [10, 12, 2] * 17


@pytest.fixture
def settings(tmp_path) -> dict:
    """One labelled person; three without keypoints, said in three ways; a crowd; a box of no area."""
    init_default_scope('mmpose')
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.full((40, 30, 3), 99, np.uint8))
    plain = dict(image_id=1, category_id=1, bbox=[2, 2, 20, 30], area=300, iscrowd=0)
    people = [
        dict(plain, id=1, keypoints=JOINTS, num_keypoints=17),
        dict(plain, id=2),
        dict(plain, id=3, keypoints=[0] * 51, num_keypoints=0),
        dict(plain, id=4, keypoints=[]),
        dict(plain, id=5, iscrowd=1),
        dict(plain, id=6, bbox=[2, 2, 0, 30]),
    ]
    content = dict(
        images=[dict(id=1, file_name='a.jpg', width=30, height=40)],
        annotations=people,
        categories=[dict(id=1, name='person')],
    )
    (tmp_path / 'people.json').write_text(json.dumps(content))
    return dict(
        type='CocoDataset',
        data_root=str(tmp_path),
        ann_file='people.json',
        data_mode='topdown',
        pipeline=PIPELINE,
    )


def ids(dataset) -> list[int]:
    return [dataset.get_data_info(index)['id'] for index in range(len(dataset))]


def test_boxes_without_keypoints_are_kept_and_weigh_nothing(settings):
    kept = DATASETS.build(dict(type='KeepBoxes', dataset=settings))
    assert ids(DATASETS.build(settings)) == [1]
    assert ids(kept) == [1, 2, 3, 4]
    np.random.seed(0)
    for index in range(1, 4):
        sample = kept[index]
        assert sample['inputs'].shape == (3, 64, 48)
        assert not sample['data_samples'].gt_instance_labels.keypoint_weights.any()
        assert not sample['data_samples'].gt_fields.heatmaps.any()
    assert type(kept) is type(DATASETS.build(settings))
    assert ids(pickle.loads(pickle.dumps(kept))) == [1, 2, 3, 4]


def test_other_data_sets_are_refused(settings):
    combined = dict(type='CombinedDataset', metainfo={}, datasets=[settings], pipeline=[])
    with pytest.raises(ValueError, match='CombinedDataset is none: put it around each'):
        DATASETS.build(dict(type='KeepBoxes', dataset=combined))


def test_a_run_on_unlabelled_people_alone_is_not_called_a_mistake(settings, tmp_path):
    path = tmp_path / 'people.json'
    content = json.loads(path.read_text())
    content['annotations'] = content['annotations'][1:3]
    path.write_text(json.dumps(content))

    def findings(dataset: dict) -> list[str]:
        cfg = Config(dict(train_dataloader=dict(dataset=dataset, batch_size=1)))
        return [finding.text for finding in check_data(cfg) if finding.fatal]

    assert any('holds no person' in text for text in findings(settings))
    assert findings(dict(type='KeepBoxes', dataset=settings)) == []
