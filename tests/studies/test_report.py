from __future__ import annotations

import json
import re
from dataclasses import replace

from mmpose_sdpose.benchmark import report as benchmark

import pandas as pd
import pytest

from projects.studies import report
from projects.studies.jobs import list_jobs
from projects.studies.report import (
    COLUMNS,
    latency_rows,
    markdown_table,
    milliseconds,
    plot_arms,
    plot_cost,
    protocol,
    read_rows,
    rows_of,
    summarise,
    with_earlier,
    write_rows,
)
from projects.studies.study import Arm, read_study

from .studies import SCALE, arm, study


def row(run: str, seed: int, ap: float, group: str = '') -> dict:
    values = dict.fromkeys(COLUMNS, 'x')
    values.update(run=run, label=f'the {run}', seed=seed, ap=ap, group=group, ap50=0.5, ar=0.4)
    values['reference'] = run if group else 'base'
    values.update(steps=10, batch=2, params=1_230_000, flops=4_000_000, seconds=1.5)
    values.update(flops_with_attention=5_000_000, mean_pose_ap=0.001)
    values.update(pck=None)
    values.update(start_ap=0.1 * seed if run == 'same' else None, start_steps=None)
    return values


ROWS = pd.DataFrame(
    [
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
).astype({'start_steps': 'Int64', 'pck': float})


def test_what_seeds_make_is_no_difference():
    found = summarise(ROWS)
    assert list(found.index) == ['base', 'same', 'better', 'worse', 'once', 'elsewhere']
    base, same = found.loc['base'], found.loc['same']
    assert pd.isna(base['gain']) and base['verdict'] == ''
    assert base['mean'] == pytest.approx(0.21)
    assert base['std'] == pytest.approx(0.0002**0.5)
    assert base['aps'] == [0.20, 0.22]
    assert same['gain'] == pytest.approx(0.01)
    assert same['verdict'] == 'within the spread between seeds (0.020)'
    assert same['start_ap'] == pytest.approx(0.15)
    assert found.loc['better', 'verdict'] == 'better'
    assert found.loc['worse', 'verdict'] == 'worse'
    assert found.loc['once', 'verdict'] == 'one seed: says nothing'
    assert pd.isna(found.loc['once', 'std'])
    assert pd.isna(found.loc['elsewhere', 'gain']), 'the first of its group'


def test_without_the_reference_nothing_is_compared():
    found = summarise(ROWS[2:6])
    assert found['gain'].isna().all()
    assert set(found['verdict']) == {'nothing to compare it with yet'}


@pytest.mark.parametrize('prefix', ['coco', 'crowdpose'])
def test_rows_are_the_studys_in_its_order_and_say_what_they_are_compared_with(prefix, tmp_path):
    others = (
        Arm(name, name, 'sdpose', {'model.head.num_cycles': cycles}, group='x')
        for name, cycles in (('b', 2), ('c', 3))
    )
    of_all = study(arm('a', model__head__num_cycles=1), *others)
    jobs = list_jobs(of_all, SCALE, tmp_path, seeds=2)
    jobs.append(replace(jobs[0], arm=arm('a_start'), folder=tmp_path / 'start-1/seed1'))
    jobs[1].start = jobs[-1]
    for job in jobs[1:]:
        job.folder.mkdir(parents=True, exist_ok=True)
        metrics = {f'{prefix}/AP': 0.1, f'{prefix}/AP .5': 0.2, f'{prefix}/AR': 0.3, 'PCK': 0.4}
        result = dict(metrics=metrics, seconds=9.0, resumed=job.seed == 2, steps=7)
        (job.folder / 'result.json').write_text(json.dumps(result))
    rows = rows_of(jobs, of_all, 'micro', command='x')
    assert tuple(rows.columns) == COLUMNS
    found = rows[['run', 'seed', 'reference', 'ap', 'ap50', 'ar', 'pck']].to_numpy().tolist()
    assert found == [
        ['a', 2, 'a', 0.1, 0.2, 0.3, 0.4],
        ['b', 1, 'b', 0.1, 0.2, 0.3, 0.4],
        ['b', 2, 'b', 0.1, 0.2, 0.3, 0.4],
        ['c', 1, 'b', 0.1, 0.2, 0.3, 0.4],
        ['c', 2, 'b', 0.1, 0.2, 0.3, 0.4],
    ]
    optional = rows[['seconds', 'start_ap', 'start_steps']].astype(object)
    assert optional.where(optional.notna(), None).to_numpy().tolist() == [
        [None, None, None],
        [9.0, 0.1, 7],
        [None, None, None],
        [9.0, None, None],
        [None, None, None],
    ]


def test_the_scale_of_crowdpose_reports_its_own_metric(tmp_path):
    whole = read_study('cycles')
    jobs = list_jobs(whole, whole.scales['full_crowdpose'], tmp_path, 1, ['tokenpose'])
    prefix = jobs[0].config.val_evaluator.prefix
    assert prefix == 'crowdpose'
    metrics = {f'{prefix}/{name}': 0.25 for name in ('AP', 'AP .5', 'AR', 'AP(E)')}
    jobs[0].folder.mkdir(parents=True)
    result = dict(metrics=metrics, seconds=9.0, resumed=False, steps=7)
    (jobs[0].folder / 'result.json').write_text(json.dumps(result))
    rows = rows_of(jobs, whole, 'full_crowdpose')
    assert rows[['ap', 'ap50', 'ar']].to_numpy().tolist() == [[0.25, 0.25, 0.25]]


def test_the_table():
    lines = markdown_table(ROWS[:4], {'same': 12.34}).split('\n')
    assert lines[2] == '| the base | 2 | 0.210 | 0.014 |  | 1.23 | 0.004 | 0.005 |  |  |'
    assert lines[3] == (
        '| the same | 2 | 0.220 | 0.007 | +0.010, within the spread between seeds (0.020) | 1.23 | '
        '0.004 | 0.005 | 12.3 | 0.150 |'
    )
    assert lines[4].startswith('| predicting the mean pose |  | 0.001 |')
    assert len({line.count('|') for line in lines}) == 1


def test_the_table_has_pck_where_it_was_measured():
    rows = ROWS[:4].assign(pck=[0.5, 0.7, 0.75, 0.75], start_ap=float('nan'))
    lines = markdown_table(rows, {}).split('\n')
    assert lines[0] == (
        '| run | seeds | AP, mean | std | difference | PCK, mean | std of PCK | difference of PCK | '
        'params (M) | GFLOPs | with attention |'
    )
    assert (
        lines[2] == '| the base | 2 | 0.210 | 0.014 |  | 0.600 | 0.141 |  | 1.23 | 0.004 | 0.005 |'
    )
    assert '| 0.750 | 0.000 | +0.150, within the spread between seeds (0.200) | 1.23 |' in lines[3]
    assert len({line.count('|') for line in lines}) == 1


def test_pck_is_judged_as_ap_is():
    pck = [0.50, 0.52, 0.53, 0.54, 0.4, 0.4, 0.505, 0.515, 0.9, 0.1]
    found = summarise(ROWS.assign(pck=pck))
    assert found['pck_verdict'].tolist() == [
        '', 'better', 'worse', 'within the spread between seeds (0.020)', 'one seed: says nothing', ''
    ]  # fmt: skip
    assert found['pck_gain'].tolist()[1:4] == pytest.approx([0.025, -0.11, 0.0])
    assert found['pcks'].tolist()[:2] == [[0.50, 0.52], [0.53, 0.54]]
    assert found['verdict'].tolist() == summarise(ROWS)['verdict'].tolist()


def test_the_protocol_has_every_number_of_steps_with_its_batch():
    rows = ROWS[:3].assign(torch='2.13.0', machine='a machine', batch=[2, 1, 2], steps=[10, 20, 10])
    rows['start_steps'] = pd.array([None, None, 5], 'Int64')
    said = protocol('Small pictures', rows)
    assert said.startswith(
        'Small pictures. Steps: 10 of 2 images, 20 of 1 images, 5 and then 10 of 2 images;'
    )
    assert '; PyTorch 2.13.0; a machine; ' in said


def test_rows_come_back_from_the_file(tmp_path):
    path = tmp_path / 'study.csv'
    write_rows(ROWS, path)
    pd.testing.assert_frame_equal(read_rows(path), ROWS)
    path.write_text('a,b\n1,2\n')
    with pytest.raises(ValueError, match='not those of a study: move it away'):
        read_rows(path)


def test_rows_of_an_earlier_command_stay_and_new_ones_take_the_place_of_the_same_run(tmp_path):
    whole = replace(study(), arms=[arm(name) for name in ('base', 'same', 'better', 'worse')])
    path = tmp_path / 'study.csv'
    new = ROWS[ROWS['run'] == 'same'].assign(ap=0.5, command='another', torch='newer')
    assert with_earlier(new, path, whole) is new, 'nothing is there'
    write_rows(ROWS, path)
    both = with_earlier(new, path, whole)
    assert sorted(zip(both['run'], both['seed'])) == sorted(zip(ROWS['run'], ROWS['seed']))
    assert list(both['run'].unique())[:4] == ['base', 'same', 'better', 'worse']
    assert (both['ap'] == 0.5).tolist() == (both['run'] == 'same').tolist()
    assert 'PyTorch x and newer; x; ' in protocol('about', both)
    write_rows(both, path)
    pd.testing.assert_frame_equal(read_rows(path), both)
    assert with_earlier(both, path, whole) is both, 'each of them is new'


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda text: '', '{} has the columns []'),
        (
            lambda text: text.replace(',0.2,', ',many,'),
            "row 1 of {} has ap 'many', which is no number",
        ),
        (
            lambda text: text.replace(',0.2,', ',nan,'),
            "row 1 of {} has ap 'nan', which is no number",
        ),
        (lambda text: text + text.splitlines()[1] + '\n', '{} has seed 1 of base twice'),
        (lambda text: text[:-1] + ',more\n', 'row 10 of {} has 25 values, not 24'),
        (lambda text: text.replace('seed', 'sede', 1), '{} has the columns'),
    ],
)
def test_a_damaged_table_is_named(tmp_path, change, said):
    path = tmp_path / 'study.csv'
    write_rows(ROWS, path)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=re.escape(said.format(path))):
        read_rows(path)


