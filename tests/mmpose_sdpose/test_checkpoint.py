from __future__ import annotations

from collections import OrderedDict

from mmpose_sdpose.checkpoint import (
    judge,
    list_unusable,
    load_weights,
    read_checkpoint,
    read_state_dict,
    weights_in,
    write_checkpoint,
)

import pytest
import torch
from torch import nn

from .small_models import build, resnet_heatmap_model, token_heatmap_model, token_regression_model


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match='which is a folder: name a file in it'):
        read_checkpoint(tmp_path)


def test_state_dict_is_found_bare_or_wrapped(tmp_path):
    weights = nn.Linear(2, 2).state_dict()
    wrapped = {f'module.{key}': value for key, value in weights.items()}
    for name, content in dict(bare=weights, under=dict(state_dict=wrapped)).items():
        torch.save(content, tmp_path / name)
        torch.testing.assert_close(read_state_dict(tmp_path / name), dict(weights))
    torch.save(dict(epoch=3), tmp_path / 'none')
    with pytest.raises(ValueError, match='no weights'):
        read_state_dict(tmp_path / 'none')


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    write_checkpoint(dict(a=1), path)
    with pytest.raises(FileExistsError, match='a.pth'):
        write_checkpoint(dict(a=2), path)

    def full_disk(content, file):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', full_disk)
    with pytest.raises(OSError, match='No space left'):
        write_checkpoint(dict(a=3), path, overwrite=True)
    monkeypatch.undo()
    assert read_checkpoint(path) == dict(a=1)
    assert [file.name for file in tmp_path.iterdir()] == ['a.pth']


def changed(model: nn.Module, name: str, value) -> dict:
    state_dict = OrderedDict(model.state_dict())
    state_dict[name] = value
    return state_dict


def test_a_state_dict_fits_its_model():
    model = build(token_heatmap_model())
    fit = judge(model.state_dict(), model)
    assert fit and not fit.misfits and fit.total == len(model.state_dict())


@pytest.mark.parametrize(
    ('value', 'why'),
    [
        ('text', 'str instead of a tensor'),
        (None, 'NoneType instead of a tensor'),
        ([0.0] * 4, 'list instead of a tensor'),
        (torch.zeros(2, 2).to_sparse(), 'a sparse or quantised tensor'),
        (torch.quantize_per_tensor(torch.ones(2, 2), 1.0, 0, torch.quint8), 'quantised'),
        (torch.zeros(2, 2, device='meta'), r'without values \(meta device\)'),
        (torch.zeros(2, 2, dtype=torch.int64), r'integer \(torch.int64\), the model has floating'),
        (torch.zeros(2, 2, dtype=torch.complex64), r'complex \(torch.complex64\)'),
        (torch.tensor([[0.0, float('nan')], [0.0, 0.0]]), '1 of 4 values are NaN or infinite'),
        (torch.full((2, 2), float('inf')), '4 of 4 values'),
        (torch.full((2, 2), 1e300, dtype=torch.float64), '4 of 4 values'),  # not in float32
    ],
)
def test_what_no_model_can_use_is_named(value, why, tmp_path):
    model = nn.Linear(2, 2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    found = changed(model, 'weight', value)
    fit = judge(found, model)
    assert not fit and not fit.misfits
    torch.save(dict(state_dict=found), tmp_path / 'bad.pth')
    with pytest.raises(
        ValueError, match=rf'bad.pth has weights that no model can use \(1\), weight: .*{why}'
    ):
        load_weights(model, str(tmp_path / 'bad.pth'))
    torch.testing.assert_close(dict(model.state_dict()), before)


def test_other_precisions_can_be_used():
    model = nn.Linear(2, 2)
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn):
        found = {name: value.to(dtype) for name, value in model.state_dict().items()}
        assert judge(found, model) and not list_unusable(found)


def test_another_model_is_described():
    fit = judge(nn.Linear(3, 2, bias=False).state_dict(), nn.Linear(2, 2))
    assert fit.missing == ['bias']
    assert fit.mismatched == ['weight: (2, 3) in the checkpoint, (2, 2) in the model']
    assert fit.complaint('x.pth').startswith(
        'the checkpoint x.pth is of another model than the config: 2 of 2 weights do not fit, '
        'bias: not in the checkpoint; weight: (2, 3) in the checkpoint, (2, 2) in the model. Use'
    )


