"""Results of a benchmark as a table to look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rich.table import Table

from .run import Result
from .subject import PARTS

Column = Callable[[Result], str]


def table_of(results: Sequence[Result]) -> Table:
    """One row for each subject; the last column compares it with the first one of its batch size."""
    scope = results[0].subject.spec.scope
    columns = _COLUMNS.get(scope, _PASS)
    table = Table(box=None, header_style='bold', pad_edge=False)
    table.add_column('model', overflow='fold')
    for name in (*columns, 'speed\nto first'):
        table.add_column(name, justify='right', no_wrap=True)
    for result in results:
        cells = [column(result) for column in columns.values()]
        first = next(other for other in results if _batch(other) == _batch(result))
        faster = f'{first.median_ms() / result.median_ms():.2f}x'
        table.add_row(result.subject.spec.name, *cells, faster)
    return table


def _batch(result: Result) -> str:
    return str(result.subject.spec.batch)


def _input(result: Result) -> str:
    width, height = result.subject.input_size
    return f'{height}x{width}'


def _engine(result: Result) -> str:
    return {'onnxruntime': 'onnx'}.get(result.subject.spec.engine, result.subject.spec.engine)


def _params(result: Result) -> str:
    cost = result.cost
    return '' if cost is None else f'{cost.params / 1e6:.3f}'


def _gflops(result: Result) -> str:
    cost = result.cost
    return '' if cost is None else f'{cost.published_flops / 1e9:.3f}'


def _with_attention(result: Result) -> str:
    cost = result.cost
    return '' if cost is None else f'{cost.flops_with_attention / 1e9:.3f}'


def _memory(result: Result) -> str:
    return '' if result.peak_memory_mb is None else f'{result.peak_memory_mb:.0f}'


def _share_of_product(result: Result) -> str:
    share = result.share_of_product_rate
    return '' if share is None else f'{share:.0%}'


def _workers(result: Result) -> str:
    return str(math.ceil(result.median_ms('data') / result.median_ms()))


def _forward_share(result: Result) -> float:
    forward, backward = result.median_ms('forward'), result.median_ms('backward')
    return forward / (forward + backward)


def _overhead(result: Result) -> str:
    around = result.median_ms('preprocessing') + result.median_ms('decoding')
    return f'{around / result.median_ms("network"):.0%}'


def _share(part: str) -> Column:
    return lambda result: f'{result.median_ms(part) / result.median_ms():.0%}'


def _ms(part: str) -> Column:
    return lambda result: f'{result.median_ms(part):.2f}'


_PASS = {
    'engine': _engine,
    'batch': _batch,
    'input': _input,
    'params\nM': _params,
    'GFLOPs': _gflops,
    'with\nattention': _with_attention,
    'median\nms': _ms('total'),
    'p90\nms': lambda result: f'{result.p90_ms:.2f}',
    'FPS': lambda result: f'{result.fps:.1f}',
    'memory\nMB': _memory,
    'share of\nmatmul': _share_of_product,
}
_COLUMNS = {
    'training': {
        'batch': _batch,
        'input': _input,
        'params\nM': _params,
        'step\nms': _ms('total'),
        'p90\nms': lambda result: f'{result.p90_ms:.1f}',
        'images\na second': lambda result: f'{result.fps:.1f}',
        'forward': lambda result: f'{_forward_share(result):.0%}',
        'backward': lambda result: f'{1 - _forward_share(result):.0%}',
        'data ms\n1 process': _ms('data'),
        'workers\nto keep up': _workers,
        'memory\nMB': _memory,
    },
    'clip': {
        'input': _input,
        'frame\nms': _ms('total'),
        'p90\nms': lambda result: f'{result.p90_ms:.2f}',
        'frames\na second': lambda result: f'{result.fps:.1f}',
        **{part: _share(part) for part in PARTS['clip']},
        'preprocessing and\ndecoding / network': _overhead,
        'memory\nMB': _memory,
    },
}
