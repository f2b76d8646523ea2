from __future__ import annotations

import json
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sdpose_runtime.files import whole_file


def read_scalars(work_dir: str | Path) -> list[dict]:
    """Every line that MMEngine logged under a work folder, all runs of it, in order of time."""
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    lines = (line for file in files for line in file.read_text(encoding='utf-8').splitlines())
    return [json.loads(line) for line in lines]


def draw_learning_curve(
    scalars: list[dict], path: str | Path, floors: dict[str, float] | None = None
) -> None:
    """Training loss and validation AP over epochs, side by side.

    Args:
        scalars: As :func:`read_scalars` gives them.
        path: Picture to write.
        floors: Names and AP of horizontal lines to compare with.

    Raises:
        OSError: If the picture cannot be written.
    """
    train = [line for line in scalars if 'loss' in line]
    steps_per_epoch = max((line['iter'] / max(line['epoch'], 1) for line in train), default=1)
    figure = Figure(figsize=(9, 3.5), layout='constrained')
    FigureCanvasAgg(figure)
    loss_axis, ap_axis = figure.subplots(1, 2)
    epochs = [line['iter'] / steps_per_epoch for line in train]
    loss_axis.plot(epochs, [line['loss'] for line in train])
    loss_axis.set(xlabel='epoch', ylabel='training loss, all cycles', title='Training loss')
    validation = [line for line in scalars if 'coco/AP' in line]
    ap_axis.plot(
        [line['step'] for line in validation],
        [line['coco/AP'] for line in validation],
        marker='o',
        label='this run',
    )
    for (name, value), style in zip((floors or {}).items(), ('--', ':', '-.')):
        ap_axis.axhline(value, color='grey', linestyle=style, label=f'{name} ({value:.3f})')
    ap_axis.set(xlabel='epoch', ylabel='AP', title='AP on held-out people')
    ap_axis.set_ylim(bottom=0)
    ap_axis.legend(loc='center right')
    with whole_file(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:], dpi=110)
