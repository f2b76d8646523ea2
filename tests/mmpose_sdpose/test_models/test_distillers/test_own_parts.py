"""What a researcher adds from files of their own, by ``custom_imports`` alone."""

from __future__ import annotations

import copy
from pathlib import Path

from mmpose_sdpose.configs import configs_dir
from mmpose_sdpose.models.distillers import Lacking, register_adapter, register_quantity

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmpose.models.heads import RegressionHead
from mmpose.registry import MODELS

from ...small_models import packed_batch
from .pairs import SIZE, batch_for, build, model_config

HERE = __name__.rpartition('.')[0]
CONFIG = f"""
custom_imports = dict(imports=[
    'mmpose_sdpose', '{HERE}.own_head', '{HERE}.own_quantity', '{HERE}.own_loss'])
default_scope = 'mmpose'
"""


@pytest.fixture
def imported(tmp_path) -> Config:
    path = tmp_path / 'config.py'
    path.write_text(CONFIG)
    return Config.fromfile(path)


def test_a_head_a_quantity_and_a_loss_join_from_outside(imported):
    student = model_config('RegressionHead', type='BoxHead')
    model = build(
        dict(
            type='TopdownDistiller',
            student=student,
            teacher=model_config('RTMCCHead'),
            losses=dict(bones=dict(type='BoneDirectionLoss', step=2, loss_weight=0.5)),
            allow_untrained=True,
        )
    ).train()
    batch = batch_for(model)
    value = model.loss(**copy.deepcopy(batch))['loss_distill_bones']
    points = model.head(model.extract_feat(batch['inputs'])) / 10
    with torch.no_grad():
        logits = model.teacher.head(model.teacher.extract_feat(batch['inputs']))
    told = torch.stack([axis.argmax(-1) / axis.shape[-1] for axis in logits], dim=-1)
    cosine = F.cosine_similarity(points[:, 2:] - points[:, :-2], told[:, 2:] - told[:, :-2], dim=-1)
    torch.testing.assert_close(value, 0.5 * (1 - cosine).mean())
    value.backward()
    assert model.head.fc.weight.grad.any()
    model.eval()
    with torch.no_grad():
        points = model.head(model.extract_feat(batch['inputs'])) / 10
        predicted = model.predict(**batch)
    for sample, expected in zip(predicted, points):
        meta = sample.metainfo
        pixels = expected.numpy() * SIZE / meta['input_size'] * meta['input_scale']
        pixels += meta['input_center'] - 0.5 * np.asarray(meta['input_scale'])
        found = sample.pred_instances.keypoints[0]
        np.testing.assert_allclose(found, pixels, rtol=1e-5, atol=1e-3)


def test_the_config_of_the_three_trains_a_step(tmp_path):
    text = Path(__file__).with_name('own_config.py').read_text()
    text = text.replace("'configs/", f"'{configs_dir()}/").replace("'own_", f"'{HERE}.own_")
    (tmp_path / 'own_config.py').write_text(text)
    model = build(Config.fromfile(tmp_path / 'own_config.py').model.to_dict()).train()
    batch = packed_batch(2, size=(96, 128))
    losses = model.loss(**model.data_preprocessor(batch, training=True))
    losses['loss_distill_bones'].backward()
    assert losses['loss_kpt'] > 0
    assert model.backbone.conv1.weight.grad.any()


def distil(student: dict, **losses) -> None:
    build(
        dict(
            type='TopdownDistiller',
            student=student,
            teacher=model_config('RegressionHead'),
            losses=losses,
            allow_untrained=True,
        )
    )


@MODELS.register_module()
class OddHead(RegressionHead):
    """Its adapter says what it does not give."""


@pytest.mark.parametrize(
    'given, message',
    [
        (
            lambda output: dict(coordinates=output[:, :3]),
            r"student's coordinates is \[\(3, 3, 2\)\], but should be B K 2 with B=3 images and K=17 "
            'keypoints: mend the adapter of OddHead',
        ),
        (lambda output: dict(coordinates=(output, output)), 'coordinates is .* should be B K 2'),
        (
            lambda output: dict(coordinate=output),
            "no quantity 'coordinate'; did you mean coordinates",
        ),
        (lambda output: output, 'OddHead.* gives a Tensor instead of a dict of quantities'),
    ],
)
def test_an_adapter_that_gives_something_else_is_named(given, message):
    register_adapter(OddHead)(lambda head, output: given(output))
    student = model_config('RegressionHead', type='OddHead')
    with pytest.raises(ValueError, match=message):
        distil(student, coordinates=dict(type='SmoothL1Loss', use_target_weight=True))


def test_a_head_that_does_not_run_once_is_named():
    register_adapter(OddHead, method='decode')(lambda head, output: dict(coordinates=output))
    model = model_config('RegressionHead', type='OddHead')
    register_adapter(OddHead)(lambda head, output: dict(coordinates=output))
    distiller = build(
        dict(
            type='TopdownDistiller',
            student=model,
            teacher=model_config('RegressionHead'),
            losses=dict(coordinates=dict(type='SmoothL1Loss')),
            allow_untrained=True,
        )
    )
    register_adapter(OddHead, method='decode')(lambda head, output: dict(coordinates=output))
    with pytest.raises(RuntimeError, match='student called OddHead.decode 0 times'):
        distiller.loss(**batch_for(distiller))


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="a quantity 'coordinates' already"):
        register_quantity('coordinates')(lambda side: side['heatmaps'])


def test_a_quantity_that_a_side_lacks_is_named_with_what_it_gives():
    @register_quantity('depths', 'B K')
    def depths(side):
        raise Lacking

    with pytest.raises(ValueError, match='needs depths of the student.* gives: coordinates, feat'):
        distil(model_config('RegressionHead'), depths=dict(type='SmoothL1Loss'))
