"""Results as rows of a CSV file and as a table to look at."""

from __future__ import annotations

import csv
import io
import math
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.table import Table

from sdpose_runtime.files import whole_file

from .run import Result
from .spec import PARTS

COLUMNS = (
    'model', 'engine', 'device', 'threads', 'batch', 'scope', 'input', 'params', 'flops',
    'flops_with_attention', 'median_ms', 'p90_ms', 'processes', 'fps', 'peak_memory_mb', 'matmul_gflops',
    'share_of_matmul', 'torch', 'command', 'machine',
)  # fmt: skip

Row = dict[str, str]


def describe_machine(device: str, threads: int) -> str:
    """The processor as it calls itself and the threads used; for CUDA the device as well."""
    info = Path('/proc/cpuinfo')
    found = re.search(r'^model name\s*:\s*(.+)$', info.read_text(), re.M) if info.exists() else None
    processor = found.group(1).strip() if found else platform.processor() or platform.machine()
    text = f'{processor}, {threads} thread{"s" * (threads != 1)}'
    return f'{torch.cuda.get_device_name()}; {text}' if device == 'cuda' else text


def columns_of(scope: str) -> tuple[str, ...]:
    """The columns of a scope: where a pass has parts, theirs come after ``fps``."""
    if scope not in PARTS:
        return COLUMNS
    middle = COLUMNS.index('fps') + 1
    options = ('options',) if scope == 'training' else ()
    parts = tuple(f'{part}_ms' for part in PARTS[scope])
    return (*COLUMNS[:middle], *options, *parts, *COLUMNS[middle:])


def row_of(result: Result, command: str) -> Row:
    """One row: counts whole, ``matmul_gflops`` in giga multiply-adds a second, unknowns empty."""
    spec, cost = result.subject.spec, result.cost
    row = dict(
        model=spec.name,
        engine=spec.engine,
        device=spec.device,
        threads=spec.threads,
        batch=spec.batch,
        scope=spec.scope,
        input=_input_of(result),
        params='' if cost is None else cost.params,
        flops='' if cost is None else cost.published_flops,
        flops_with_attention='' if cost is None else cost.flops_with_attention,
        median_ms=f'{result.median_ms():.3f}',
        p90_ms=f'{result.p90_ms:.3f}',
        processes=result.processes,
        fps=f'{result.fps:.2f}',
        peak_memory_mb=_number(result.peak_memory_mb, '.1f'),
        matmul_gflops=f'{result.product_rate:.1f}',
        share_of_matmul=_number(result.share_of_product_rate, '.3f'),
        torch=torch.__version__,
        command=command,
        machine=describe_machine(spec.device, spec.threads),
        options=spec.training,
        **{f'{part}_ms': f'{result.median_ms(part):.3f}' for part in PARTS.get(spec.scope, ())},
    )
    return {name: str(row[name]) for name in columns_of(spec.scope)}


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a CSV file that more are to be added to.

    Raises:
        ValueError: If it has other columns, or a row that is too long or too short.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise ValueError('it has other columns than this benchmark writes: choose another file')
        rows = list(reader)
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():  # as DictReader says it
            raise ValueError(
                f'row {number} has not {len(columns)} values, as the header: mend it, or choose another '
                'file'
            )
    return rows


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
    rows = [_cells_of(result) for result in results]
    table = Table(box=None, header_style='bold', pad_edge=False)
    table.add_column('model', overflow='fold')
    for heading in (*rows[0], 'speed\nto first'):
        table.add_column(heading, justify='right', no_wrap=True)
    first_ms: dict[int, float] = {}
    for result, cells in zip(results, rows):
        spec, ms = result.subject.spec, result.median_ms()
        faster = first_ms.setdefault(spec.batch, ms) / ms
        table.add_row(spec.name, *cells.values(), f'{faster:.2f}x')
    return table


def _cells_of(result: Result) -> dict[str, str]:
    """A row's cells by the heading of their column."""
    spec, cost, ms = result.subject.spec, result.cost, result.median_ms
    batch = {'batch': str(spec.batch)}
    network = {
        'input': _input_of(result),
        'params\nM': f'{cost.params / 1e6:.3f}' if cost else '',
    }
    memory = {'memory\nMB': _number(result.peak_memory_mb, '.0f')}
    if spec.scope == 'training':
        forward = ms('forward') / (ms('forward') + ms('backward'))
        return {
            **batch,
            **network,
            'step\nms': f'{ms():.2f}',
            'p90\nms': f'{result.p90_ms:.1f}',
            'images\na second': f'{result.fps:.1f}',
            'forward': f'{forward:.0%}',
            'backward': f'{1 - forward:.0%}',
            'data ms\n1 process': f'{ms("data"):.2f}',
            'workers\nto keep up': str(math.ceil(ms('data') / ms())),
            **memory,
        }
    if spec.scope == 'clip':
        around = (ms('preprocessing') + ms('decoding')) / ms('network')
        return {
            'input': _input_of(result),
            'frame\nms': f'{ms():.2f}',
            'p90\nms': f'{result.p90_ms:.2f}',
            'frames\na second': f'{result.fps:.1f}',
            **{part: f'{ms(part) / ms():.0%}' for part in PARTS['clip']},
            'preprocessing and\ndecoding / network': f'{around:.0%}',
            **memory,
        }
    return {
        'engine': spec.engine.replace('runtime', ''),
        **batch,
        **network,
        'GFLOPs': f'{cost.published_flops / 1e9:.3f}' if cost else '',
        'with\nattention': f'{cost.flops_with_attention / 1e9:.3f}' if cost else '',
        'median\nms': f'{ms():.2f}',
        'p90\nms': f'{result.p90_ms:.2f}',
        'FPS': f'{result.fps:.1f}',
        **memory,
        'share of\nmatmul': _number(result.share_of_product_rate, '.0%'),
    }


def _input_of(result: Result) -> str:
    width, height = result.subject.input_size
    return f'{height}x{width}'


def _number(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)
