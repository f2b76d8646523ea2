from __future__ import annotations

from mmpose_sdpose.configs import read_config

import pytest
from mmengine.config import Config

from projects.studies.recipe import with_recipe

from .studies import DISTILLED_N, RECIPE, SDPOSE_N

RTMPOSE = 'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'


@pytest.fixture(scope='module')
def recipe() -> Config:
    return read_config(RECIPE)


def encoders(config: Config) -> list[dict]:
    return [
        transform.encoder
        for transform in config.train_dataloader.dataset.pipeline
        if transform.type == 'GenerateTarget'
    ]


def test_our_model_at_another_size(recipe):
    config = with_recipe(read_config(SDPOSE_N), recipe)
    head = config.model.head
    assert head.in_featuremap_size == (4, 6)
    assert head.decoder.input_size == (64, 96)
    assert head.decoder.heatmap_size == (16, 24)
    assert head.decoder.sigma == pytest.approx(1.5 * (64 * 96 / (96 * 128)) ** 0.5)
    assert config.codec == head.decoder
    assert encoders(config) == [head.decoder]


def test_a_peer_of_mmpose(recipe):
    config = with_recipe(read_config(RTMPOSE), recipe)
    head = config.model.head
    assert head.type == 'RTMCCHead'
    assert head.input_size == head.decoder.input_size == (64, 96)
    assert head.in_featuremap_size == (2, 3)
    assert head.decoder.sigma == pytest.approx((4.9 * 64 / 192, 5.66 * 96 / 256))
    assert encoders(config) == [head.decoder]
    assert 'init_cfg' not in config.model.backbone, 'all start from what the study says'
    for key in ('train_cfg', 'optim_wrapper', 'param_scheduler', 'val_evaluator'):
        assert config[key] == recipe[key]
    data = config.train_dataloader.dataset
    assert data.ann_file == recipe.train_dataloader.dataset.ann_file
    kinds = [transform.type for transform in data.pipeline]
    assert kinds == [transform.type for transform in recipe.train_dataloader.dataset.pipeline]


def test_the_teacher_of_a_distillation_has_the_size_too(recipe):
    config = with_recipe(read_config(DISTILLED_N), recipe)
    assert config.model.student.head.in_featuremap_size == (4, 6)
    assert config.model.teacher.head.in_featuremap_size == (4, 6)
    assert config.model.teacher.head.decoder.heatmap_size == (16, 24)
    assert encoders(config)[0].type == 'RegressionLabel'


def test_a_size_that_leaves_part_of_a_cell(recipe):
    odd = Config(recipe.to_dict())
    odd.codec.input_size = (60, 96)
    with pytest.raises(ValueError, match=r'becomes \(3.75, 6.0\) at \(60, 96\)'):
        with_recipe(read_config(SDPOSE_N), odd)


def test_the_recipe_is_left_as_it_was(recipe):
    before = recipe.to_dict()
    with_recipe(read_config(RTMPOSE), recipe)
    assert recipe.to_dict() == before
