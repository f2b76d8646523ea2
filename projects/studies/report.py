"""What came out of a study: a row for every run, what seeds make of it, its text and its plots."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from mmpose_sdpose.benchmark import report as benchmark

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pandas.core.groupby import SeriesGroupBy

from sdpose_runtime.files import whole_file

from .jobs import Job, metric, optional_metric
from .study import Study

COLUMNS = (
    'study', 'scale', 'run', 'label', 'group', 'reference', 'seed', 'ap', 'ap50', 'ar', 'pck',
    'start_ap', 'start_steps', 'steps', 'batch', 'params', 'flops', 'flops_with_attention',
    'mean_pose_ap', 'seconds', 'torch', 'machine', 'command', 'options',
)  # fmt: skip
#: Columns of numbers that not every run has.
_OPTIONAL = {
    'pck': float,
    'start_ap': float,
    'start_steps': 'Int64',
    'seconds': float,
}
#: Columns of numbers that every run has.
_NEEDED = {
    **dict.fromkeys(('ap', 'ap50', 'ar', 'mean_pose_ap'), float),
    **dict.fromkeys(('seed', 'steps', 'batch', 'params', 'flops', 'flops_with_attention'), int),
}
_MARKERS = 'osD^v<>Ph*X'


def rows_of(jobs: list[Job], study: Study, scale: str, **facts: object) -> pd.DataFrame:
    """A row for every finished run of the study's arms, arm by arm; none for what only prepares them.

    Args:
        jobs: The runs.
        study: The study.
        scale: Name of the scale.
        facts: What is the same for all: ``mean_pose_ap``, ``machine``, ``command``.
    """
    order = {arm.name: index for index, arm in enumerate(study.arms)}
    references: dict[str, str] = {}
    for arm in study.arms:
        references.setdefault(arm.group, arm.name)
    done = [job for job in jobs if job.done and job.arm.name in order]
    rows = []
    for job in sorted(done, key=lambda job: (order[job.arm.name], job.seed)):
        result, start = job.result(), job.start.result() if job.start else None
        metrics = result['metrics']
        pck = optional_metric(metrics, 'PCK')
        row = dict(
            result,
            study=study.name,
            scale=scale,
            run=job.arm.name,
            label=job.arm.label,
            group=job.arm.group,
            reference=references[job.arm.group],
            seed=job.seed,
            ap=round(metric(metrics, 'AP'), 5),
            ap50=round(metric(metrics, 'AP .5'), 5),
            ar=round(metric(metrics, 'AR'), 5),
            pck=None if pck is None else round(pck, 5),
            start_ap=round(metric(start['metrics'], 'AP'), 5) if start else None,
            start_steps=start['steps'] if start else None,
            options=json.dumps(job.arm.options, sort_keys=True),
            **facts,
        )
        if result['resumed']:
            row['seconds'] = None  # those of its last part alone
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(_OPTIONAL)


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write the CSV file, whole or not at all."""
    with whole_file(path) as file:
        file.write(rows.to_csv(index=False, lineterminator='\n').encode())


def read_rows(path: Path) -> pd.DataFrame:
    """Rows of a CSV file as :func:`write_rows` wrote them.

    Raises:
        ValueError: If the file has other columns, a value that is none, or a run twice.
    """
    with open(path, newline='', encoding='utf-8') as file:
        header, *lines = list(csv.reader(file)) or [[]]
    if tuple(header) != COLUMNS:
        raise ValueError(f'{path} has the columns {header}, not those of a study: move it away')
    for number, values in enumerate(lines, 1):
        if len(values) != len(COLUMNS):
            raise ValueError(f'row {number} of {path} has {len(values)} values, not {len(COLUMNS)}')
        for name, text in zip(COLUMNS, values):
            _check_number(name, text, f'row {number} of {path}')
    empty = dict.fromkeys(_OPTIONAL, [''])
    rows = pd.read_csv(path, dtype=_OPTIONAL | _NEEDED, keep_default_na=False, na_values=empty)
    twice = rows[rows.duplicated(['run', 'seed'])]
    if len(twice):
        run, seed = twice.iloc[0][['run', 'seed']]
        raise ValueError(f'{path} has seed {seed} of {run} twice: remove one of the two rows')
    return rows


