"""LSPET, SynthPose and COCO mixed: every joint under its own name, none where there is no label."""

from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.configs import build_model, read_config, read_metainfo
from mmpose_sdpose.datasets.checks import check_data
from mmpose_sdpose.datasets.lspet import crowdpose_names

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, METRICS

CONFIG = 'td-hm_sdpose-n_1xb32-16e_mixture-128x96'
PEOPLE = dict(lspet=4, synthpose=6, coco=3)


def write(root: Path, count: int, names: list[str], folders: dict[str, str]) -> None:
    """People whose joints lie where :func:`place` says."""
    points = np.array([[*place(name), 2] for name in names]).flatten().tolist()
    for folder, file in folders.items():
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / 'a.jpg'), np.zeros((90, 90, 3), np.uint8))
        people = [
            dict(
                id=number, image_id=1, category_id=1, bbox=[5, 5, 80, 80], area=6400, iscrowd=0,
                keypoints=points, num_keypoints=len(names),
            )
            for number in range(1, count + 1)
        ]  # fmt: skip
        image = dict(id=1, file_name='a.jpg', width=90, height=90, crowdIndex=0)
        content = dict(images=[image], annotations=people, categories=[dict(id=1, name='person')])
        path = root / 'annotations' / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


def place(name: str) -> tuple[int, int]:
    """Of the joint of that name, in every data set."""
    numbers = np.random.default_rng(sum(map(ord, name)))
    return tuple(numbers.integers(10, 80, 2).tolist())


@pytest.fixture
def config(tmp_path, monkeypatch) -> Config:
    for name in PEOPLE:
        monkeypatch.setenv(f'{name.upper()}_ROOT', str(tmp_path / name))
    config = read_config(CONFIG)
    coco = [read_metainfo(config)['keypoint_id2name'][index] for index in range(17)]
    sets = dict(
        lspet=(crowdpose_names(), {'images': 'lspet_train.json'}),
        synthpose=(coco, {'train': 'person_keypoints_train.json'}),
        coco=(
            coco,
            {
                'train2017': 'person_keypoints_train2017.json',
                'val2017': 'person_keypoints_val2017.json',
            },
        ),
    )
    for name, (names, folders) in sets.items():
        write(tmp_path / name, PEOPLE[name], names, folders)
    init_default_scope('mmpose')
    return config


def test_nothing_is_said_of_it_and_the_shares_count(config):
    assert check_data(config) == []
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert dataset.lens == [4, 3, 3]


def test_each_joint_is_where_its_name_is_and_the_others_weigh_nothing(config):
    whole = config.train_dataloader.dataset
    whole.pipeline = []
    dataset = DATASETS.build(whole)
    names = [dataset.metainfo['keypoint_id2name'][index] for index in range(17)]
    for index, labelled in ((0, set(crowdpose_names())), (4, set(names)), (9, set(names))):
        person = dataset[index]
        visible = person['keypoints_visible'].reshape(17, -1)[:, 0]
        assert [name for name, seen in zip(names, visible) if seen] == [
            name for name in names if name in labelled
        ]
        for name, point, seen in zip(names, person['keypoints'][0], visible):
            if seen:
                assert tuple(point) == place(name), name
        assert [names[mirror] for mirror in person['flip_indices']] == [mirrored(n) for n in names]


def mirrored(name: str) -> str:
    side, _, joint = name.partition('_')
    return {'left': f'right_{joint}', 'right': f'left_{joint}'}.get(side, name)


def test_people_of_all_are_learned_from_in_one_batch(config):
    dataset = DATASETS.build(config.train_dataloader.dataset)
    model = build_model(config)
    batch = model.data_preprocessor(pseudo_collate([dataset[i] for i in (0, 4, 9)]), training=True)
    losses = model(**batch, mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_people_of_14_joints_test_a_model_of_17(tmp_path, monkeypatch):
    """The 12 joints that both have, under COCO's names and mirrored as COCO's; the others count for
    nothing."""
    monkeypatch.setenv('LSPET_ROOT', str(tmp_path))
    write(tmp_path, 2, crowdpose_names(), {'images': 'lspet_test.json'})
    config = read_config('td-hm_sdpose-n_limbs_1xb256-60e_photos-256x192')
    assert [finding.text for finding in check_data(config, ['test'])] == []
    dataset = DATASETS.build(config.test_dataloader.dataset)
    names = [dataset.metainfo['keypoint_id2name'][index] for index in range(17)]
    sample = dataset[1]['data_samples']
    shared = np.array([name in crowdpose_names() for name in names])
    assert shared.sum() == 12
    truth = sample.gt_instances
    # A KeypointConverter writes two columns: visible, and weighted.
    np.testing.assert_array_equal(truth.keypoints_visible.reshape(17, -1)[:, 0] > 0, shared)
    expected = np.array([place(name) for name in names], float)
    np.testing.assert_allclose(truth.keypoints[0][shared], expected[shared])
    assert sample.metainfo['flip_indices'] == dataset.metainfo['flip_indices']
    poses = np.where(shared[None, :, None], expected, -1e4)
    prediction = dict(
        pred_instances=dict(keypoints=poses),
        gt_instances=dict(
            keypoints=truth.keypoints,
            keypoints_visible=truth.keypoints_visible,
            bboxes=truth.bboxes,
        ),
    )
    for settings in config.test_evaluator:
        metric = METRICS.build(settings)
        metric.dataset_meta = dataset.metainfo
        metric.process({}, [prediction])
        assert metric.evaluate(1) == {f'{settings.prefix}/PCK': 1.0}
