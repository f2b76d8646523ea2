"""The page of the studies says what its CSV files say."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from projects.studies.report import (
    latency_file,
    latency_rows,
    markdown_table,
    milliseconds,
    protocol,
    read_rows,
)
from projects.studies.study import read_study

PAGE = Path(__file__).parents[2] / 'projects/studies/README.md'
LATENCIES = sorted(PAGE.parent.glob('*_latency.csv'))
RESULTS = sorted(set(PAGE.parent.glob('*.csv')) - set(LATENCIES))


def unwrapped_page() -> str:
    return ' '.join(PAGE.read_text().split())


def test_there_are_results():
    assert RESULTS


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_the_table_of_a_study_is_the_one_of_its_rows(path):
    rows = read_rows(path)
    assert markdown_table(rows, milliseconds(latency_rows(path))) in PAGE.read_text(), (
        f'{PAGE.name} does not show the table that {path.name} gives'
    )


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_every_table_says_data_steps_machine_and_command(path):
    rows = read_rows(path)
    first = rows.iloc[0]
    scale = read_study(first['study']).scales[first['scale']]
    assert protocol(scale.about, rows) in unwrapped_page()
    assert f'`{first["command"]}`' in unwrapped_page()


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_the_runs_are_those_of_the_study(path):
    rows = read_rows(path)
    study = read_study(rows['study'].iloc[0])
    labels = {arm.name: arm.label for arm in study.arms}
    assert path.stem == f'{study.name}_{rows["scale"].iloc[0]}'
    assert dict(zip(rows['run'], rows['label'])).items() <= labels.items()
    assert not rows.duplicated(['run', 'seed']).any()
    assert rows['command'].str.startswith('python -m projects.studies ').all()


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_every_run_has_left_the_mean_pose_or_the_page_says_so(path):
    for row in read_rows(path).itertuples():
        left = row.ap > 10 * row.mean_pose_ap + 0.02
        assert left or f'{row.label}* stays on the mean pose' in unwrapped_page(), row.label


@pytest.mark.parametrize('path', LATENCIES, ids=lambda path: path.stem)
def test_latencies_are_of_one_command_and_machine_and_the_page_says_which(path):
    assert latency_file(PAGE.parent / f'{path.stem.removesuffix("_latency")}.csv') == path
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    ((command, machine),) = {(row['command'], row['machine']) for row in rows}
    assert f'`{command}`' in unwrapped_page()
    assert f'{machine}; [times]({path.name})' in unwrapped_page()
