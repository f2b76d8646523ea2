from __future__ import annotations

import csv
import sys

from mmpose_sdpose.benchmark.report import COLUMNS
from mmpose_sdpose.tools import benchmark

import cv2
import pytest

SMALL = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
QUICK = ['--repeats', '1', '--no-memory', '--threads', '1']


@pytest.fixture
def tool(monkeypatch):
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, 'argv', ['benchmark', *map(str, arguments)])
        return benchmark.main()

    return run


def test_table_and_csv(tool, tmp_path, capsys):
    path = tmp_path / 'new' / 'a.csv'
    assert tool(SMALL, '--all-cycles', *QUICK, '--csv', path) == 0
    out = capsys.readouterr().out
    assert 'Timed: the network alone' in out
    assert 'Matrix products of this machine in the same run' in out
    assert tool(SMALL, '--flip', *QUICK, '--csv', path, '--append') == 0
    with open(path, newline='') as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [(row['model'], row['scope']) for row in rows] == [
        (SMALL, 'network'),
        (f'{SMALL} (all cycles)', 'network'),
        (SMALL, 'flip'),
    ]
    assert rows[2]['command'].startswith(f'mim run mmpose_sdpose benchmark {SMALL} --flip')
    assert int(rows[1]['flops_with_attention']) > int(rows[0]['flops_with_attention'])


def test_data_of_a_training_are_made_as_a_worker_of_a_loader_does_in_one_thread(tool):
    cv2.setNumThreads(2)
    assert tool(SMALL, '--training', '--repeats', '1', '--no-memory', '--threads', '2') == 0
    assert cv2.getNumThreads() == 1
    assert tool(SMALL, '--repeats', '1', '--no-memory', '--threads', '2') == 0
    assert cv2.getNumThreads() == 2


def test_an_existing_csv_is_kept_unless_told(tool, tmp_path, capsys):
    path = tmp_path / 'a.csv'
    path.write_text('mine')
    with pytest.raises(SystemExit) as stop:
        tool(SMALL, *QUICK, '--csv', path)
    assert stop.value.code == 2
    assert 'exists: say --append or --force' in capsys.readouterr().err
    assert tool(SMALL, *QUICK, '--csv', path, '--append') == 1
    assert 'it has other columns' in capsys.readouterr().err
    assert path.read_text() == 'mine'
    assert tool(path, *QUICK, '--csv', path, '--force') == 1
    assert 'a.csv is an input and would be lost' in capsys.readouterr().err
    assert tool(SMALL, *QUICK, '--csv', tmp_path, '--force') == 1
    assert 'is a folder: name a file in it' in capsys.readouterr().err
    assert path.read_text() == 'mine'
    assert tool(SMALL, *QUICK, '--csv', path, '--force') == 0
    assert path.read_text().startswith(','.join(COLUMNS))
    whole = path.read_text()
    for end in ('1,2\n', f'{whole.splitlines()[1]},3\n'):
        path.write_text(whole + end)
        assert tool(SMALL, *QUICK, '--csv', path, '--append') == 1
        assert f'row 2 has not {len(COLUMNS)} values' in capsys.readouterr().err
        assert path.read_text() == whole + end


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['--amp'], '--amp is about --training'),
        (['--training', '--amp'], '--amp needs --device cuda'),
        (['--training', '--flip'], 'choose one: --training, --clip'),
        (['--clip', '--batch', '2'], '--clip has the people of a frame as its batch'),
        (['--scope', 'network', '--flip'], '--scope network is a single pass'),
        (['--batch', '0'], '0 is no number from 1 on'),
        (['--append'], 'about --csv'),
        (['--threads', '100000'], '--threads 100000 is more than 1024'),
    ],
)
def test_options_that_do_not_go_together(tool, capsys, arguments, reason):
    with pytest.raises(SystemExit) as stop:
        tool(SMALL, *arguments)
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize('name', ['nothing', 'nothing.onnx', 'mmpose::nothing'])
def test_a_missing_model_is_one_line_on_stderr(tool, capsys, name):
    assert tool(name, *QUICK) == 1
    captured = capsys.readouterr()
    assert 'benchmark: ' in captured.err
    assert 'nothing' in captured.err
    assert captured.out == ''
