from __future__ import annotations

import sys

from mmpose_sdpose.checkpoint import read_checkpoint
from mmpose_sdpose.tools import convert_checkpoint, publish_checkpoint

import pytest
import torch

from ..official_models import CONFIGS, official_model
from ..reference import official_keys, rule_state_dict


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, 'argv', ['convert_checkpoint', *map(str, arguments)])
    return convert_checkpoint.main()


def with_position(name: str) -> dict[str, torch.Tensor]:
    """The official state dict with its fixed position table, as a real checkpoint has it."""
    state_dict = rule_state_dict(name)
    (position,) = {key for key, _ in official_keys()[name]} - set(state_dict)
    mct = official_model(name).head.mct
    state_dict[position] = mct.position[:, mct.num_keypoints :].clone()
    return state_dict


def with_keypoints(name: str, count: int) -> dict[str, torch.Tensor]:
    """The same of fewer keypoints: only the tokens know how many there are."""
    return {
        key: value[:, :count].clone() if key.endswith('.keypoint_token') else value
        for key, value in with_position(name).items()
    }


@pytest.mark.parametrize(
    'name, wrap',
    [
        ('sdpose_t', lambda state: state),
        ('sdpose_s_v2', lambda state: dict(state_dict=state, meta=dict(epoch=300))),
        ('tokenpose_s', lambda state: {f'module.{key}': value for key, value in state.items()}),
        ('tokenpose_t', lambda state: state),
        ('teacher_stemnet', lambda state: state),
        ('distilpose_s', lambda state: dict(state_dict=state)),
    ],
)
def test_the_config_is_found_and_the_weights_are_equal(name, wrap, tmp_path, monkeypatch, capsys):
    source, target = tmp_path / 'official.pth', tmp_path / 'ours.pth'
    torch.save(wrap(with_position(name)), source)
    assert run(monkeypatch, source, target) == 0
    assert CONFIGS[name] in capsys.readouterr().out
    converted = read_checkpoint(target)['state_dict']
    torch.testing.assert_close(converted, dict(official_model(name).state_dict()))


def test_the_config_of_the_big_teacher_is_found(monkeypatch):
    """Without its files of 280 MB."""
    official = with_position('teacher_hr48')
    monkeypatch.setattr(convert_checkpoint, 'read_state_dict', lambda path: official)
    config, converted = convert_checkpoint.convert('official.pth', config=None)
    assert config.stem == CONFIGS['teacher_hr48']
    torch.testing.assert_close(converted, dict(official_model('teacher_hr48').state_dict()))


def test_weights_of_distilpose_also_fit_the_config_that_distills_it(tmp_path, monkeypatch):
    source, target = tmp_path / 'official.pth', tmp_path / 'ours.pth'
    torch.save(with_position('distilpose_s'), source)
    config = 'td-reg_distilpose-s_distill-hrnet-w48_8xb32-300e_coco-256x192'
    assert run(monkeypatch, source, target, '--config', config) == 0
    converted = read_checkpoint(target)['state_dict']
    torch.testing.assert_close(converted, dict(official_model('distilpose_s').state_dict()))


def test_packaged_weights_can_be_published_by_their_address(tmp_path, monkeypatch, capsys):
    address, path = 'mmpose_sdpose://ladpose-n_photos-256x192.pth', tmp_path / 'mine.pth'
    monkeypatch.setattr(sys, 'argv', ['publish_checkpoint', address, str(path)])
    assert publish_checkpoint.main() == 0
    assert read_checkpoint(path)['state_dict']
    monkeypatch.setattr(sys, 'argv', ['publish_checkpoint', 'mmpose_sdpose://x.pth', str(path)])
    assert publish_checkpoint.main() == 1
    assert 'no weights mmpose_sdpose://x.pth: the package has ladpose-n' in capsys.readouterr().err


