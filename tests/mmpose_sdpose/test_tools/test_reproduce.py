"""Official weights are recognised, tested as they were published, and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from mmpose_sdpose.checkpoint import read_state_dict
from mmpose_sdpose.configs import find_config
from mmpose_sdpose.tools import reproduce
from mmpose_sdpose.tools.published_figures import COCO, CROWDPOSE, DATA_SETS, DataSet, add_result
from mmpose_sdpose.tools.reproduce import Reproduction, digest_of

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config

from ..official_models import CONFIGS, official_model
from .test_convert_checkpoint import with_keypoints, with_position

CROWD_CONFIG = 'td-hm_sdpose-s-v1_8xb64-300e_crowdpose-256x192'
SECOND_CROWD_CONFIG = 'td-hm_sdpose-t_8xb64-300e_crowdpose-256x192'
OPTIONS = ('test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False')


@pytest.fixture(scope='module', autouse=True)
def convert_once() -> Iterator[None]:
    """Each file for all tests: what comes of it is what test_convert_checkpoint looks at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce, 'convert', cache(reproduce.convert))
        yield


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


@pytest.fixture(scope='module')
def crowd_weights(tmp_path_factory) -> Path:
    """Models of CrowdPose, and one of COCO among them."""
    folder = tmp_path_factory.mktemp('crowd')
    torch.save(with_keypoints('sdpose_s_v1', 14), folder / 'a.pth')
    torch.save(with_keypoints('sdpose_t', 14), folder / 'b.pth')
    torch.save(with_position('sdpose_t'), folder / 'c.pth')
    return folder


def write_data(root: Path, data_set: DataSet) -> Path:
    """A data set of one image, two people and three detections."""
    config = {'COCO': CONFIGS['sdpose_t'], 'CrowdPose': CROWD_CONFIG}[data_set.name]
    dataset = Config.fromfile(find_config(config)).test_dataloader.dataset
    images, keypoints = root / dataset.data_prefix.img, 17 if data_set is COCO else 14
    for folder in (images, (root / data_set.annotations).parent, (root / data_set.boxes).parent):
        folder.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    cv2.imwrite(str(images / '1.jpg'), image)
    boxes = [[10, 10, 60, 100], [80, 5, 70, 110]]
    people = [
        dict(
            id=number, image_id=1, category_id=1, bbox=box, area=box[2] * box[3], iscrowd=0,
            keypoints=[v for k in range(keypoints) for v in (box[0] + 2 * k, box[1] + 5 * k, 2)],
            num_keypoints=keypoints,
        )
        for number, box in enumerate(boxes, 1)
    ]  # fmt: skip
    content = dict(
        images=[dict(id=1, file_name='1.jpg', width=160, height=120, crowdIndex=0.5)],
        annotations=people,
        categories=[dict(id=1, name='person')],
    )
    (root / data_set.annotations).write_text(json.dumps(content))
    found = [
        dict(image_id=1, category_id=1, bbox=[x + 3, y, w, h], score=score)
        for (x, y, w, h), score in zip([*boxes, boxes[0]], (0.9, 0.8, 0.3))
    ]
    (root / data_set.boxes).write_text(json.dumps(found))
    return root


@pytest.fixture
def coco(tmp_path) -> Path:
    return write_data(tmp_path / 'coco', COCO)


@pytest.fixture
def crowdpose(tmp_path) -> Path:
    return write_data(tmp_path / 'crowdpose', CROWDPOSE)


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
            '/' + self.data_set.annotations
        )
        value = values[Path(cfg.filename).stem, bool(dataset.bbox_file)]
        prefix = cfg.test_evaluator.get('prefix', 'coco')
        return {f'{prefix}/{name}': value for name in self.data_set.metrics}

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


def test_a_damaged_result_is_named(weights, coco, tmp_path, measured, capsys):
    arguments = ['--weights', weights / 'a.pth', '--data', coco, '--boxes', 'detected']
    measured[CONFIGS['sdpose_t'], True] = 0.1
    assert run(tmp_path, *arguments) == 0
    (path,) = tmp_path.rglob('results/*.json')
    for content in ('', '{}', '3', '{"inputs": {}}'):
        path.write_text(content)
        capsys.readouterr()
        assert run(tmp_path, *arguments) == 1
        assert f'{path} is damaged' in capsys.readouterr().err


def test_results_that_can_be_written_nowhere_are_said_first(weights, coco, tmp_path, capsys):
    (tmp_path / 'taken').write_text('mine')
    arguments = ['--weights', weights / 'a.pth', '--data', coco, '--boxes', 'detected']
    assert run(tmp_path / 'taken', *arguments) == 1
    assert 'x.json cannot be written: Not a directory' in capsys.readouterr().err


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
    path = coco / (COCO.boxes if change == 'boxes' else COCO.annotations)
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
    said = complaint('--weights', weights, '--data', 'nowhere')
    assert 'no data in nowhere: --data names the folder that has annotations/person_' in said
    assert f'{COCO.annotations} (COCO, https' in said
    assert f'or {CROWDPOSE.annotations} (CrowdPose, https' in said
    assert 'no official weights of SDPose, TokenPose or DistilPose in' in complaint(
        '--weights', weights / 'notes.txt', *data
    )
    assert 'no official weights of SDPose-B for COCO in' in complaint(
        'SDPose-B', '--weights', weights, *data
    )
    (coco / COCO.boxes).unlink()
    said = complaint('--weights', weights, *data)
    assert f'no detected boxes in {coco / COCO.boxes}, with which' in said
    assert '--boxes ground-truth' in said
    (coco / 'val2017/1.jpg').unlink()
    said = complaint('sdpose-t', '--weights', weights, *data, '--boxes', 'ground-truth')
    assert '1.jpg' in said


