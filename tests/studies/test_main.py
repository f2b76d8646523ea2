"""The command, run for real on a few drawn people."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from projects.studies.__main__ import main, mean_pose
from projects.studies.jobs import list_jobs
from projects.studies.study import read_study
from sdpose_synth import Settings, write_dataset

from .studies import write_study

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp('study')
    write_dataset(folder / 'data', Settings(train=24, val=8, seed=0, size=96, company='alone'))
    write_study(folder)
    return folder


def study(workspace, *arguments: str) -> subprocess.CompletedProcess:
    paths = (ROOT, ROOT / 'projects/runtime', ROOT / 'projects/synthpose')
    environment = {
        **os.environ,
        'SYNTHPOSE_MICRO_ROOT': str(workspace / 'data'),
        'PYTHONPATH': os.pathsep.join(map(str, paths)),
    }
    command = [sys.executable, '-m', 'projects.studies', *arguments]
    return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True)


def test_a_study_with_a_run_that_fails(workspace):
    done = study(workspace, 'made_up.py', '--jobs', '2', '--threads', '1', '--out', 'out')
    assert done.returncode == 1, done.stderr[-2000:]
    assert 'bad seed 1: FAILED: ValueError: num_cycles (0) must be at least 1' in done.stdout
    assert 'after_bad seed 2: FAILED: needs bad seed 1, which failed' in done.stdout
    with open(workspace / 'out/made_up_micro.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['run'], row['seed']) for row in rows] == [('good', '1'), ('good', '2')]
    assert all(row['steps'] == '3' for row in rows)
    assert rows[0]['command'].startswith('python -m projects.studies made_up.py --jobs 2')
    text = (workspace / 'out/made_up_micro.md').read_text()
    assert '| 1 cycle | ' in text
    assert (workspace / 'out/made_up_micro.png').is_file()

    kept = [
        path.stat().st_mtime_ns for path in workspace.glob('out/micro/good-*/seed*/result.json')
    ]
    only = ('--only', 'good', '--seeds', '1', '--threads', '1', '--out', 'out')
    again = study(workspace, 'made_up.py', *only)
    assert again.returncode == 0, again.stderr[-2000:]
    assert 'out/made_up_micro.csv keeps 1 of its rows, of earlier commands' in again.stdout
    with open(workspace / 'out/made_up_micro.csv', newline='') as file:
        assert [row['seed'] for row in csv.DictReader(file)] == ['1', '2']
    assert (workspace / 'out/made_up_micro.md').read_text().count(
        '`python -m projects.studies'
    ) == 2
    again = study(workspace, 'made_up.py', *only, '--seeds', '2')
    assert again.returncode == 0, again.stderr[-2000:]
    assert '2 runs, 2 of them done before' in again.stdout
    assert len(kept) == 2
    runs = (workspace / 'out/made_up_micro.csv').read_bytes()
    timed = study(workspace, 'made_up.py', *only, '--latency')
    assert timed.returncode == 0, timed.stderr[-2000:]
    with open(workspace / 'out/made_up_micro_latency.csv', newline='') as file:
        (row,) = csv.DictReader(file)
    assert (row['model'], row['input'], row['threads']) == ('good', '96x64', '1')
    assert row['command'].endswith('--latency')
    cell = f' | {float(row["median_ms"]):.1f} |'
    text = (workspace / 'out/made_up_micro.md').read_text()
    assert '| latency (ms) |' in text and cell in text
    assert f'Latency: {row["machine"]}; `{row["command"]}`' in text
    assert (workspace / 'out/made_up_micro.csv').read_bytes() == runs
    timed = study(workspace, 'made_up.py', '--threads', '1', '--out', 'out', '--latency')
    assert timed.returncode == 2
    assert 'studies: bad.py cannot be built' in timed.stderr
    assert '; --only times the runs that it names' in timed.stderr
    assert kept == [
        path.stat().st_mtime_ns for path in workspace.glob('out/micro/good-*/seed*/result.json')
    ]


def test_the_mean_pose_of_crowdpose(photos, tmp_path):
    """Of the scale full_crowdpose, on the sample's two photos."""
    sample = f'{photos}/crowdpose_sample/'
    options = {'val_evaluator.ann_file': sample + 'test_crowdpose.json'}
    for dataset in ('train_dataloader.dataset', 'val_dataloader.dataset'):
        own = dict(data_root=sample, ann_file='test_crowdpose.json', data_prefix=dict(img=''))
        options.update({f'{dataset}.{key}': value for key, value in own.items()})
    options['val_dataloader.dataset.bbox_file'] = sample + 'test_crowdpose_det_AP_40.json'
    whole = read_study('cycles')
    scale = whole.scales['full_crowdpose']
    job = list_jobs(whole, scale, tmp_path, 1, ['tokenpose'], options)[0]
    assert mean_pose(job) == mean_pose(job) > 0
    (kept,) = tmp_path.glob('full_crowdpose/mean_pose-*.json')
    assert json.loads(kept.read_text())['crowdpose/AP'] == mean_pose(job)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['absent'], 'studies: no study absent: neither a file nor one of across, backbones'),
        (['cycles', '--scale', 'huge'], 'studies: no scale huge; cycles has micro, photos, small'),
        (['cycles', '--only', 'x'], 'studies: cycles has no run x; it has tokenpose'),
        (['cycles', '--out', 'a_file/x'], 'studies: [Errno 20] Not a directory'),
        (['a_file.py'], 'studies: a_file.py is no config that can be read: SyntaxError'),
        (['cycles', '--seeds', '0'], '--seeds (0) must be at least 1'),
        (['cycles', '--epochs', '0'], '--epochs (0) must be at least 1'),
        (['peers', '--epochs', '3'], 'studies: 1.5 epochs: choose --epochs so that each run'),
        (['cycles', '--scale', 'small'], 'make_synthpose --out data/synthpose-small'),
        (['cycles', '--out', 'other'], 'other/cycles_micro.csv has the columns'),
        (['distillation', '--latency', '--only', 'teacher'], 'name one that is compared'),
    ],
)
def test_what_cannot_be_run_is_said(workspace, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(workspace)
    for name in ('a_file', 'a_file.py'):
        Path(name).write_text('study = (')
    Path('other').mkdir(exist_ok=True)
    Path('other/cycles_micro.csv').write_text('mine\n1\n')
    monkeypatch.setattr(sys, 'argv', ['studies', *arguments])
    assert exit_code() == 2
    assert message in capsys.readouterr().err


def test_the_studies_are_listed(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['studies'])
    assert exit_code() == 0
    listed = ' '.join(capsys.readouterr().out.split())
    assert (
        'cycles (micro, photos, small, full, full_crowdpose): Cycles and self-distillation'
        in listed
    )


def exit_code() -> int:
    """What the command would leave its shell with."""
    try:
        return main()
    except SystemExit as stop:  # argparse
        return stop.code
