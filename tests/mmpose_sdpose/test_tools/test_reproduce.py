"""Official weights are recognised, tested as they were published, and compared."""

from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.checkpoint import read_state_dict
from mmpose_sdpose.configs import find_config
from mmpose_sdpose.tools import reproduce
from mmpose_sdpose.tools.reproduce import Reproduction, add_result, digest_of

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config

from ..official_models import CONFIGS, official_model
from .test_convert_checkpoint import with_position

OPTIONS = ('test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False')


@pytest.fixture(scope='module')
def weights(tmp_path_factory) -> Path:
    """A folder of files whose names say nothing."""
    folder = tmp_path_factory.mktemp('downloads')
    torch.save(with_position('sdpose_t'), folder / 'a.pth')
    (folder / 'deeper').mkdir()
    torch.save(dict(state_dict=with_position('distilpose_s')), folder / 'deeper/b')
    torch.save(dict(weight=torch.zeros(3)), folder / 'c.pth')
    (folder / 'notes.txt').write_text('where the files came from')
    return folder


@pytest.fixture
def coco(tmp_path) -> Path:
    """COCO with one image, two people and three detections."""
    root = tmp_path / 'coco'
    (root / 'val2017').mkdir(parents=True)
    (root / 'annotations').mkdir()
    (root / 'person_detection_results').mkdir()
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    cv2.imwrite(str(root / 'val2017/1.jpg'), image)
    boxes = [[10, 10, 60, 100], [80, 5, 70, 110]]
    people = [
        dict(
            id=number, image_id=1, category_id=1, bbox=box, area=box[2] * box[3], iscrowd=0,
            keypoints=[value for k in range(17) for value in (box[0] + 2 * k, box[1] + 5 * k, 2)],
            num_keypoints=17,
        )
        for number, box in enumerate(boxes, 1)
    ]  # fmt: skip
    content = dict(
        images=[dict(id=1, file_name='1.jpg', width=160, height=120)],
        annotations=people,
        categories=[dict(id=1, name='person')],
    )
    (root / reproduce.ANNOTATIONS).write_text(json.dumps(content))
    found = [
        dict(image_id=1, category_id=1, bbox=[x + 3, y, w, h], score=score)
        for (x, y, w, h), score in zip([*boxes, boxes[0]], (0.9, 0.8, 0.3))
    ]
    (root / reproduce.BOXES).write_text(json.dumps(found))
    return root


def run(tmp_path: Path, *arguments: object, options: tuple[str, ...] = OPTIONS) -> int:
    out = ['--out', tmp_path / 'out', '--cfg-options', *options]
    return reproduce.main([*map(str, arguments), *map(str, out)])


def test_every_step_runs_once(weights, coco, tmp_path, monkeypatch, capsys):
    arguments = ['sdpose-t', '--weights', weights, '--data', coco]
    assert run(tmp_path, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        f'{weights}: 4 files',
        '  a.pth: SDPose-T, td-hm_sdpose-t_8xb64-300e_coco-256x192',
        lines[2],
        '  b: DistilPose-S, td-reg_distilpose-s_8xb32-300e_coco-256x192',
        lines[4],
    ]
    assert lines[2] == (
        f'  c.pth: left out, {weights}/c.pth is no official file of SDPose, TokenPose or DistilPose: '
        'none of its weights is of their heads, the first is weight'
    )
    assert lines[4].startswith('  notes.txt: left out, ') and 'no checkpoint' in lines[4]
    results = sorted((tmp_path / 'out/results').iterdir())
    digest = digest_of(weights / 'a.pth')
    stem = f'{CONFIGS["sdpose_t"]}.{digest}'
    assert [path.name for path in results] == [f'{stem}.detected.json', f'{stem}.ground-truth.json']
    for number, path in enumerate(results, 1):
        kind = path.name.split('.')[2]
        value = json.loads(path.read_text())['metrics']['coco/AP']
        assert f'{number}/2  SDPose-T, {kind} boxes: AP {value:.3f}' in lines
    converted = read_state_dict(tmp_path / f'out/weights/{stem}.pth')
    torch.testing.assert_close(dict(converted), dict(official_model('sdpose_t').state_dict()))

    def again(self, cfg):
        raise AssertionError('tested again')

    monkeypatch.setattr(Reproduction, 'test', again)
    monkeypatch.setattr(reproduce, 'convert', again)
    assert run(tmp_path, 'SDPose-T', '--weights', weights / 'a.pth', '--data', coco) == 0
    assert f', from {results[0]}' in capsys.readouterr().out


@pytest.fixture
def measured(monkeypatch) -> dict[tuple[str, bool], float]:
    """AP that tests are to find, by model and whether boxes are detected; and no test is run."""
    values: dict[tuple[str, bool], float] = {}

    def test(self: Reproduction, cfg: Config) -> dict[str, float]:
        dataset = cfg.test_dataloader.dataset
        assert dataset.data_root == cfg.test_evaluator.ann_file.removesuffix(
            '/' + reproduce.ANNOTATIONS
        )
        return {'coco/AP': values[Path(cfg.filename).stem, bool(dataset.bbox_file)]}

    monkeypatch.setattr(Reproduction, 'test', test)
    return values


