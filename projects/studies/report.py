"""What came out of a study: a row for every run, a table with the spread between seeds, and its text."""

from __future__ import annotations

import csv
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from mmpose_sdpose.benchmark.rows import write_rows as write_csv

from .plan import Job
from .study import Study

AP = 'coco/AP'
COLUMNS = (
    'study', 'scale', 'run', 'label', 'group', 'reference', 'seed', 'ap', 'ap50', 'ar', 'start_ap',
    'start_steps', 'steps', 'batch', 'params', 'flops', 'flops_with_attention', 'latency_ms',
    'mean_pose_ap', 'seconds', 'torch', 'machine', 'command', 'options',
)  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """One arm over its seeds.

    Args:
        name: Of the arm.
        label: What tables call it.
        group: Its group.
        aps: AP of every seed.
        gain: Mean AP over that of the group's first arm; None for that one itself, or if it has no run.
        verdict: What the gain is worth, in words.
        params: Parameters.
        flops: Multiply-adds as the papers count.
        flops_with_attention: With attention's products.
        latency_ms: Median latency of the network, one image; None if it was not measured.
        start_ap: Mean AP of the runs that its backbones come from; None if there are none.
    """

    name: str
    label: str
    group: str
    aps: tuple[float, ...]
    gain: float | None
    verdict: str
    params: int
    flops: int
    flops_with_attention: int
    latency_ms: float | None
    start_ap: float | None

    @property
    def mean(self) -> float:
        return statistics.fmean(self.aps)

    @property
    def deviation(self) -> float | None:
        """Standard deviation between seeds; None for one seed."""
        return statistics.stdev(self.aps) if len(self.aps) > 1 else None


def rows_of(
    jobs: list[Job], study: Study, scale: str, latency_ms: dict[str, float], **facts: object
) -> list[dict]:
    """A row for every finished run of the study's arms, arm by arm; none for what only prepares them.

    Args:
        jobs: The runs.
        study: The study.
        scale: Name of the scale.
        latency_ms: Median latency by name of the arm, where it was measured.
        facts: What is the same for all: ``mean_pose_ap``, ``machine``, ``command``.
    """
    order = {arm.name: index for index, arm in enumerate(study.arms)}
    references: dict[str, str] = {}
    for arm in study.arms:
        references.setdefault(arm.group, arm.name)
    done = [(job, job.result()) for job in jobs if job.done and job.arm.name in order]
    rows = []
    for job, result in sorted(done, key=lambda item: (order[item[0].arm.name], item[0].seed)):
        metrics, start = result['metrics'], job.start and job.start.result()
        seconds = None if result['resumed'] else result['seconds']  # of its last part alone
        rows.append(
            dict(
                study=study.name,
                scale=scale,
                run=job.arm.name,
                label=job.arm.label,
                group=job.arm.group,
                reference=references[job.arm.group],
                seed=job.seed,
                ap=round(metrics[AP], 5),
                ap50=round(metrics['coco/AP .5'], 5),
                ar=round(metrics['coco/AR'], 5),
                start_ap=round(start['metrics'][AP], 5) if start else None,
                start_steps=start['steps'] if start else None,
                latency_ms=latency_ms.get(job.arm.name),
                options=json.dumps(job.arm.options, sort_keys=True),
                **{**{key: result[key] for key in COLUMNS if key in result}, 'seconds': seconds},
                **facts,
            )
        )
    return rows


def write_rows(rows: list[dict], path: Path) -> None:
    """Write the CSV file, whole or not at all."""
    write_csv(path, COLUMNS, rows)