def test_a_deeper_model_is_another_one():
    deep, shallow = build(token_heatmap_model(depth=5)), build(token_heatmap_model(depth=4))
    fit = judge(deep.state_dict(), shallow)
    assert fit.foreign and all('head.mct.encoder.layers.4' in name for name in fit.foreign)
    assert not judge(shallow.state_dict(), deep)
    beside = changed(shallow, 'distillation_losses.scores.weight', torch.zeros(1))
    assert judge(beside, shallow)


def test_names_of_mmpose_0_are_understood(tmp_path):
    """There the head was keypoint_head, and its final_layer had the layers before it too."""
    config = resnet_heatmap_model(conv_out_channels=(8,), conv_kernel_sizes=(1,))
    model = build(config)
    old = {
        name.replace('head.final_layer.', 'keypoint_head.final_layer.3.').replace(
            'head.conv_layers.', 'keypoint_head.final_layer.'
        ): value
        for name, value in model.state_dict().items()
    }
    assert not set(old) & {name for name in model.state_dict() if name.startswith('head.')}
    assert judge(old, model)
    torch.save(dict(state_dict={f'module.{name}': old[name] for name in old}), tmp_path / 'old.pth')
    fresh = build(config, seed=1)
    load_weights(fresh, str(tmp_path / 'old.pth'))
    torch.testing.assert_close(dict(fresh.state_dict()), dict(model.state_dict()))


def test_the_version_that_wrote_a_file_is_kept(tmp_path):
    model = build(resnet_heatmap_model())
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'new.pth')
    found = read_state_dict(tmp_path / 'new.pth')
    assert found._metadata[''] == dict(version=2)


def test_what_only_training_uses_may_be_missing_or_left_over():
    model = build(token_regression_model(score_loss=dict(type='LocalizationScoreLoss')))
    model.head.loss_module.register_buffer('sigma', torch.ones(3))
    state_dict = dict(model.state_dict())
    plain = {name: value for name, value in state_dict.items() if name != 'head.loss_module.sigma'}
    assert judge(plain, model)
    assert judge(plain, model, training=True).missing == ['head.loss_module.sigma']
    assert judge({**plain, 'head.score_loss.flow': torch.zeros(2)}, model)
    other_shape = {**plain, 'head.loss_module.sigma': torch.ones(5)}
    assert judge(other_shape, model)


def test_left_overs_of_training_are_not_loaded(tmp_path):
    model = build(token_regression_model())
    model.head.loss_module.register_buffer('sigma', torch.ones(3))
    found = changed(model, 'head.loss_module.sigma', torch.full((5,), 7.0))
    torch.save(found, tmp_path / 'a.pth')
    load_weights(model, str(tmp_path / 'a.pth'))
    torch.testing.assert_close(model.head.loss_module.sigma, torch.ones(3))


def test_averaged_weights_count_where_there_are_both():
    model = nn.Linear(2, 2)
    averaged = {f'module.{name}': value + 1 for name, value in model.state_dict().items()}
    checkpoint = dict(state_dict=model.state_dict(), ema_state_dict=averaged)
    torch.testing.assert_close(dict(weights_in(checkpoint, 'x')), dict(model.state_dict()))
    assert judge(weights_in({**averaged, 'steps': torch.tensor(3)}, 'x'), model)


@pytest.mark.parametrize('share', [0.02, 0.1, 0.3, 0.6, 0.95])
@pytest.mark.parametrize('old_format', [True, False])
def test_files_cut_short_are_said_wherever_they_end(tmp_path, share, old_format):
    whole, cut = tmp_path / 'whole.pth', tmp_path / 'cut.pth'
    weights = dict(state_dict={f'layer{n}.weight': torch.ones(n, 3) for n in range(1, 20)})
    torch.save(weights, whole, _use_new_zipfile_serialization=not old_format)
    content = whole.read_bytes()
    for length in {int(share * len(content)), int(share * len(content)) + 1, 51}:
        cut.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r'cut.pth is truncated or no checkpoint \(.+\)'):
            read_checkpoint(cut)
