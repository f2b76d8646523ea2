"""What came out of a study: a row for every run, a table with the spread between seeds, and its text."""

from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from ..utils import whole_file
from .plan import Job

AP = 'coco/AP'
COLUMNS = (
    'study', 'scale', 'run', 'label', 'group', 'seed', 'ap', 'ap50', 'ar', 'steps', 'batch',
    'params', 'flops', 'flops_with_attention', 'seconds', 'torch', 'machine', 'command', 'options',
)  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """One arm over its seeds.

    Args:
        name: Of the arm.
        label: What tables call it.
        group: Its group.
        aps: AP of every seed.
        gain: Mean AP over that of the group's first arm; None for that one itself.
        verdict: What the gain is worth, in words.
        params: Parameters.
        flops: Multiply-adds as the papers count.
        flops_with_attention: With attention's products.
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

    @property
    def mean(self) -> float:
        return statistics.fmean(self.aps)

    @property
    def deviation(self) -> float | None:
        """Standard deviation between seeds; None for one seed."""
        return statistics.stdev(self.aps) if len(self.aps) > 1 else None


def rows_of(jobs: list[Job], study: str, scale: str, machine: str, command: str) -> list[dict]:
    """A row for every finished run."""
    rows = []
    for job in jobs:
        result = job.result()
        if result is None:
            continue
        metrics = result['metrics']
        rows.append(
            dict(
                study=study,
                scale=scale,
                run=job.arm.name,
                label=job.arm.label,
                group=job.arm.group,
                seed=job.seed,
                ap=round(metrics[AP], 5),
                ap50=round(metrics['coco/AP .5'], 5),
                ar=round(metrics['coco/AR'], 5),
                steps=result['steps'],
                batch=result['batch'],
                params=result['params'],
                flops=result['flops'],
                flops_with_attention=result['flops_with_attention'],
                seconds=result['seconds'],
                torch=result['torch'],
                machine=machine,
                command=command,
                options=json.dumps(job.arm.options, sort_keys=True),
            )
        )
    return rows


def write_rows(rows: list[dict], path: Path) -> None:
    """Write the CSV file, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


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
        row.update({key: float(row[key]) for key in ('ap', 'ap50', 'ar', 'seconds')})
    return rows


def summarise(rows: list[dict]) -> list[Summary]:
    """Every arm over its seeds, in the order of the rows."""
    arms: dict[str, list[dict]] = {}
    for row in rows:
        arms.setdefault(row['run'], []).append(row)
    firsts: dict[str, list[float]] = {}
    summaries = []
    for name, runs in arms.items():
        first = runs[0]
        aps = [run['ap'] for run in runs]
        reference = firsts.setdefault(first['group'], aps)
        is_first = reference is aps
        summaries.append(
            Summary(
                name,
                first['label'],
                first['group'],
                tuple(aps),
                None if is_first else statistics.fmean(aps) - statistics.fmean(reference),
                '' if is_first else _verdict(aps, reference),
                *(first[key] for key in ('params', 'flops', 'flops_with_attention')),
            )
        )
    return summaries


def _verdict(aps: list[float], reference: list[float]) -> str:
    """Whether a difference is more than seeds make."""
    if min(len(aps), len(reference)) < 2:
        return 'one seed: says nothing'
    gain = statistics.fmean(aps) - statistics.fmean(reference)
    spread = max(max(values) - min(values) for values in (aps, reference))
    if abs(gain) <= spread:
        return f'within the spread between seeds ({spread:.3f})'
    return 'better' if gain > 0 else 'worse'


def markdown_table(
    summaries: list[Summary], floor: float, latency_ms: dict[str, float] | None = None
) -> str:
    """The table of a study.

    Args:
        summaries: As :func:`summarise` gives them.
        floor: AP of predicting the mean pose.
        latency_ms: Median latency by name of the arm, if it was measured.
    """
    head = ['run', 'AP, mean', 'std', 'seeds', 'difference', '', 'params (M)', 'GFLOPs']
    head += ['with attention', *(['latency (ms)'] if latency_ms else [])]
    lines = ['| ' + ' | '.join(head) + ' |', '| ' + ' | '.join('---' for _ in head) + ' |']
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
        if latency_ms:
            cells.append(f'{latency_ms[one.name]:.1f}' if one.name in latency_ms else '')
        lines.append('| ' + ' | '.join(cells) + ' |')
    blank = [''] * (len(head) - 2)
    lines.append('| ' + ' | '.join(['predicting the mean pose', f'{floor:.3f}', *blank]) + ' |')
    return '\n'.join(lines)