def _check_number(name: str, text: str, where: str) -> None:
    """Whether the text of a column of numbers is one.

    Raises:
        ValueError: If it is none; it names row, column and text.
    """
    kind: Any = float if name in _OPTIONAL and text else _NEEDED.get(name)
    try:
        is_number = kind is None or math.isfinite(kind(text))
    except ValueError:
        is_number = False
    if not is_number:
        raise ValueError(f'{where} has {name} {text!r}, which is no number: mend or remove it')


def with_earlier(rows: pd.DataFrame, path: Path, study: Study) -> pd.DataFrame:
    """The rows, and of a file that an earlier command wrote those of runs and seeds that they lack.

    Args:
        rows: New rows.
        path: The CSV file; it need not be there.
        study: The study, whose order of runs is kept.

    Raises:
        ValueError: If the file is no study's.
    """
    if not path.exists():
        return rows
    earlier = read_rows(path)
    new = set(zip(rows['run'], rows['seed']))
    others = [place not in new for place in zip(earlier['run'], earlier['seed'])]
    if not any(others):
        return rows
    order = {arm.name: index for index, arm in enumerate(study.arms)}
    both = pd.concat([rows, earlier[others].astype(rows.dtypes.to_dict())])
    places = both['run'].map(order).fillna(len(order))
    return both.assign(place=places).sort_values(['place', 'run', 'seed'], ignore_index=True)[
        list(COLUMNS)
    ]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Every arm over its seeds, by its name, in the order of the rows.

    To what the seeds have in common come, of AP, ``aps``, their ``mean``, ``std`` (NaN for one seed) and
    ``spread`` from the smallest to the largest, the ``gain`` over the mean of the group's first arm (NaN
    for that one itself, or if it has no run) and a ``verdict`` on it, in words; the same of PCK, as
    ``pck_mean`` and so on; and the mean ``start_ap``.
    """
    seeds = rows.groupby('run', sort=False)
    arms = seeds.first().assign(
        aps=seeds['ap'].agg(list), pcks=seeds['pck'].agg(list), start_ap=seeds['start_ap'].mean()
    )
    of_pck = _over_seeds(seeds['pck'], arms['reference']).add_prefix('pck_')
    return arms.join([_over_seeds(seeds['ap'], arms['reference']), of_pck])


def _over_seeds(values: SeriesGroupBy, references: pd.Series) -> pd.DataFrame:
    """One metric of every arm over its seeds, and against the arm that it is compared with."""
    found = pd.DataFrame(
        {'mean': values.mean(), 'std': values.std(), 'spread': values.max() - values.min()}
    )
    compared = found.reindex(references).set_axis(found.index)
    is_first = found.index == references
    found['gain'] = (found['mean'] - compared['mean']).mask(is_first)
    verdicts = [
        _verdict(_Seeds(*arm), _Seeds(*other))
        for arm, other in zip(
            found[[*_Seeds._fields]].itertuples(index=False), compared.itertuples(index=False)
        )
    ]
    found['verdict'] = pd.Series(verdicts, found.index).mask(is_first, '')
    return found


class _Seeds(NamedTuple):
    """A metric over an arm's seeds; NaN where there are none, or too few."""

    mean: float
    std: float
    spread: float


def _verdict(arm: _Seeds, reference: _Seeds) -> str:
    """Whether a difference is more than seeds make."""
    if pd.isna(reference.mean):
        return 'nothing to compare it with yet'
    if pd.isna(arm.std) or pd.isna(reference.std):
        return 'one seed: says nothing'
    spread = max(arm.spread, reference.spread)
    if abs(arm.mean - reference.mean) <= spread:
        return f'within the spread between seeds ({spread:.3f})'
    return 'better' if arm.mean > reference.mean else 'worse'


