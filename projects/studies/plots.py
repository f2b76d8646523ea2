from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sdpose_runtime.files import whole_file

from .report import Summary

_MARKERS = 'osD^v<>Ph*X'


def plot_arms(summaries: Sequence[Summary], floor: float, title: str, path: Path) -> None:
    """Every seed a dot, every arm a line with the mean as a bar; the mean pose as the floor.

    Args:
        summaries: Arms, drawn from top to bottom.
        floor: AP of predicting the mean pose.
        title: Of the plot.
        path: Picture to write.
    """
    figure = Figure(figsize=(9, 1.6 + 0.38 * len(summaries)), layout='constrained')
    axis = figure.subplots()
    places = range(len(summaries), 0, -1)
    groups = list(dict.fromkeys(one.group for one in summaries))
    for place, one in zip(places, summaries):
        colour = f'C{groups.index(one.group)}'
        axis.barh(place, one.mean, 0.6, color=colour, alpha=0.3)
        axis.plot(one.aps, [place] * len(one.aps), 'o', color=colour, markersize=5)
    axis.axvline(floor, color='black', linestyle=':')
    axis.set_yticks(list(places), [one.label for one in summaries])
    axis.set_xlabel(
        'AP on held-out people\n'
        f'(bar: mean of the seeds; dot: one seed; dotted line: mean pose, {floor:.3f})'
    )
    figure.suptitle(title)
    _save(figure, path)


def plot_cost(summaries: Sequence[Summary], title: str, path: Path) -> None:
    """AP against GFLOPs and, where it was measured, against latency.

    Args:
        summaries: Arms.
        title: Of the plot.
        path: Picture to write.
    """
    timed = [one for one in summaries if one.latency_ms]
    figure = Figure(figsize=(13 if timed else 8.5, 4.5), layout='constrained')
    axes = figure.subplots(1, 2 if timed else 1, squeeze=False)[0]
    _scatter(axes[0], [(one, one.flops_with_attention / 1e9) for one in summaries])
    axes[0].set_title(title, loc='left')
    axes[0].set_xlabel('GFLOPs with attention')
    if timed:
        _scatter(axes[1], [(one, one.latency_ms) for one in timed])
        axes[1].set_xlabel('latency of the network, one image (ms)')
    figure.legend(*axes[0].get_legend_handles_labels(), loc='outside right upper')
    _save(figure, path)


def _scatter(axis: Axes, points: Sequence[tuple[Summary, float]]) -> None:
    for index, (one, cost) in enumerate(points):
        style = dict(color=f'C{index % 10}', marker=_MARKERS[index % len(_MARKERS)])
        axis.errorbar(
            cost, one.mean, one.deviation or 0, capsize=3, ls='none', label=one.label, **style
        )
    axis.set_ylabel('AP on held-out people (mean, standard deviation)')
    axis.set_ylim(bottom=0)
    axis.set_xlim(0, 1.08 * max(cost for _, cost in points))


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with whole_file(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=110)
