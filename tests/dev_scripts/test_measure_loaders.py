"""The script that measures loader workers: what counts as waiting, and a training of real photos."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from itertools import count, repeat

import measure_loaders


def slow_batches(seconds: float) -> Iterator[int]:
    for number in count():
        time.sleep(seconds)
        yield number


def test_waiting_is_the_time_until_the_batch_is_there():
    seen = []

    def train(batch: int) -> None:
        seen.append(batch)
        time.sleep(0.01)

    speed = measure_loaders.measure(slow_batches(0.03), train, steps=6, warmup=2, limit=60)
    assert seen == list(range(8))
    assert speed.steps == 6
    assert speed.waiting >= 6 * 0.03
    assert speed.seconds - speed.waiting >= 6 * 0.01


def test_it_ends_at_the_limit_with_a_step_at_least():
    speed = measure_loaders.measure(
        repeat(0), lambda batch: time.sleep(0.05), steps=100, warmup=100, limit=0.02
    )
    assert speed.steps == 1
    assert 0.05 <= speed.seconds < 5


def test_rows_of_a_training_on_photos(photos, tmp_path, monkeypatch):
    config = 'td-hm_tokenpose-t_8xb64-300e_coco-256x192'
    path = tmp_path / 'loaders.csv'
    options = ['--workers', '0', '1', '--batch', '2', '--steps', '1', '--seconds', '0.1']
    data = f'train_dataloader.dataset.data_root={photos}/coco_mini/'
    arguments = [config, *options, '--device', 'cpu', '--csv', str(path), '--cfg-options', data]
    monkeypatch.setattr(sys, 'argv', ['measure_loaders.py', *arguments])
    assert measure_loaders.main() == 0
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == measure_loaders.COLUMNS
    assert [row['workers'] for row in rows] == ['0', '1']
    for row in rows:
        assert float(row['images_per_s']) > 0
        assert 0 <= float(row['share_waiting']) <= 1


def test_data_that_are_not_there_are_named(tmp_path, monkeypatch, capsys):
    data = f'train_dataloader.dataset.data_root={tmp_path}/'
    config = 'td-hm_tokenpose-t_8xb64-300e_coco-256x192'
    arguments = [config, '--device', 'cpu', '--workers', '0', '--cfg-options', data]
    monkeypatch.setattr(sys, 'argv', ['measure_loaders.py', *arguments])
    assert measure_loaders.main() == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_what_was_measured_before_an_error_is_kept(tmp_path, monkeypatch, capsys):
    def measure_all(config, args):
        yield dict.fromkeys(measure_loaders.COLUMNS, '1')
        raise OSError('no more memory for workers')

    monkeypatch.setattr(measure_loaders, 'measure_all', measure_all)
    arguments = ['td-hm_sdpose-n_1xb32-20e_lspet-128x96', '--csv', str(tmp_path / 'rows.csv')]
    monkeypatch.setattr(sys, 'argv', ['measure_loaders.py', *arguments])
    assert measure_loaders.main() == 1
    assert 'no more memory for workers' in capsys.readouterr().err
    assert len(measure_loaders.read_rows(tmp_path / 'rows.csv', measure_loaders.COLUMNS)) == 1