def latency_file(table: Path) -> Path:
    """Where the latencies of a study's networks lie, beside its table of runs."""
    return table.with_name(f'{table.stem}_latency.csv')


def latency_rows(table: Path) -> list[benchmark.Row]:
    """A benchmark's row for each of a study's networks; none where they were not timed.

    Args:
        table: The study's table of runs.

    Raises:
        ValueError: If the file beside it is none of a benchmark, has a network twice, or a time that is
            no positive number.
    """
    path = latency_file(table)
    if not path.exists():
        return []
    try:
        rows = benchmark.read_rows(path, benchmark.COLUMNS)
        found = milliseconds(rows)
        if len(found) < len(rows):
            raise ValueError('it has a network twice')
        for name, time in found.items():
            if not 0 < time < math.inf:
                raise ValueError(f'the time of {name} ({time}) is no positive number')
    except ValueError as error:
        raise ValueError(f'{path}: {error}: mend it, or time the networks again') from error
    return rows


def milliseconds(rows: Iterable[benchmark.Row]) -> dict[str, float]:
    """Median time of one image by the name of the arm."""
    return {row['model']: float(row['median_ms']) for row in rows}


def markdown_table(rows: pd.DataFrame, latency: dict[str, float]) -> str:
    """The table of a study's rows, with the mean pose as the floor.

    Args:
        rows: Of every run.
        latency: Milliseconds by the name of the arm, of those that were timed.
    """
    arms = summarise(rows)
    columns = {
        'run': arms['label'],
        'seeds': [str(len(aps)) for aps in arms['aps']],
        'AP, mean': _texts(arms['mean'], '.3f'),
        'std': _texts(arms['std'], '.3f'),
        'difference': _differences(arms['gain'], arms['verdict']),
        'PCK, mean': _texts(arms['pck_mean'], '.3f'),
        'std of PCK': _texts(arms['pck_std'], '.3f'),
        'difference of PCK': _differences(arms['pck_gain'], arms['pck_verdict']),
        'params (M)': _texts(arms['params'] / 1e6, '.2f'),
        'GFLOPs': _texts(arms['flops'] / 1e9, '.3f'),
        'with attention': _texts(arms['flops_with_attention'] / 1e9, '.3f'),
        'latency (ms)': _texts(_times(arms, latency), '.1f'),
        'AP of the start': _texts(arms['start_ap'], '.3f'),
    }
    absent = ['PCK, mean', 'std of PCK', 'difference of PCK'] if rows['pck'].isna().all() else []
    absent += [name for name in ('latency (ms)', 'AP of the start') if not any(columns[name])]
    for name in absent:
        del columns[name]
    floor = ['predicting the mean pose', '', f'{rows["mean_pose_ap"].iloc[0]:.3f}']
    floor += [''] * (len(columns) - len(floor))
    lines = [columns, ['---'] * len(columns), *zip(*columns.values()), floor]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def _times(arms: pd.DataFrame, latency: dict[str, float]) -> pd.Series:
    return pd.Series(latency, dtype=float).reindex(arms.index)


def _differences(gains: pd.Series, verdicts: pd.Series) -> list[str]:
    numbers = _texts(gains, '+.3f')
    return [', '.join(filter(None, both)) for both in zip(numbers, verdicts)]


def _texts(values: pd.Series, form: str) -> list[str]:
    return ['' if pd.isna(value) else format(value, form) for value in values]


