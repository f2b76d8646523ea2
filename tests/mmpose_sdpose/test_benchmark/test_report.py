"""Results as CSV rows and tables."""

from __future__ import annotations

from mmpose_sdpose.benchmark.report import (
    COLUMNS,
    columns_of,
    read_rows,
    row_of,
    table_of,
    write_rows,
)
from mmpose_sdpose.benchmark.run import Result
from mmpose_sdpose.benchmark.spec import Spec, Subject
from mmpose_sdpose.evaluation.complexity import Complexity

import numpy as np
import pytest
import torch
from rich.console import Console

COST = Complexity(params=4_398_528, published_flops=1_798_790_784, flops_with_attention=2 * 10**9)


def result(
    spec: Spec, cost: Complexity | None = COST, passes: int = 1, **times: list[float]
) -> Result:
    subject = Subject(spec, (192, 256), measure=dict, passes=passes)
    arrays = {part: np.array(values) for part, values in times.items()}
    return Result(subject, cost, arrays, peak_memory_mb=61.84, product_rate=50.0)


def shown(results: list[Result]) -> list[list[str]]:
    console = Console(width=200, highlight=False)
    with console.capture() as capture:
        console.print(table_of(results))
    return [line.split() for line in capture.get().splitlines()]


def test_row_of_a_prediction(monkeypatch):
    monkeypatch.setattr('mmpose_sdpose.benchmark.report.describe_machine', lambda *_: 'a processor')
    row = row_of(result(Spec('a/b.py', batch=8, threads=2), total=[700, 800, 900]), 'mim run …')
    assert row == dict(
        model='b',
        engine='pytorch',
        device='cpu',
        threads='2',
        batch='8',
        scope='network',
        input='256x192',
        params='4398528',
        flops='1798790784',
        flops_with_attention='2000000000',
        median_ms='800.000',
        p90_ms='880.000',
        processes='1',
        fps='10.00',
        peak_memory_mb='61.8',
        matmul_gflops='50.0',
        share_of_matmul='0.400',
        torch=torch.__version__,
        command='mim run …',
        machine='a processor',
    )
    assert tuple(row) == COLUMNS


def test_of_several_processes_the_median_of_their_medians_counts():
    """Two runs in each of three processes, one of which was disturbed."""
    several = result(Spec('b.onnx'), total=[1, 3, 10, 30, 2, 2])
    several.processes = 3
    assert several.medians_ms().tolist() == [2, 20, 2]
    assert several.median_ms() == 2
    assert row_of(several, '')['processes'] == '3'


def test_flip_test_runs_the_network_twice():
    once, twice = (result(Spec('b.py'), passes=passes, total=[100]) for passes in (1, 2))
    assert twice.share_of_product_rate == 2 * once.share_of_product_rate == 0.8


def test_unknown_cost_is_left_empty():
    row = row_of(result(Spec('b.onnx'), cost=None, total=[100]), '')
    assert row['engine'] == 'onnxruntime'
    assert {row[name] for name in ('params', 'flops', 'flops_with_attention')} == {''}
    assert row['share_of_matmul'] == ''


def test_rows_of_training_and_clip_have_their_parts():
    parts = dict(data=[30], forward=[40], backward=[60], total=[100])
    row = row_of(result(Spec('b.py', batch=8, scope='training'), **parts), '')
    assert tuple(row) == columns_of('training')
    assert [row[f'{part}_ms'] for part in ('data', 'forward', 'backward', 'median')] == [
        '30.000',
        '40.000',
        '60.000',
        '100.000',
    ]
    assert (row['options'], row['fps'], row['share_of_matmul']) == ('plain', '80.00', '')
    parts = dict(preprocessing=[1], network=[40], decoding=[3], drawing=[4], total=[50])
    row = row_of(result(Spec('b.onnx', batch=3, scope='clip'), None, **parts), '')
    assert tuple(row) == columns_of('clip')
    assert (row['fps'], row['decoding_ms']) == ('20.00', '3.000')


def test_rows_are_read_back_and_other_columns_refused(tmp_path):
    path = tmp_path / 'a.csv'
    rows = [row_of(result(Spec('b.py', batch=n), total=[n]), 'x, "y"') for n in (1, 8)]
    write_rows(path, COLUMNS, rows)
    assert read_rows(path, COLUMNS) == rows
    assert path.read_text().splitlines()[0] == ','.join(COLUMNS)
    with pytest.raises(ValueError, match='other columns'):
        read_rows(path, columns_of('training'))


def test_table_compares_with_the_first_of_the_same_batch():
    specs = [Spec(name, batch=n) for n in (1, 8) for name in ('a.py', 'b.onnx')]
    times = [100, 50, 400, 100]
    lines = shown([result(spec, total=[ms]) for spec, ms in zip(specs, times)])
    expected = [
        'a pytorch 1 256x192 4.399 1.799 2.000 100.00 100.00 10.0 62 40% 1.00x',
        'b onnx 1 256x192 4.399 1.799 2.000 50.00 50.00 20.0 62 80% 2.00x',
        'a pytorch 8 256x192 4.399 1.799 2.000 400.00 400.00 20.0 62 80% 1.00x',
        'b onnx 8 256x192 4.399 1.799 2.000 100.00 100.00 80.0 62 320% 4.00x',
    ]
    assert lines[-4:] == [line.split() for line in expected]


def test_tables_of_training_and_clip():
    parts = dict(data=[250], forward=[40], backward=[60], total=[100])
    lines = shown([result(Spec('a.py', batch=8, scope='training'), **parts)])
    expected = 'a 8 256x192 4.399 100.00 100.0 80.0 40% 60% 250.00 3 62 1.00x'
    assert lines[-1] == expected.split()
    parts = dict(preprocessing=[2], network=[40], decoding=[3], drawing=[4], total=[50])
    lines = shown([result(Spec('a.onnx', batch=3, scope='clip'), None, **parts)])
    expected = 'a 256x192 50.00 50.00 20.0 4% 80% 6% 8% 12% 62 1.00x'
    assert lines[-1] == expected.split()
