from __future__ import annotations

from mmpose_sdpose.configs import read_config

import pytest
from mmengine.config import Config

from projects.studies.recipe import set_length, with_recipe

from .studies import DISTILLED_N, RECIPE, SDPOSE_N

CSPNEXT = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/'
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


def test_a_preprocessor_of_the_recipe_is_for_all_and_makes_each_models_targets(recipe):
    augmenting = Config(recipe.to_dict())
    augmenting.data_preprocessor = dict(type='Augment', codec=None, bgr_to_rgb=1)
    for name in (RTMPOSE, DISTILLED_N):
        model = read_config(name)
        config = with_recipe(model, augmenting)
        model, taught = (one.model.get('student', one.model) for one in (model, config))
        assert 'data_preprocessor' not in config, 'MMEngine would give it to a distiller, too'
        assert taught.data_preprocessor == dict(
            type='Augment',
            mean=model.data_preprocessor.mean,
            std=model.data_preprocessor.std,
            bgr_to_rgb=1,
            codec=config.codec,
        )


def test_heatmaps_of_all_are_the_recipes_where_it_says_so(recipe):
    same = Config(dict(recipe.to_dict(), same_heatmaps=True))
    for name in (SDPOSE_N, f'{CSPNEXT}cspnext-tiny_udp_8xb256-210e_coco-256x192.py'):
        config = with_recipe(read_config(name), same)
        assert config.codec == config.model.head.decoder == recipe.codec
        assert encoders(config) == [recipe.codec]
    distilled = with_recipe(read_config(DISTILLED_N), same)
    assert distilled.codec.type == distilled.model.student.head.decoder.type == 'RegressionLabel'
    assert distilled.model.teacher.head.decoder == recipe.codec
    assert with_recipe(read_config(RTMPOSE), same).codec.type == 'SimCCLabel'
    same.codec.heatmap_size = (8, 12)
    with pytest.raises(
        ValueError, match=r'of \(16, 24\) cells cannot be those of the recipe, \(8, 12\)'
    ):
        with_recipe(read_config(SDPOSE_N), same)


def schedule() -> Config:
    by_step = dict(type='LinearLR', begin=0, end=500, by_epoch=False)
    cosine = dict(type='CosineAnnealingLR', begin=0, end=8, T_max=8, eta_min=1e-5)
    steps = dict(type='MultiStepLR', begin=0, end=8, milestones=[4, 6])
    cfg = dict(max_epochs=8, val_interval=2)
    return Config(dict(train_cfg=cfg, param_scheduler=[by_step, cosine, steps]))


def test_the_schedule_follows_the_length():
    config = schedule()
    set_length(config, 8)
    assert config.to_dict() == schedule().to_dict()
    set_length(config, 12)
    assert config.train_cfg == dict(max_epochs=12, val_interval=3)
    assert config.param_scheduler == [
        dict(type='LinearLR', begin=0, end=500, by_epoch=False),
        dict(type='CosineAnnealingLR', begin=0, end=12, T_max=12, eta_min=1e-5),
        dict(type='MultiStepLR', begin=0, end=12, milestones=[6, 9]),
    ]


@pytest.mark.parametrize('epochs', [0.5, 2.5, 0])
def test_part_of_an_epoch_is_refused(epochs):
    with pytest.raises(ValueError, match=f'^{epochs:g} epochs: choose --epochs'):
        set_length(schedule(), epochs)