@pytest.mark.parametrize('data_set', DATA_SETS, ids=lambda data_set: data_set.name)
def test_files_are_where_the_configs_read_them(data_set):
    config = {COCO: CONFIGS['sdpose_t'], CROWDPOSE: CROWD_CONFIG}[data_set]
    cfg = Config.fromfile(find_config(config))
    dataset = cfg.test_dataloader.dataset
    assert cfg.data_source == data_set.source
    assert dataset.ann_file == data_set.annotations
    assert cfg.test_evaluator.ann_file == dataset.data_root + data_set.annotations
    assert dataset.bbox_file == dataset.data_root + data_set.boxes
    assert cfg.test_evaluator.get('prefix', 'coco') == data_set.name.lower()


def test_every_step_runs_on_crowdpose(crowd_weights, crowdpose, tmp_path, monkeypatch, capsys):
    arguments = ['sdpose-s-v1', '--weights', crowd_weights, '--data', crowdpose]
    assert run(tmp_path, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        f'{crowd_weights}: 3 files',
        f'  a.pth: SDPose-S-V1, {CROWD_CONFIG}',
        '  b.pth: SDPose-T, td-hm_sdpose-t_8xb64-300e_crowdpose-256x192',
        f'  c.pth: SDPose-T, {CONFIGS["sdpose_t"]}',
        f'{crowdpose} is CrowdPose: what is for COCO is left out',
    ]
    stem = f'{CROWD_CONFIG}.{digest_of(crowd_weights / "a.pth")}'
    results = sorted((tmp_path / 'out/results').iterdir())
    assert [path.name for path in results] == [f'{stem}.detected.json', f'{stem}.ground-truth.json']
    for number, path in enumerate(results, 1):
        metrics = json.loads(path.read_text())['metrics']
        values = {name: metrics[f'crowdpose/{name}'] for name in ('AP', 'AP(E)', 'AP(M)', 'AP(H)')}
        shown = ', '.join(f'{name} {value:.3f}' for name, value in values.items())
        kind = path.name.split('.')[2]
        assert f'{number}/2  SDPose-S-V1, {kind} boxes: {shown}' in lines
    converted = read_state_dict(tmp_path / f'out/weights/{stem}.pth')
    expected = dict(official_model('sdpose_s_v1').state_dict())
    expected['head.mct.keypoint_tokens'] = expected['head.mct.keypoint_tokens'][:, :14]
    torch.testing.assert_close(dict(converted), expected)

    def again(self, cfg):
        raise AssertionError('tested again')

    monkeypatch.setattr(Reproduction, 'test', again)
    monkeypatch.setattr(reproduce, 'convert', again)
    single = ['SDPose-S-V1', '--weights', crowd_weights / 'a.pth', '--data', crowdpose]
    assert run(tmp_path, *single) == 0
    assert f', from {results[0]}' in capsys.readouterr().out


def test_crowdpose_is_shown_by_crowding(crowd_weights, crowdpose, tmp_path, measured, capsys):
    for stem, values in ((CROWD_CONFIG, (0.56, 0.6)), (SECOND_CROWD_CONFIG, (0.5, 0.55))):
        measured[stem, True], measured[stem, False] = values
    assert run(tmp_path, '--weights', crowd_weights, '--data', crowdpose) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index('') + 1 :]
    assert [line.split() for line in table[:9]] == [
        [
            'AP',
            'on',
            'CrowdPose',
            'test',
            'published',
            'detected',
            'boxes',
            'ground-truth',
            'boxes',
        ],
        ['SDPose-S-V1', '(a.pth)', '0.573', '0.560', '0.600'],
        *([f'AP({part})', '0.560', '0.600'] for part in 'EMH'),
        ['SDPose-T', '(b.pth)', '0.500', '0.550'],
        *([f'AP({part})', '0.500', '0.550'] for part in 'EMH'),
    ]
    assert len({len(line) for line in table[:9]}) == 1
    assert table[10:13] == [
        'No AP of SDPose-T on CrowdPose was published.',
        'SDPose-S-V1 (a.pth) differs by -1.3 points of AP',
        'Published AP are of test, 8,000 images, with detected boxes: others give other AP.',
    ]
    copy = yaml.safe_load((tmp_path / 'out/sdpose/metafile.yml').read_text())
    original = find_config(CROWD_CONFIG).parents[1] / 'metafile.yml'
    old = _results(yaml.safe_load(original.read_text()))
    added = [pair for pair in _results(copy) if pair not in old]
    assert [(name, result['Dataset'], result['Metrics']) for name, result in added] == [
        (
            name,
            'CrowdPose',
            {f'{metric} measured': value for metric in ('AP', 'AP(E)', 'AP(M)', 'AP(H)')},
        )
        for name, value in (
            (SECOND_CROWD_CONFIG, 0.5),
            (SECOND_CROWD_CONFIG, 0.55),
            (CROWD_CONFIG, 0.56),
            (CROWD_CONFIG, 0.6),
        )
    ]


