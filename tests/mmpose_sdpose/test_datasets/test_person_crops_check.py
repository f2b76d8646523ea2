"""PackPersonCrop and DeviceAugmentation: what does not fit together is said before a run."""

from __future__ import annotations

from typing import Any

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.datasets.checks import check_data
from mmpose_sdpose.datasets.checks.parts import student_of
from mmpose_sdpose.datasets.checks.person_crops import check_person_crops

import pytest
from mmengine.config import Config

CROPS = 'td-hm_sdpose-n_1xb256-60e_photos-256x192'
OTHERS = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
CROP = dict(type='PackPersonCrop')
CODEC = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)


def said(config: Config) -> list[str]:
    loaders = {stage: config[f'{stage}_dataloader'] for stage in ('train', 'val', 'test')}
    return [finding.text for finding in check_person_crops(*student_of(config.model), loaders)]


@pytest.mark.parametrize(
    'name', [CROPS, 'td-reg_ladpose-n_distill-sdpose-n_1xb256-60e_photos-256x192', OTHERS]
)
def test_what_the_package_ships_fits(name):
    assert said(read_config(name)) == []


def test_without_collate_fn_batches_are_lists_which_it_takes():
    config = read_config(CROPS)
    config.train_dataloader.pop('collate_fn')
    assert said(config) == []


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        (
            CROPS,
            {'model.data_preprocessor.type': 'PoseDataPreprocessor'},
            'train_dataloader.dataset.pipeline has PackPersonCrop, whose pictures only a',
        ),
        (
            CROPS,
            {'val_dataloader.dataset.pipeline': [CROP]},
            'val_dataloader.dataset.pipeline has PackPersonCrop, which is for training: no metric',
        ),
        (
            CROPS,
            {'train_dataloader.dataset.pipeline': [CROP, dict(type='RandomFlip')]},
            'has RandomFlip behind PackPersonCrop, which packs: it must be the last',
        ),
        (
            CROPS,
            {'train_dataloader.dataset.pipeline': [dict(type='PackPoseInputs')]},
            'model.data_preprocessor is a DeviceAugmentation, which lets the batches of train',
        ),
        (
            OTHERS,
            {'test_dataloader.collate_fn': dict(type='default_collate')},
            'test_dataloader.collate_fn is default_collate, which cannot join data samples',
        ),
        (
            CROPS,
            {'model.data_preprocessor.codec': dict(CODEC, heatmap_size=(24, 32))},
            'model.data_preprocessor.codec has heatmap_size 24x32, model.head.decoder has 48x64',
        ),
        (
            CROPS,
            {
                'model.data_preprocessor.codec': dict(
                    _delete_=True, type='RegressionLabel', input_size=(192, 256)
                )
            },
            "model.data_preprocessor.codec has type 'RegressionLabel'",
        ),
        (
            CROPS,
            {'model.data_preprocessor.metainfo.from_file': 'configs/_base_/datasets/crowdpose.py'},
            'metainfo has 14 keypoints, left_shoulder, right_shoulder, left_elbow and 11 more, and',
        ),
    ],
)
def test_what_does_not_fit_is_said(name: str, options: dict[str, Any], message: str):
    config = read_config(name)
    config.merge_from_dict(options)
    (text, *more) = said(config)
    assert message in text, text
    assert all('default_collate' in text for text in more), more


def test_they_are_among_what_is_checked():
    config = read_config(CROPS)
    config.model.data_preprocessor.type = 'PoseDataPreprocessor'
    texts = [finding.text for finding in check_data(config)]
    assert any('whose pictures only a DeviceAugmentation' in text for text in texts)