def test_published_and_measured_stand_side_by_side(weights, coco, tmp_path, measured, capsys):
    sdpose, student = CONFIGS['sdpose_t'], CONFIGS['distilpose_s']
    measured.update({(sdpose, True): 0.6948, (sdpose, False): 0.72})
    measured.update({(student, True): 0.7121, (student, False): 0.75})
    assert run(tmp_path, '--weights', weights, '--data', coco) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index('') + 1 :]
    assert [line.split() for line in table[:3]] == [
        ['AP', 'on', 'COCO', 'val', 'published', 'detected', 'boxes', 'ground-truth', 'boxes'],
        ['SDPose-T', '(a.pth)', '0.697', '0.695', '0.720'],
        ['DistilPose-S', '(b)', '0.716', '0.712', '0.750'],
    ]
    assert len({len(line) for line in table[:3]}) == 1
    assert table[4] == 'DistilPose-S (b) differs by -0.4 points of AP'  # SDPose-T by 0.22
    assert 'SDPose-T' not in ''.join(table[4:])
    for family, value in (('sdpose', 0.695), ('distilpose', 0.712)):
        original = find_config(sdpose).parents[2] / family / 'metafile.yml'
        copy = yaml.safe_load((tmp_path / f'out/{family}/metafile.yml').read_text())
        new = _results(copy)
        old = _results(yaml.safe_load(original.read_text()))
        added = [result for result in new if result not in old]
        assert [result['Metrics'] for _, result in added][0] == {'AP measured': value}
        assert len(added) == 2 and [pair for pair in new if pair in old] == old
        assert 'AP published' in str([r for name, r in old if name == added[0][0]])
        assert added[0][1]['Command'].endswith('--boxes detected')
        assert added[1][1]['Note'].endswith(', ground-truth boxes')


def _results(metafile: dict) -> list[tuple[str, dict]]:
    return [
        (model['Name'], result)
        for model in metafile['Models']
        for result in model.get('Results') or []
    ]


def test_none_differs(weights, coco, tmp_path, measured, capsys):
    measured[CONFIGS['sdpose_t'], True] = 0.7
    arguments = ['SDPose-T', '--weights', weights / 'a.pth', '--data', coco, '--boxes', 'detected']
    assert run(tmp_path, *arguments) == 0
    assert 'None differs by more than 0.3 points of AP' in capsys.readouterr().out


@pytest.mark.parametrize('change', ['boxes', 'annotations', 'options'])
def test_what_was_measured_on_other_data_is_measured_again(
    change, weights, coco, tmp_path, measured, capsys
):
    key = CONFIGS['sdpose_t'], True
    arguments = ['--weights', weights / 'a.pth', '--data', coco, '--boxes', 'detected']
    for value in (0.1, 0.2):
        measured[key] = value
        assert run(tmp_path, *arguments) == 0
        assert 'AP 0.100' in capsys.readouterr().out
    path = coco / (reproduce.BOXES if change == 'boxes' else reproduce.ANNOTATIONS)
    path.write_text(path.read_text() + '\n' * (change != 'options'))
    digest_of.cache_clear()
    options = (*OPTIONS, 'model.test_cfg.flip_test=False') if change == 'options' else OPTIONS
    assert run(tmp_path, *arguments, options=options) == 0
    assert 'AP 0.200' in capsys.readouterr().out


def test_what_is_missing_is_said(weights, coco, tmp_path, capsys):
    def complaint(*arguments: object) -> str:
        assert run(tmp_path, *arguments) == 1
        return capsys.readouterr().err

    data = ['--data', coco]
    assert 'no folder nowhere: --weights names' in complaint('--weights', 'nowhere', *data)
    assert 'no nowhere/annotations/person_keypoints_val2017.json: --data names' in complaint(
        '--weights', weights, '--data', 'nowhere'
    )
    assert 'no official weights of SDPose, TokenPose or DistilPose in' in complaint(
        '--weights', weights / 'notes.txt', *data
    )
    assert 'no official weights of SDPose-B in' in complaint(
        'SDPose-B', '--weights', weights, *data
    )
    (coco / reproduce.BOXES).unlink()
    said = complaint('--weights', weights, *data)
    assert f'no detected boxes in {coco / reproduce.BOXES}, with which' in said
    assert '--boxes ground-truth' in said
    (coco / 'val2017/1.jpg').unlink()
    said = complaint('sdpose-t', '--weights', weights, *data, '--boxes', 'ground-truth')
    assert '1.jpg' in said


def test_ctrl_c_says_that_it_goes_on(weights, coco, tmp_path, monkeypatch, capsys):
    def interrupt(self, cfg):
        raise KeyboardInterrupt

    monkeypatch.setattr(Reproduction, 'test', interrupt)
    assert run(tmp_path, '--weights', weights / 'a.pth', '--data', coco) == 130
    assert capsys.readouterr().err == 'reproduce: stopped; the same command goes on\n'


def test_a_result_is_added_to_an_entry_without_results_too():
    text = 'Models:\n  - Name: a\n    Config: a.py\n  - Name: b\n    Config: b.py\n'
    added = yaml.safe_load(add_result(text, 'a', 0.5, dict(Note='of a "kind"')))
    a, b = added['Models']
    assert a['Results'] == [
        {
            'Task': 'Body 2D Keypoint',
            'Dataset': 'COCO',
            'Metrics': {'AP measured': 0.5},
            'Note': 'of a "kind"',
        }
    ]
    assert 'Results' not in b
