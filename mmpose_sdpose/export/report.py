"""What the export tool prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table

from sdpose_runtime.metadata_format import HEATMAPS, NORMALISED, PIXELS

from .export import Exported
from .request import SIMCC

OUTPUTS = {
    HEATMAPS: 'heatmaps, to be decoded by the codec in the metadata',
    NORMALISED: 'keypoints in units of the input size, and scores',
    PIXELS: 'keypoints in pixels of the input, and scores',
    SIMCC: 'simcc_x and simcc_y, bumps at the decoded keypoints',
}


def summary(exported: Exported, path: Path) -> Table:
    """What was written and how near it is to PyTorch."""
    table = Table(show_header=False, title=str(path), title_justify='left', box=None)
    entry, graph = exported.entry, exported.graph
    width, height = entry['input_size']
    batch = graph.graph.input[0].type.tensor_type.shape.dim[0]
    size = f'{batch.dim_value or "any"} x 3 x {height} x {width}'
    opset = max(entry.version for entry in graph.opset_import if not entry.domain)
    table.add_row('model', f'{entry["config"]}, {entry["precision"]}')
    table.add_row('input', f'image: {size}')
    table.add_row('output', OUTPUTS[exported.output])
    table.add_row(
        'file',
        f'{path.stat().st_size / 1e6:.1f} MB, {len(graph.graph.node)} nodes, opset {opset}',
    )
    table.add_row('compared on', exported.seen)
    table.add_row(
        'fp32 to PyTorch', f'{exported.raw_difference:.1e} at most, in units of the raw output'
    )
    if exported.decoding_difference is not None:
        table.add_row('decoding to codec', f'{exported.decoding_difference:.1e} pixels at most')
    table.add_row('keypoints to PyTorch', _distances(exported.pixel_differences))
    return table


def _distances(pixels: np.ndarray) -> str:
    return (
        f'median {np.median(pixels):.2g}, 95 % within {np.percentile(pixels, 95):.2g}, at most '
        f'{pixels.max():.2g} pixels of the input'
    )


def ap_table(scores: dict[str, float]) -> Table:
    """AP of the graphs beside PyTorch's."""
    table = Table('', 'AP', 'to PyTorch, points')
    first = next(iter(scores.values()))
    for name, value in scores.items():
        table.add_row(name, f'{value:.4f}', f'{100 * (value - first):+.2f}')
    return table
