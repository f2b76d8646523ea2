"""The tool on a drawn image with the weights that come with the package."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import mmpose_sdpose
from mmpose_sdpose.tools import measure_attention
from mmpose_sdpose.tools.measure_attention import COLUMNS, main

import cv2
import numpy as np
import pytest

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


@pytest.fixture
def options(tmp_path, monkeypatch) -> list[str]:
    """Of the tool, for three people in a picture."""
    monkeypatch.setenv('COLUMNS', '200')
    numbers = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / 'a.png'), numbers.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    people = [
        dict(
            id=number, image_id=1, category_id=1, bbox=[10, 5, 40, 50], area=2000, iscrowd=0,
            num_keypoints=17,
            keypoints=[*np.c_[numbers.uniform(10, 50, (17, 2)), np.full(17, 2)].ravel()],
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    content = dict(
        images=[dict(id=1, file_name='a.png', width=80, height=60)],
        annotations=people,
        categories=[dict(id=1, name='person')],
    )
    (tmp_path / 'people.json').write_text(json.dumps(content))
    place = 'test_dataloader.dataset'
    changes = [f'data_root={tmp_path}/', 'ann_file=people.json', 'data_prefix.img=']
    return ['--cfg-options', *(f'{place}.{change}' for change in changes)]


def test_each_layer_of_each_cycle_and_model_is_a_row(tmp_path, options, capsys):
    out = tmp_path / 'shares/attention.csv'
    models = [CONFIG, WEIGHTS] * 1
    assert main([*models, '--people', '2', '--csv', str(out), *options]) == 0
    with open(out, newline='') as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [(row['view'].split(' (')[0], row['layer']) for row in rows] == [
        (f'cycle {cycle}', str(layer)) for cycle in (1, 2) for layer in (1, 2, 3, 4)
    ]
    for row in rows:
        assert row['joints'] == str(2 * 17) and row['radius'] == '0.2'
        ratio = float(row['share']) / float(row['even'])
        assert float(row['times_even']) == pytest.approx(ratio, rel=0.02)
        assert row['model'] == f'{CONFIG}, sdpose-n_synthpose-128x96'
    shown = capsys.readouterr().out
    assert 'within 0.2 torso lengths' in shown and rows[3]['share'] in shown


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([CONFIG], 'has no checkpoint: say CONFIG CHECKPOINT of each model'),
        ([CONFIG, WEIGHTS, '--people', '0'], '--people (0) must be at least 1'),
        ([CONFIG, 'gone.pth'], 'measure_attention: '),
        ([CONFIG, WEIGHTS, '--radius', '-1'], 'radius (-1.0) must be above 0'),
        (['absent', WEIGHTS], 'no config absent'),
        ([CONFIG, WEIGHTS, '--csv', '.'], '. is a folder: name a file in it'),
        ([CONFIG, WEIGHTS, '--csv', 'x' * 300], 'cannot be written: File name too long'),
        ([CONFIG, WEIGHTS, '--csv', f'{__file__}/x.csv'], 'cannot be written: File exists'),
    ],
)
def test_what_cannot_be_measured_is_said(options, capsys, arguments, message):
    try:
        code = main([*arguments, *options])
    except SystemExit as stop:  # argparse
        code = stop.code
    assert code != 0
    error = capsys.readouterr().err
    assert message in ' '.join(error.split()) and 'Traceback' not in error


def test_numbers_are_not_written_over_unasked(options, tmp_path, capsys):
    path = tmp_path / 'numbers.csv'
    path.write_text('mine')
    with pytest.raises(SystemExit):
        main([CONFIG, WEIGHTS, '--csv', str(path), *options])
    assert 'numbers.csv exists: choose another name' in capsys.readouterr().err
    assert path.read_text() == 'mine'


def test_within_next_to_nothing_there_is_nothing(options, capsys):
    assert main([CONFIG, WEIGHTS, '--people', '1', '--radius', '1e-9', *options]) == 0
    assert 'nan' in capsys.readouterr().out


def test_people_of_a_mixture(options, monkeypatch, tmp_path, capsys):
    """A config whose test data is a CombinedDataset."""
    config = 'td-hm_sdpose-n_limbs_1xb256-60e_photos-256x192'
    people = dict(type='CocoDataset', ann_file=str(tmp_path / 'people.json'))
    people['data_prefix'] = dict(img=str(tmp_path))
    read = measure_attention.read_config

    def with_people(name):
        found = read(name)
        found.test_dataloader.dataset.datasets = [people]
        return found

    monkeypatch.setattr(measure_attention, 'read_config', with_people)
    weights = 'mmpose_sdpose://sdpose-n_photos-256x192.pth'
    assert main([config, weights, '--people', '1']) == 0
    assert 'cycle 1' in capsys.readouterr().out


def test_data_that_are_not_there_are_said(options, tmp_path, capsys):
    (tmp_path / 'people.json').unlink()
    assert main([CONFIG, WEIGHTS, *options]) == 1
    assert (
        f'annotation file not found: expected at {tmp_path}/people.json' in capsys.readouterr().err
    )


def test_two_checkpoints_of_one_name_are_two_models(options, tmp_path):
    rows = []
    for folder in ('first', 'second'):
        (tmp_path / folder).mkdir()
        packaged = Path(mmpose_sdpose.__file__).parent / 'weights' / WEIGHTS.rpartition('/')[2]
        shutil.copy(packaged, tmp_path / folder / 'epoch_1.pth')
        rows += [CONFIG, str(tmp_path / folder / 'epoch_1.pth')]
    path = tmp_path / 'numbers.csv'
    path.write_text('old')
    with pytest.raises(SystemExit):
        main([*rows, '--csv', rows[-1], '--force', *options])
    assert Path(rows[-1]).read_bytes() == packaged.read_bytes()
    assert main([*rows, '--csv', str(path), '--force', '--people', '1', *options]) == 0
    with path.open() as file:
        models = [row['model'] for row in csv.DictReader(file)]
    assert main([*rows, *rows[-2:], '--people', '1', *options]) == 1, 'one of them is named twice'
    second = f'{CONFIG}, {tmp_path}/second/epoch_1.pth'
    assert (
        set(models) == {f'{CONFIG}, epoch_1', second} and models.count(second) == len(models) // 2
    )
