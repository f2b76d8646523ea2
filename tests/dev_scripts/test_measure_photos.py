"""The card's numbers come from the test that is meant."""

from __future__ import annotations

import csv
import sys

import measure_photos
import pytest

CONFIG = 'td-hm_sdpose-n_1xb256-60e_photos-256x192'


@pytest.fixture(autouse=True)
def roots(monkeypatch):
    for name in ('LSPET17_ROOT', 'COCO_ROOT', 'SYNTHPOSE_ROOT'):
        monkeypatch.setenv(name, f'/{name}')


@pytest.mark.parametrize(
    ('people', 'file', 'indices'),
    [
        ('test', '/COCO_ROOT/annotations/person_keypoints_val2017.json', None),
        ('sport', '/LSPET17_ROOT/annotations/lspet_coco17_test.json', None),
        ('held_out', '/LSPET17_ROOT/annotations/lspet_coco17_train.json', -400),
    ],
)
def test_each_set_of_people_is_read_and_compared_with(people, file, indices):
    cfg = measure_photos.config_of(CONFIG, 'weights.pth', people, flip=True)
    dataset = cfg.test_dataloader.dataset
    assert (dataset.ann_file, dataset.get('indices')) == (file, indices)
    assert dataset.data_prefix.img.startswith(file.partition('annotations')[0])
    compared = [metric.ann_file for metric in cfg.test_evaluator if 'ann_file' in metric]
    assert compared == ([] if people == 'held_out' else [file])
    assert cfg.load_from == 'weights.pth' and cfg.model.test_cfg.flip_test is True
    assert cfg.train_dataloader is None and cfg.val_evaluator is None


def test_a_row_for_each_test(tmp_path, monkeypatch):
    def measure(cfg) -> dict[str, float]:
        found = {'OKS': 0.5 + 0.1 * cfg.model.test_cfg.flip_test}
        return {'AP': 0.25, **found} if 'CocoMetric' in str(cfg.test_evaluator) else found

    monkeypatch.setattr(measure_photos, 'measure', measure)
    path = tmp_path / 'rows.csv'
    monkeypatch.setattr(sys, 'argv', ['measure_photos', f'{CONFIG}=a.pth', '--csv', str(path)])
    assert measure_photos.main() == 0
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['set'], row['flip_test'], row['AP'], row['OKS']) for row in rows] == [
        ('test', 'False', '0.2500', '0.5000'),
        ('test', 'True', '0.2500', '0.6000'),
        ('sport', 'False', '0.2500', '0.5000'),
        ('sport', 'True', '0.2500', '0.6000'),
        ('held_out', 'False', '', '0.5000'),
        ('held_out', 'True', '', '0.6000'),
    ]
    assert all(row['weights'] == 'a.pth' and row['command'].startswith('python ') for row in rows)

    more = ['measure_photos', f'{CONFIG}=b.pth', f'{CONFIG}=a.pth', f'{CONFIG}=a.pth']
    more += ['--sets', 'sport', 'sport']
    monkeypatch.setattr(sys, 'argv', [*more, '--csv', str(path)])
    assert measure_photos.main() == 0
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['weights'], row['set']) for row in rows] == [
        *[('a.pth', people) for people in ('test', 'test', 'held_out', 'held_out')],
        *[('b.pth', 'sport'), ('b.pth', 'sport'), ('a.pth', 'sport'), ('a.pth', 'sport')],
    ]
    assert ['b.pth' in row['command'] for row in rows] == [False] * 4 + [True] * 4


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a,b\n1,2\n', 'is no file of this script'),
        ('a,b\n', 'is no file of this script'),
        ('config,weights,set,flip_test,command\na,b,c,d,e,f\n', 'row 1 has not 5 values'),
        ('config,weights,set,flip_test,command\na,b,c\n', 'row 1 has not 5 values'),
    ],
)
def test_another_file_or_a_damaged_one_is_not_overwritten(tmp_path, monkeypatch, text, said):
    path = tmp_path / 'rows.csv'
    path.write_text(text)
    monkeypatch.setattr(sys, 'argv', ['measure_photos', f'{CONFIG}=a.pth', '--csv', str(path)])
    with pytest.raises(ValueError, match=said):
        measure_photos.main()
    assert path.read_text() == text


def test_metrics_of_the_same_name_keep_their_prefix(monkeypatch):
    class Tested:
        def test(self) -> dict[str, float]:
            return {'0.2/PCK': 0.5, '0.1/PCK': 0.25, 'coco/AP': 1.0}

    monkeypatch.setattr(measure_photos.Runner, 'from_cfg', lambda cfg: Tested())
    assert measure_photos.measure({}) == {'0.2/PCK': 0.5, '0.1/PCK': 0.25, 'AP': 1.0}