def protocol(about: str, rows: pd.DataFrame) -> str:
    """What the runs have in common, in one paragraph: data and model, steps, versions, machine.

    Args:
        about: Of the scale.
        rows: The runs.
    """
    steps = dict.fromkeys(
        ('' if pd.isna(row.start_steps) else f'{row.start_steps} and then ')
        + f'{row.steps} of {row.batch} images'
        for row in rows.itertuples()
    )
    versions, machines = (' and '.join(rows[name].unique()) for name in ('torch', 'machine'))
    return (
        f'{about}. Steps: {", ".join(steps)}; PyTorch {versions}; {machines}; '
        'AP after the last step. Differences are to the first run of a group.'
    )


def plot_arms(arms: pd.DataFrame, title: str, path: Path) -> None:
    """Every seed a dot, every arm a line with the mean as a bar; the mean pose as the floor of AP.

    PCK stands beside, where it was measured.

    Args:
        arms: As :func:`summarise` gives them, drawn from top to bottom.
        title: Of the plot.
        path: Picture to write.
    """
    height = 1.6 + 0.38 * len(arms)
    with_pck = arms['pck_mean'].notna().any()
    figure = Figure(figsize=(13 if with_pck else 9, height), layout='constrained')
    axes = figure.subplots(1, 2 if with_pck else 1, sharey=True, squeeze=False)[0]
    _bars(axes[0], arms, arms['mean'], arms['aps'])
    floor = arms['mean_pose_ap'].iloc[0]
    axes[0].axvline(floor, color='black', linestyle=':')
    axes[0].set_xlabel(
        'AP on held-out people\n'
        f'(bar: mean of the seeds; dot: one seed; dotted line: mean pose, {floor:.3f})'
    )
    if with_pck:
        _bars(axes[1], arms, arms['pck_mean'], arms['pcks'])
        axes[1].set_xlabel('PCK on held-out people')
    figure.suptitle(title)
    _save(figure, path)


def _bars(axis: Axes, arms: pd.DataFrame, means: pd.Series, seeds: pd.Series) -> None:
    places = range(len(arms), 0, -1)
    groups = list(dict.fromkeys(arms['group']))
    for place, group, mean, found in zip(places, arms['group'], means, seeds):
        colour = f'C{groups.index(group)}'
        axis.barh(place, mean, 0.6, color=colour, alpha=0.3)
        axis.plot(found, [place] * len(found), 'o', color=colour, markersize=5)
    axis.set_yticks(list(places), arms['label'])


def plot_cost(arms: pd.DataFrame, latency: dict[str, float], title: str, path: Path) -> None:
    """AP against GFLOPs and, where it was measured, against latency.

    Args:
        arms: As :func:`summarise` gives them.
        latency: Milliseconds by the name of the arm.
        title: Of the plot.
        path: Picture to write.
    """
    times = _times(arms, latency)
    is_timed = times.notna().any()
    figure = Figure(figsize=(13 if is_timed else 8.5, 4.5), layout='constrained')
    axes = figure.subplots(1, 2 if is_timed else 1, squeeze=False)[0]
    _scatter(axes[0], arms, arms['flops_with_attention'] / 1e9)
    axes[0].set_title(title, loc='left')
    axes[0].set_xlabel('GFLOPs with attention')
    if is_timed:
        _scatter(axes[1], arms, times)
        axes[1].set_xlabel('latency of the network, one image (ms)')
    figure.legend(*axes[0].get_legend_handles_labels(), loc='outside right upper')
    _save(figure, path)


def _scatter(axis: Axes, arms: pd.DataFrame, costs: pd.Series) -> None:
    """Every arm in its own colour, whichever of them have a cost."""
    for index, (arm, cost) in enumerate(zip(arms.fillna({'std': 0}).itertuples(), costs)):
        axis.errorbar(
            cost, arm.mean, arm.std,
            capsize=3, ls='none', label=arm.label,
            color=f'C{index % 10}', marker=_MARKERS[index % len(_MARKERS)],
        )  # fmt: skip
    axis.set_ylabel('AP on held-out people (mean, standard deviation)')
    axis.set_ylim(bottom=0)
    axis.set_xlim(0, 1.08 * costs.max())


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with whole_file(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=110)