def test_published_weights_are_the_trainings_in_half_precision(tmp_path, monkeypatch, capsys):
    weights = official_model('sdpose_t').state_dict()
    torch.save(dict(state_dict=weights, optimizer=dict(lr=1.0)), tmp_path / 'epoch.pth')
    arguments = [str(tmp_path / 'epoch.pth'), str(tmp_path / 'small.pth')]
    monkeypatch.setattr(sys, 'argv', ['publish_checkpoint', *arguments])
    assert publish_checkpoint.main() == 0
    published = read_checkpoint(tmp_path / 'small.pth')
    assert list(published) == ['state_dict']
    for name, value in weights.items():
        expected = value.half() if value.is_floating_point() else value
        torch.testing.assert_close(published['state_dict'][name], expected, rtol=0, atol=0)
    assert publish_checkpoint.main() == 1
    assert 'small.pth exists' in capsys.readouterr().err


@pytest.mark.parametrize('tool', [publish_checkpoint, convert_checkpoint])
def test_a_checkpoint_never_takes_its_own_place(tmp_path, monkeypatch, capsys, tool):
    path = tmp_path / 'epoch.pth'
    torch.save(dict(state_dict=official_model('sdpose_t').state_dict()), path)
    before = path.read_bytes()
    monkeypatch.setattr(sys, 'argv', ['tool', str(path), f'{tmp_path}/./epoch.pth', '--overwrite'])
    assert tool.main() == 1
    assert 'epoch.pth is an input and would be lost' in capsys.readouterr().err
    assert path.read_bytes() == before


def test_what_half_precision_cannot_hold_stays_as_it_is(tmp_path, monkeypatch, capsys):
    weights = dict(a=torch.tensor([1.0, 7e4]), b=torch.tensor([1.0, 6e4]), n=torch.tensor(3))
    torch.save(dict(state_dict=weights), tmp_path / 'epoch.pth')
    arguments = [str(tmp_path / 'epoch.pth'), str(tmp_path / 'small.pth')]
    monkeypatch.setattr(sys, 'argv', ['publish_checkpoint', *arguments])
    assert publish_checkpoint.main() == 0
    assert 'cannot hold them: a\n' in capsys.readouterr().out
    published = read_checkpoint(tmp_path / 'small.pth')['state_dict']
    expected = dict(weights, b=weights['b'].half())
    torch.testing.assert_close(published, expected, rtol=0, atol=0)


@pytest.mark.parametrize('tool', [publish_checkpoint, convert_checkpoint])
def test_weights_that_are_no_numbers_are_not_passed_on(tool, tmp_path, monkeypatch, capsys):
    weights = with_position('sdpose_t')
    weights['backbone.bn1.weight'][3] = float('nan')
    torch.save(weights, tmp_path / 'bad.pth')
    arguments = [str(tmp_path / 'bad.pth'), str(tmp_path / 'good.pth')]
    monkeypatch.setattr(sys, 'argv', ['tool', *arguments])
    assert tool.main() == 1
    assert (
        'bad.pth has weights that no model can use (1), backbone.bn1.weight: 1 of 64 values are NaN'
        in (capsys.readouterr().err)
    )
    assert not (tmp_path / 'good.pth').exists()


@pytest.mark.parametrize(
    'change, message',
    [
        (
            lambda state: state.update({'backbone.bn1.weight': torch.ones(64, dtype=torch.int32)}),
            'backbone.bn1.weight: integer (torch.int32), the model has floating numbers',
        ),
        (
            lambda state: state.pop('backbone.bn1.weight'),
            'backbone.bn1.weight: not in the checkpoint',
        ),
        (lambda state: state.update(extra=torch.zeros(1)), 'unknown: extra'),
        (
            lambda state: state.update({'backbone.conv1.weight': torch.zeros(8, 3, 3, 3)}),
            'backbone.conv1.weight: (8, 3, 3, 3) in the checkpoint, (64, 3, 3, 3) in the model',
        ),
        (
            lambda state: state['keypoint_head.tokenpose.pos_embedding'].add_(0.01),
            'not the sine table',
        ),
    ],
)
@pytest.mark.parametrize('config', [[], ['--config', CONFIGS['sdpose_t']]])
def test_what_does_not_fit_is_listed_and_nothing_written(
    change, message, config, tmp_path, monkeypatch, capsys
):
    source, target = tmp_path / 'official.pth', tmp_path / 'ours.pth'
    state_dict = with_position('sdpose_t')
    change(state_dict)
    torch.save(state_dict, source)
    assert run(monkeypatch, source, target, *config) == 1
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ['official.pth']


