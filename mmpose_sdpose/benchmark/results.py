"""Results of a benchmark, as a table to look at and as rows of a CSV file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.table import Table

from ..utils.files import whole_file
from .machine import describe_machine
from .run import Result
from .subject import Subject

COLUMNS = (
    'model', 'engine', 'device', 'threads', 'batch', 'scope', 'input', 'params', 'flops',
    'flops_with_attention', 'median_ms', 'p90_ms', 'fps', 'peak_memory_mb', 'matmul_gflops',
    'share_of_matmul', 'torch', 'command', 'machine',
)  # fmt: skip
#: A training step has more to say: what it consists of, and with which options it was run.
TRAINING_COLUMNS = (
    *COLUMNS[: COLUMNS.index('peak_memory_mb')],
    'options', 'data_ms', 'forward_ms', 'backward_ms',
    *COLUMNS[COLUMNS.index('peak_memory_mb') :],
)  # fmt: skip

Row = dict[str, str]


def row_of(result: Result, command: str) -> Row:
    """One row of the CSV: counts whole, times in ms, ``matmul_gflops`` in 1e9 multiply-adds a second."""
    subject, spec = result.subject, result.subject.spec
    row = dict(
        model=spec.name,
        engine=spec.engine,
        device=spec.device,
        threads=spec.threads,
        batch=spec.batch,
        scope=spec.scope,
        input=_input(subject),
        median_ms=f'{result.median_ms():.3f}',
        p90_ms=f'{result.p90_ms:.3f}',
        fps=f'{result.fps:.2f}',
        peak_memory_mb=_number(result.peak_memory_mb, '.1f'),
        matmul_gflops=f'{result.product_rate:.1f}',
        share_of_matmul=_number(result.share_of_product_rate, '.3f'),
        torch=torch.__version__,
        command=command,
        machine=describe_machine(spec.device, spec.threads),
        **_costs(subject),
    )
    if spec.scope == 'training':
        row['options'] = str(spec.training)
        row |= {f'{part}_ms': f'{result.median_ms(part):.3f}' for part in _PARTS}
    return {key: str(value) for key, value in row.items()}


def columns_of(scope: str) -> tuple[str, ...]:
    """The columns that rows of a scope have."""
    return TRAINING_COLUMNS if scope == 'training' else COLUMNS


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a CSV file that more are to be added to.

    Raises:
        ValueError: If it has other columns.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise ValueError('it has other columns than this benchmark writes: choose another file')
        return list(reader)


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write a CSV file, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def table_of(results: Sequence[Result]) -> Table:
    """One row for each subject; the last column compares it with the first one of its batch size."""
    table = Table(box=None, header_style='bold', pad_edge=False)
    table.add_column('model', overflow='fold')
    training = results[0].subject.spec.scope == 'training'
    for name in _TRAINING_HEADER if training else _HEADER:
        table.add_column(name, justify='right', no_wrap=True)
    for result in results:
        table.add_row(result.subject.spec.name, *_cells(result, _first_of_batch(results, result)))
    return table


_PARTS = ('data', 'forward', 'backward')
_HEADER = (
    'engine', 'batch', 'input', 'params\nM', 'GFLOPs', 'with\nattention', 'median\nms', 'p90\nms',
    'FPS', 'memory\nMB', 'share of\nmatmul', 'speed\nto first',
)  # fmt: skip
_TRAINING_HEADER = (
    'batch', 'input', 'params\nM', 'step\nms', 'p90\nms', 'images/s', 'forward', 'backward',
    'data ms\n1 process', 'workers\nto keep up', 'memory\nMB', 'speed\nto first',
)  # fmt: skip


def _cells(result: Result, first: Result) -> list[str]:
    subject, spec, cost = result.subject, result.subject.spec, result.subject.cost
    median = result.median_ms()
    faster = f'{first.median_ms() / median:.2f}x'
    memory = _number(result.peak_memory_mb, '.0f')
    params = _number(cost and cost.params / 1e6, '.3f')
    common = [str(spec.batch), _input(subject), params]
    if spec.scope == 'training':
        data, forward, backward = (result.median_ms(part) for part in _PARTS)
        shares = [f'{part / (forward + backward):.0%}' for part in (forward, backward)]
        workers = str(math.ceil(data / median))
        times = [f'{median:.1f}', f'{result.p90_ms:.1f}', f'{result.fps:.1f}']
        return [*common, *times, *shares, f'{data:.1f}', workers, memory, faster]
    return [
        {'onnxruntime': 'onnx'}.get(spec.engine, spec.engine),
        *common,
        _number(cost and cost.published_flops / 1e9, '.3f'),
        _number(cost and cost.flops_with_attention / 1e9, '.3f'),
        f'{median:.2f}',
        f'{result.p90_ms:.2f}',
        f'{result.fps:.1f}',
        memory,
        _number(result.share_of_product_rate, '.0%'),
        faster,
    ]


def _first_of_batch(results: Sequence[Result], result: Result) -> Result:
    batch = result.subject.spec.batch
    return next(other for other in results if other.subject.spec.batch == batch)


def _costs(subject: Subject) -> dict[str, int | str]:
    cost = subject.cost
    if cost is None:
        return dict(params='', flops='', flops_with_attention='')
    return dict(
        params=cost.params,
        flops=cost.published_flops,
        flops_with_attention=cost.flops_with_attention,
    )


def _input(subject: Subject) -> str:
    width, height = subject.input_size
    return f'{height}x{width}'


def _number(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)
