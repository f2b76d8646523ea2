"""Results of a benchmark as rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import torch

from sdpose_runtime.files import whole_file

from .machine import describe_machine
from .run import Result
from .subject import PARTS

COLUMNS = (
    'model', 'engine', 'device', 'threads', 'batch', 'scope', 'input', 'params', 'flops',
    'flops_with_attention', 'median_ms', 'p90_ms', 'fps', 'peak_memory_mb', 'matmul_gflops',
    'share_of_matmul', 'torch', 'command', 'machine',
)  # fmt: skip

Row = dict[str, str]


def columns_of(scope: str) -> tuple[str, ...]:
    """The columns of a scope: where a pass has parts, theirs come after ``fps``."""
    if scope not in PARTS:
        return COLUMNS
    middle = COLUMNS.index('fps') + 1
    options = ('options',) if scope == 'training' else ()
    return (
        *COLUMNS[:middle],
        *options,
        *(f'{part}_ms' for part in PARTS[scope]),
        *COLUMNS[middle:],
    )


def row_of(result: Result, command: str) -> Row:
    """One row: counts whole, ``matmul_gflops`` in giga multiply-adds a second, unknowns empty."""
    subject, spec, cost = result.subject, result.subject.spec, result.cost
    width, height = subject.input_size
    row = dict(
        model=spec.name,
        engine=spec.engine,
        device=spec.device,
        threads=spec.threads,
        batch=spec.batch,
        scope=spec.scope,
        input=f'{height}x{width}',
        params='' if cost is None else cost.params,
        flops='' if cost is None else cost.published_flops,
        flops_with_attention='' if cost is None else cost.flops_with_attention,
        median_ms=f'{result.median_ms():.3f}',
        p90_ms=f'{result.p90_ms:.3f}',
        fps=f'{result.fps:.2f}',
        peak_memory_mb=_number(result.peak_memory_mb, '.1f'),
        matmul_gflops=f'{result.product_rate:.1f}',
        share_of_matmul=_number(result.share_of_product_rate, '.3f'),
        torch=torch.__version__,
        command=command,
        machine=describe_machine(spec.device, spec.threads),
    )
    parts = {f'{part}_ms': f'{result.median_ms(part):.3f}' for part in PARTS.get(spec.scope, ())}
    row = {**row, **parts, 'options': str(spec.training)}
    return {name: str(row[name]) for name in columns_of(spec.scope)}


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


def _number(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)