def test_plots_are_written(tmp_path):
    arms = summarise(ROWS)
    plot_arms(arms, 'Made up', tmp_path / 'arms.png')
    plot_arms(summarise(ROWS.assign(pck=0.5)), 'Made up', tmp_path / 'with_pck.png')
    plot_cost(arms, {'same': 12.34, 'once': 1.0}, 'Made up', tmp_path / 'cost.png')
    plot_cost(arms[:1], {}, 'Made up', tmp_path / 'cost_alone.png')
    for name in ('arms', 'with_pck', 'cost', 'cost_alone'):
        assert (tmp_path / f'{name}.png').read_bytes().startswith(b'\x89PNG')


def test_a_run_has_one_colour_in_both_panels_of_the_costs(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        report.Axes, 'errorbar', lambda axis, cost, *a, **look: drawn.append((cost, look))
    )
    monkeypatch.setattr(report.Figure, 'legend', lambda *a, **k: None)
    plot_cost(summarise(ROWS), {'worse': 2.0, 'once': 1.0}, 'Made up', tmp_path / 'cost.png')
    count = ROWS['run'].nunique()
    assert len(drawn) == 2 * count
    for (_, flops), (_, time) in zip(drawn[:count], drawn[count:]):
        assert flops == time
    assert [cost for cost, _ in drawn[count:] if not pd.isna(cost)] == [2.0, 1.0]


