from __future__ import annotations

import json
from dataclasses import replace

import pytest

from projects.studies.plan import plan
from projects.studies.plots import plot_arms, plot_cost
from projects.studies.report import (
    COLUMNS,
    markdown_table,
    protocol,
    read_rows,
    rows_of,
    summarise,
    write_rows,
)
from projects.studies.study import Arm

from .studies import SCALE, arm, study


def row(run: str, seed: int, ap: float, group: str = '') -> dict:
    values = dict.fromkeys(COLUMNS, 'x')
    values.update(run=run, label=f'the {run}', seed=seed, ap=ap, group=group, ap50=0.5, ar=0.4)
    values['reference'] = run if group else 'base'
    values.update(steps=10, batch=2, params=1_230_000, flops=4_000_000, seconds=1.5)
    values.update(flops_with_attention=5_000_000, mean_pose_ap=0.001)
    values.update(latency_ms=12.34 if run == 'same' else None)
    values.update(start_ap=0.1 * seed if run == 'same' else None, start_steps=None)
    return values


ROWS = [
    row('base', 1, 0.20),
    row('base', 2, 0.22),
    row('same', 1, 0.215),
    row('same', 2, 0.225),
    row('better', 1, 0.30),
    row('better', 2, 0.31),
    row('worse', 1, 0.10),
    row('worse', 2, 0.12),
    row('once', 1, 0.40),
    row('elsewhere', 1, 0.9, 'other group'),
]


def test_what_seeds_make_is_no_difference():
    found = {one.name: one for one in summarise(ROWS)}
    assert found['base'].gain is None
    assert found['base'].mean == pytest.approx(0.21)
    assert found['base'].deviation == pytest.approx(0.0002**0.5)
    assert found['same'].gain == pytest.approx(0.01)
    assert found['same'].verdict == 'within the spread between seeds (0.020)'
    assert found['better'].verdict == 'better'
    assert found['worse'].verdict == 'worse'
    assert found['once'].verdict == 'one seed: says nothing'
    assert found['once'].deviation is None
    assert found['elsewhere'].gain is None, 'the first of its group'


def test_without_the_reference_nothing_is_compared():
    found = {one.name: one for one in summarise(ROWS[2:6])}
    assert [one.gain for one in found.values()] == [None, None]
    assert found['same'].verdict == 'nothing to compare it with yet'


def test_rows_are_the_studys_in_its_order_and_say_what_they_are_compared_with(tmp_path):
    others = (
        Arm(name, name, 'sdpose', {'model.head.num_cycles': cycles}, group='x')
        for name, cycles in (('b', 2), ('c', 3))
    )
    of_all = study(arm('a', model__head__num_cycles=1), *others)
    jobs = plan(of_all, SCALE, tmp_path, seeds=2)
    jobs.append(replace(jobs[0], arm=arm('a_start'), folder=tmp_path / 'start-1/seed1'))
    jobs[1].start = jobs[-1]
    for job in jobs[1:]:
        job.folder.mkdir(parents=True, exist_ok=True)
        metrics = {'coco/AP': 0.1, 'coco/AP .5': 0.2, 'coco/AR': 0.3}
        result = dict(metrics=metrics, seconds=9.0, resumed=job.seed == 2, steps=7)
        (job.folder / 'result.json').write_text(json.dumps(result))
    rows = rows_of(jobs, of_all, 'micro', {'c': 1.5}, command='x')
    assert [(row['run'], row['seed'], row['reference']) for row in rows] == [
        ('a', 2, 'a'), ('b', 1, 'b'), ('b', 2, 'b'), ('c', 1, 'b'), ('c', 2, 'b')
    ]  # fmt: skip
    assert [row['seconds'] for row in rows] == [None, 9.0, None, 9.0, None]
    assert [row['latency_ms'] for row in rows] == [None, None, None, 1.5, 1.5]
    assert [row['start_ap'] for row in rows] == [None, 0.1, None, None, None]
    assert [row['start_steps'] for row in rows] == [None, 7, None, None, None]


def test_the_table():
    lines = markdown_table(ROWS[:4]).split('\n')
    assert lines[2] == '| the base | 0.210 | 0.014 | 2 |  |  | 1.23 | 0.004 | 0.005 |  |  |'
    assert lines[3] == (
        '| the same | 0.220 | 0.007 | 2 | +0.010 | within the spread between seeds (0.020) | 1.23 | '
        '0.004 | 0.005 | 12.3 | 0.150 |'
    )
    assert lines[4].startswith('| predicting the mean pose | 0.001 |')
    assert len({line.count('|') for line in lines}) == 1


def test_the_protocol_has_every_number_of_steps_with_its_batch():
    rows = [dict(ROWS[0], torch='2.13.0', machine='a machine') for _ in range(3)]
    rows[1].update(batch=1, steps=20)
    rows[2].update(start_steps=5)
    said = protocol('Small pictures', rows)
    assert said.startswith(
        'Small pictures. Steps: 10 of 2 images, 20 of 1 images, 5 and then 10 of 2 images;'
    )
    assert '; PyTorch 2.13.0; a machine; ' in said


def test_rows_come_back_from_the_file(tmp_path):
    path = tmp_path / 'study.csv'
    write_rows(ROWS, path)
    assert read_rows(path) == ROWS
    path.write_text('a,b\n1,2\n')
    with pytest.raises(ValueError, match='not those of a study'):
        read_rows(path)


def test_plots_are_written(tmp_path):
    summaries = summarise(ROWS)
    plot_arms(summaries, 0.001, 'Made up', tmp_path / 'arms.png')
    plot_cost(summaries, 'Made up', tmp_path / 'cost.png')
    plot_cost(summaries[:1], 'Made up', tmp_path / 'cost_alone.png')
    for name in ('arms', 'cost', 'cost_alone'):
        assert (tmp_path / f'{name}.png').read_bytes().startswith(b'\x89PNG')
