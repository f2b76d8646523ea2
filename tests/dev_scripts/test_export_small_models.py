"""Which files the table of small models is made of."""

from __future__ import annotations

import sys
from pathlib import Path

from mmpose_sdpose.checkpoint import load_weights
from mmpose_sdpose.configs import build_model

import export_small_models
import pytest


@pytest.fixture
def calls(monkeypatch) -> list[list[str]]:
    """Arguments of each export, which does nothing else."""
    found: list[list[str]] = []
    monkeypatch.setattr(export_small_models.export_onnx, 'main', lambda args: found.append(args))
    return found


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, 'argv', ['export_small_models', *arguments])
    return export_small_models.main()


def test_packaged_weights_also_in_eight_bits(calls, monkeypatch, tmp_path):
    monkeypatch.setattr(export_small_models, 'random_weights', lambda config, path: 'random')
    assert run(monkeypatch, str(tmp_path / 'out'), '--int8', 'photos') == 0
    names = {Path(call[2]).name: call for call in calls}
    assert len(names) == len(calls) == len(export_small_models.MODELS) + 2
    for name in ('sdpose-n', 'ladpose-n'):
        checkpoint = f'mmpose_sdpose://{name}_photos-256x192.pth'
        assert names[f'{name}.onnx'][1] == names[f'{name}-int8.onnx'][1] == checkpoint
        assert names[f'{name}-int8.onnx'][3:] == ['--force', '--int8', 'photos']
    assert names['rtmpose-t.onnx'][1:2] == ['random']


def test_any_config_with_random_weights(calls, monkeypatch, tmp_path):
    monkeypatch.setattr(export_small_models, 'random_weights', lambda config, path: 'random')
    more = ('--configs', 'td-hm_a', 'td-hm_b', '--int8', 'photos')
    assert run(monkeypatch, str(tmp_path / 'out'), *more) == 0
    assert [(call[0], Path(call[2]).name, call[3:]) for call in calls] == [
        ('td-hm_a', 'td-hm_a.onnx', ['--force']),
        ('td-hm_a', 'td-hm_a-int8.onnx', ['--force', '--int8', 'photos']),
        ('td-hm_b', 'td-hm_b.onnx', ['--force']),
        ('td-hm_b', 'td-hm_b-int8.onnx', ['--force', '--int8', 'photos']),
    ]


def test_ladpose_n_with_other_backbones(monkeypatch, tmp_path):
    sizes = {}

    def export(args: list[str]) -> int:
        config, checkpoint, path = args[:3]
        model = build_model(config)
        load_weights(model, checkpoint)
        sizes[Path(path).stem] = (
            type(model.backbone).__name__,
            sum(weight.numel() for weight in model.backbone.parameters()),
        )
        return 0

    monkeypatch.setattr(export_small_models.export_onnx, 'main', export)
    assert run(monkeypatch, str(tmp_path / 'out'), '--backbones') == 0
    backbones = {name: backbone for name, (backbone, _) in sizes.items()}
    assert backbones == {
        'ladpose-n': 'ThinCAUNet',
        'ladpose-n-no-gate': 'ThinCAUNet',
        'ladpose-n-thin-resnet': 'ThinResNet',
        'ladpose-n-stride-4': 'CAUNet',
    }
    assert sizes['ladpose-n-no-gate'][1] < sizes['ladpose-n'][1]


def test_an_export_that_fails_ends_it(monkeypatch, tmp_path):
    monkeypatch.setattr(export_small_models.export_onnx, 'main', lambda args: 2)
    assert run(monkeypatch, str(tmp_path / 'out')) == 2