def test_by_crowding_is_compared_too_where_it_was_published(
    crowd_weights, crowdpose, tmp_path, measured, monkeypatch, capsys
):
    model = reproduce.published(find_config(CROWD_CONFIG))
    known = replace(model, values={'AP': 0.573, 'AP(E)': 0.6, 'AP(H)': 0.57})
    monkeypatch.setattr(reproduce, 'published', lambda config: known)
    measured[CROWD_CONFIG, True] = 0.572
    arguments = ['--weights', crowd_weights / 'a.pth', '--data', crowdpose, '--boxes', 'detected']
    assert run(tmp_path, *arguments) == 0
    said = capsys.readouterr().out
    assert 'differs by -2.8 points of AP(E)\n' in said and said.count('differs by') == 1


@pytest.mark.parametrize(
    ('data_set', 'file', 'other'), [(COCO, 'a.pth', CROWDPOSE), (CROWDPOSE, 'c.pth', COCO)]
)
def test_weights_of_the_other_data_set_are_said(
    data_set, file, other, crowd_weights, tmp_path, capsys
):
    data = write_data(tmp_path / 'data', data_set)
    assert run(tmp_path, '--weights', crowd_weights / file, '--data', data) == 1
    assert capsys.readouterr().err == (
        f'reproduce: the official weights in {crowd_weights / file} are for {other.name}, and {data} '
        f'is {data_set.name}: name the folder of {other.name} with --data\n'
    )


@pytest.mark.parametrize(('file', 'own'), [('a.pth', CROWDPOSE), ('c.pth', COCO)])
def test_labels_of_the_other_data_set_under_its_names_are_said(
    file, own, crowd_weights, tmp_path, capsys
):
    (other,) = set(DATA_SETS) - {own}
    data = write_data(tmp_path / 'data', own)
    labels = write_data(tmp_path / 'other', other) / other.annotations
    (data / own.annotations).write_bytes(labels.read_bytes())
    arguments = ['--weights', crowd_weights / file, '--data', data, '--boxes', 'ground-truth']
    assert run(tmp_path, *arguments) == 1
    said = capsys.readouterr().err
    assert own.annotations in said and 'keypoints' in said
    assert '14' in said and '17' in said


def test_data_of_both_in_one_folder_are_not_guessed(crowd_weights, coco, tmp_path, capsys):
    write_data(coco, CROWDPOSE)
    assert run(tmp_path, '--weights', crowd_weights, '--data', coco) == 1
    assert capsys.readouterr().err == (
        f'reproduce: {coco} holds COCO and CrowdPose: --data names the folder of one of them\n'
    )


def test_real_photos_of_crowdpose(crowd_weights, photos, tmp_path, capsys):
    """Five people, six detections: with weights that know nothing, AP is near 0."""
    sample, data = photos / 'crowdpose_sample', tmp_path / 'crowdpose'
    (data / 'annotations').mkdir(parents=True)
    (data / 'images').symlink_to(sample)
    (data / CROWDPOSE.annotations).symlink_to(sample / 'test_crowdpose.json')
    (data / CROWDPOSE.boxes).symlink_to(sample / 'test_crowdpose_det_AP_40.json')
    assert run(tmp_path, '--weights', crowd_weights / 'a.pth', '--data', data) == 0
    for path in (tmp_path / 'out/results').iterdir():
        assert 0 <= json.loads(path.read_text())['metrics']['crowdpose/AP'] < 0.05
    assert 'differs by -57' in capsys.readouterr().out


def test_ctrl_c_says_that_it_goes_on(weights, coco, tmp_path, monkeypatch, capsys):
    def interrupt(self, cfg):
        raise KeyboardInterrupt

    monkeypatch.setattr(Reproduction, 'test', interrupt)
    assert run(tmp_path, '--weights', weights / 'a.pth', '--data', coco) == 130
    assert capsys.readouterr().err == 'reproduce: stopped; the same command goes on\n'


def test_a_result_is_added_to_an_entry_without_results_too():
    text = 'Models:\n  - Name: a\n    Config: a.py\n  - Name: b\n    Config: b.py\n'
    added = yaml.safe_load(
        add_result(text, 'a', 'COCO', {'AP': 0.5, 'AP(E)': 1}, dict(Note='of a "kind"'))
    )
    a, b = added['Models']
    assert a['Results'] == [
        {
            'Task': 'Body 2D Keypoint',
            'Dataset': 'COCO',
            'Metrics': {'AP measured': 0.5, 'AP(E) measured': 1.0},
            'Note': 'of a "kind"',
        }
    ]
    assert 'Results' not in b
