"""Checkpoints are read into the model they belong to, and into no other."""

from __future__ import annotations

from mmpose_sdpose.export import model as deployed

import pytest
import torch

from ..small_models import build, token_heatmap_model, token_regression_model


@pytest.fixture
def built(monkeypatch):
    """Two layers, whatever the config is called."""
    monkeypatch.setattr(deployed, 'build_model', lambda config: build(token_heatmap_model(depth=2)))


def saved(path, model, **extra):
    torch.save(dict(state_dict=dict(model.state_dict(), **extra)), path)
    return str(path)


def test_weights_are_the_checkpoints(built, tmp_path):
    trained = build(token_heatmap_model(depth=2), seed=1)
    distiller = {'distillation_losses.scores.weight': torch.zeros(1)}
    loaded = deployed.load_model('config', saved(tmp_path / 'a.pth', trained, **distiller))
    torch.testing.assert_close(dict(loaded.state_dict()), dict(trained.state_dict()))
    assert not loaded.training


@pytest.mark.parametrize(
    'other, misfit',
    [
        (lambda: token_heatmap_model(depth=3), r'encoder\.layers\.2\.\S+: not in the model'),
        (lambda: token_heatmap_model(depth=1), r'encoder\.layers\.1\.\S+: not in the checkpoint'),
        (lambda: token_heatmap_model(depth=2, embed_dims=16), 'in the checkpoint, .* in the model'),
        (lambda: token_regression_model(depth=2), r'head\.mlp\.1\.weight: \(5, 32\) in the checkp'),
    ],
)
def test_another_models_checkpoint_is_refused(other, misfit, built, tmp_path):
    path = saved(tmp_path / 'other.pth', build(other()))
    with pytest.raises(
        ValueError, match=f'other.pth is of another model than the config: .*{misfit}'
    ):
        deployed.load_model('config', path)