LATENCY = 'study_latency.csv'


def test_latencies_lie_beside_the_runs(tmp_path):
    assert latency_rows(tmp_path / 'study.csv') == []
    row = dict.fromkeys(benchmark.COLUMNS, 'x') | dict(model='base', median_ms='1.25')
    benchmark.write_rows(tmp_path / LATENCY, benchmark.COLUMNS, [row])
    assert milliseconds(latency_rows(tmp_path / 'study.csv')) == {'base': 1.25}


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda text: text.replace('1.25', 'fast'), "could not convert string to float: 'fast'"),
        (lambda text: text.replace('median_ms', 'ms'), 'it has other columns'),
        (lambda text: text + 'base\n', 'row 2 has not 20 values'),
        (lambda text: text.replace('1.25', 'inf'), 'the time of base (inf) is no positive number'),
        (lambda text: text.replace('1.25', '-1'), 'the time of base (-1.0) is no positive number'),
        (lambda text: text + text.splitlines()[1] + '\n', 'it has a network twice'),
    ],
)
def test_a_damaged_file_of_latencies_is_named(tmp_path, change, said):
    row = dict.fromkeys(benchmark.COLUMNS, 'x') | dict(model='base', median_ms='1.25')
    benchmark.write_rows(tmp_path / LATENCY, benchmark.COLUMNS, [row])
    (tmp_path / LATENCY).write_text(change((tmp_path / LATENCY).read_text()))
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        latency_rows(tmp_path / 'study.csv')
    assert str(tmp_path / LATENCY) in str(raised.value)