def test_all_that_does_not_fit_a_distilpose_is_listed(tmp_path, monkeypatch, capsys):
    source, target = tmp_path / 'official.pth', tmp_path / 'ours.pth'
    state_dict = with_position('distilpose_s')
    head = 'keypoint_head.tokenhead.'
    del state_dict[head + 'mlp_head.0.bias']
    state_dict[head + 'mlp_head.1.bias'] = torch.zeros(2)  # a baseline without score and sigmas
    state_dict[head + 'transformer.layers.12.0.fn.norm.bias'] = torch.zeros(192)
    state_dict[head + 'pos_embedding'] += 0.01
    torch.save(state_dict, source)
    assert run(monkeypatch, source, target) == 1
    complaint = capsys.readouterr().err
    assert f'the closest is {CONFIGS["distilpose_s"]}.py: 4 entries' in complaint
    for part in (
        'head.mlp.0.bias: not in the checkpoint',
        'head.mlp.1.bias: (2,) in the checkpoint, (5,) in the model',
        f'unknown: {head}transformer.layers.12.0.fn.norm.bias',
        f'{head}pos_embedding is not the sine table',
    ):
        assert part in complaint
    assert not target.exists()


@pytest.mark.parametrize(
    ('name', 'config'),
    [
        ('tokenpose_s', 'td-hm_tokenpose-s-v1_8xb64-300e_crowdpose-256x192'),
        ('distilpose_s', 'td-reg_distilpose-s_8xb32-300e_crowdpose-256x192'),
    ],
)
def test_fourteen_keypoints_are_crowdposes(name, config, tmp_path, monkeypatch, capsys):
    source, target = tmp_path / 'official.pth', tmp_path / 'ours.pth'
    torch.save(with_keypoints(name, 14), source)
    assert run(monkeypatch, source, target) == 0
    assert config in capsys.readouterr().out
    expected = dict(official_model(name).state_dict())
    expected['head.mct.keypoint_tokens'] = expected['head.mct.keypoint_tokens'][:, :14]
    torch.testing.assert_close(dict(read_checkpoint(target)['state_dict']), expected)


def test_another_number_of_keypoints_has_no_config(tmp_path, monkeypatch, capsys):
    torch.save(with_keypoints('sdpose_t', 16), tmp_path / 'official.pth')
    assert run(monkeypatch, tmp_path / 'official.pth', tmp_path / 'ours.pth') == 1
    assert capsys.readouterr().err == (
        'convert_checkpoint: the weights have 16 keypoints; official ones have 17 (COCO), '
        '14 (CrowdPose)\n'
    )


def test_nothing_is_overwritten_unasked(tmp_path, monkeypatch, capsys):
    source, target = tmp_path / 'official.pth', tmp_path / 'ours.pth'
    torch.save(with_position('sdpose_t'), source)
    target.write_text('precious')
    assert run(monkeypatch, source, target, '--config', CONFIGS['sdpose_t']) == 1
    assert 'ours.pth exists' in capsys.readouterr().err
    assert target.read_text() == 'precious'
    arguments = (source, target, '--config', CONFIGS['sdpose_t'], '--overwrite')
    assert run(monkeypatch, *arguments) == 0
    assert 'state_dict' in read_checkpoint(target)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('nothing.pth', 'ours.pth'), 'no checkpoint at nothing.pth'),
        (('official.pth', 'ours.pth', '--config', 'td-hm_sdpose-x_coco'), 'no config'),
        (('official.pth', 'ours.pth', '--config', CONFIGS['sdpose_b']), 'do not fit the config'),
    ],
)
def test_bad_arguments_get_one_clear_message(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save(with_position('sdpose_t'), 'official.pth')
    assert run(monkeypatch, *arguments) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'ours.pth').exists()