def read_rows(path: Path) -> list[dict]:
    """Rows of a CSV file as :func:`write_rows` wrote them, numbers as numbers.

    Raises:
        ValueError: If the file has other columns.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f'{path} has the columns {reader.fieldnames}, not those of a study')
        rows = list(reader)
    whole = ('seed', 'steps', 'batch', 'params', 'flops', 'flops_with_attention')
    for row in rows:
        row.update({key: int(row[key]) for key in whole})
        row.update(
            {key: float(row[key]) for key in ('ap', 'ap50', 'ar', 'mean_pose_ap')},
            **{
                key: float(row[key]) if row[key] else None
                for key in ('start_ap', 'seconds', 'latency_ms')
            },
            start_steps=int(row['start_steps']) if row['start_steps'] else None,
        )
    return rows


def summarise(rows: list[dict]) -> list[Summary]:
    """Every arm over its seeds, in the order of the rows."""
    arms: dict[str, list[dict]] = {}
    for row in rows:
        arms.setdefault(row['run'], []).append(row)
    summaries = []
    for name, runs in arms.items():
        first = runs[0]
        aps = [run['ap'] for run in runs]
        reference = [run['ap'] for run in arms.get(first['reference'], [])]
        starts = [run['start_ap'] for run in runs if run['start_ap'] is not None]
        is_first = first['reference'] == name
        summaries.append(
            Summary(
                name,
                first['label'],
                first['group'],
                tuple(aps),
                _gain(aps, reference) if reference and not is_first else None,
                '' if is_first else _verdict(aps, reference),
                *(first[key] for key in ('params', 'flops', 'flops_with_attention', 'latency_ms')),
                statistics.fmean(starts) if starts else None,
            )
        )
    return summaries


def _gain(aps: list[float], reference: list[float]) -> float:
    return statistics.fmean(aps) - statistics.fmean(reference)


def _verdict(aps: list[float], reference: list[float]) -> str:
    """Whether a difference is more than seeds make."""
    if not reference:
        return 'nothing to compare it with yet'
    if min(len(aps), len(reference)) < 2:
        return 'one seed: says nothing'
    gain = _gain(aps, reference)
    spread = max(max(values) - min(values) for values in (aps, reference))
    if abs(gain) <= spread:
        return f'within the spread between seeds ({spread:.3f})'
    return 'better' if gain > 0 else 'worse'


def markdown_table(rows: list[dict]) -> str:
    """The table of a study's rows, with the mean pose as the floor."""
    summaries = summarise(rows)
    timed = any(one.latency_ms for one in summaries)
    head = ['run', 'AP, mean', 'std', 'seeds', 'difference', '', 'params (M)', 'GFLOPs']
    started = any(one.start_ap is not None for one in summaries)
    head += ['with attention', *(['latency (ms)'] if timed else [])]
    head += ['AP of the start'] if started else []
    lines = [_line(head), _line(['---'] * len(head))]
    for one in summaries:
        cells = [
            one.label,
            f'{one.mean:.3f}',
            '' if one.deviation is None else f'{one.deviation:.3f}',
            str(len(one.aps)),
            '' if one.gain is None else f'{one.gain:+.3f}',
            one.verdict,
            f'{one.params / 1e6:.2f}',
            f'{one.flops / 1e9:.3f}',
            f'{one.flops_with_attention / 1e9:.3f}',
        ]
        if timed:
            cells.append('' if one.latency_ms is None else f'{one.latency_ms:.1f}')
        if started:
            cells.append('' if one.start_ap is None else f'{one.start_ap:.3f}')
        lines.append(_line(cells))
    floor = ['predicting the mean pose', f'{rows[0]["mean_pose_ap"]:.3f}']
    lines.append(_line(floor + [''] * (len(head) - len(floor))))
    return '\n'.join(lines)


def _line(cells: list[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'


def protocol(about: str, rows: list[dict]) -> str:
    """What the runs have in common, in one paragraph: data and model, steps, versions, machine.

    Args:
        about: Of the scale.
        rows: The runs.
    """
    steps = dict.fromkeys(
        (f'{row["start_steps"]} and then ' if row['start_steps'] else '')
        + f'{row["steps"]} of {row["batch"]} images'
        for row in rows
    )
    return (
        f'{about}. Steps: {", ".join(steps)}; PyTorch {rows[0]["torch"]}; {rows[0]["machine"]}; '
        'AP after the last step. Differences are to the first run of a group.'
    )
