"""Models of ours and of MMPose become files; what does not fit together is said."""

from __future__ import annotations

from mmpose_sdpose.export import export as exporting
from mmpose_sdpose.export.export import Request, export, load_weights, read_model
from mmpose_sdpose.export.graph import ExportNotPossible, OnnxSession

import numpy as np
import pytest
import torch
from mmengine.config import Config

from ..small_models import build, resnet_heatmap_model, token_heatmap_model, token_regression_model
from .families import ALL_FAMILIES, family, images

SIZE = (24, 32)


def config_of(model: dict, *steps: dict, size: tuple[int, int] = SIZE, **affine) -> Config:
    """A config as MMPose's: a model, and how people of COCO are cut out."""
    crop = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale', padding=1.4),
        dict(type='TopdownAffine', input_size=size, **affine),
    ]
    pipeline = [*(steps or crop), dict(type='PackPoseInputs')]
    dataset = dict(type='CocoDataset', pipeline=pipeline)
    return Config(dict(model=model, test_dataloader=dict(dataset=dataset)))


@pytest.fixture
def written(tmp_path):
    """A function that writes a config and a checkpoint, and gives both paths."""

    def write(config: Config, model: torch.nn.Module) -> tuple[str, str]:
        config.dump(tmp_path / 'td-hm_tiny.py')
        torch.save(dict(state_dict=model.state_dict()), tmp_path / 'tiny.pth')
        return str(tmp_path / 'td-hm_tiny.py'), str(tmp_path / 'tiny.pth')

    return write


@pytest.mark.parametrize('name', ['udp heatmaps', 'rtmpose', 'regression'])
def test_models_of_mmpose_are_exported(name, written):
    pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')
    use_udp = 'udp' in name
    paths = written(config_of(ALL_FAMILIES[name](), use_udp=use_udp), family(name))
    exported = export(Request(*paths, flip_test=not use_udp, batch=None))
    entry = exported.entry
    assert (entry['config'], entry['input_size']) == ('td-hm_tiny', [24, 32])
    assert (entry['use_udp'], entry['flip_test'], entry['padding']) == (use_udp, not use_udp, 1.4)
    assert exported.raw_difference < 1e-5 and exported.decoding_difference < 1e-3
    assert np.median(exported.pixel_differences) < 1e-3
    session = OnnxSession(exported.graph)
    assert session.names == ['keypoints', 'scores'] and session.batch is None
    batch = images(3, exported.model).numpy()
    found = session(image=batch)
    assert found['keypoints'].shape == (3, 17, 2) and found['scores'].shape == (3, 17)
    alone = [session(image=image[None])['keypoints'] for image in batch]
    np.testing.assert_allclose(np.concatenate(alone), found['keypoints'], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    'config, message',
    [
        (
            config_of(resnet_heatmap_model(), size=(48, 64)),
            r'input_size=\(24, 32\), but TopdownAffine in the test pipeline crops to \(48, 64\)',
        ),
        (
            config_of(resnet_heatmap_model(), dict(type='BottomupResize', input_size=SIZE)),
            'no TopdownAffine, .* it has BottomupResize, PackPoseInputs',
        ),
        (
            config_of(resnet_heatmap_model(out_channels=14)),
            'the head predicts 14 keypoints, but the data that the config tests on has 17',
        ),
    ],
)
def test_a_config_that_does_not_fit_together_is_refused(config, message, written):
    paths = written(config, build(config.model))
    with pytest.raises(ExportNotPossible, match=message):
        export(Request(*paths))


def test_a_model_of_another_kind_is_refused(written):
    model = dict(resnet_heatmap_model(), type='BottomupPoseEstimator')
    paths = written(config_of(model), torch.nn.Linear(1, 1))
    with pytest.raises(ExportNotPossible, match='a BottomupPoseEstimator, no TopdownPoseEstimator'):
        read_model(*paths)


def saved(path, model, **extra):
    torch.save(dict(state_dict=dict(model.state_dict(), **extra)), path)
    return str(path)


def test_weights_are_the_checkpoints(tmp_path):
    trained = build(token_heatmap_model(depth=2), seed=1)
    distiller = {'distillation_losses.scores.weight': torch.zeros(1)}
    model = build(token_heatmap_model(depth=2))
    load_weights(model, saved(tmp_path / 'a.pth', trained, **distiller))
    torch.testing.assert_close(dict(model.state_dict()), dict(trained.state_dict()))


def test_the_model_read_is_in_evaluation_mode(monkeypatch, tmp_path):
    trained = build(token_heatmap_model(depth=2))
    monkeypatch.setattr(exporting, 'build_model', lambda config: trained.train())
    assert not read_model('config', saved(tmp_path / 'a.pth', trained)).training


@pytest.mark.parametrize(
    'other, misfit',
    [
        (lambda: token_heatmap_model(depth=3), r'encoder\.layers\.2\.\S+: not in the model'),
        (lambda: token_heatmap_model(depth=1), r'encoder\.layers\.1\.\S+: not in the checkpoint'),
        (lambda: token_heatmap_model(depth=2, embed_dims=16), 'in the checkpoint, .* in the model'),
        (lambda: token_regression_model(depth=2), r'head\.mlp\.1\.weight: \(5, 32\) in the checkp'),
    ],
)
def test_another_models_checkpoint_is_refused(other, misfit, tmp_path):
    path = saved(tmp_path / 'other.pth', build(other()))
    with pytest.raises(ValueError, match=f'is of another model than the config: .*{misfit}'):
        load_weights(build(token_heatmap_model(depth=2)), path)
