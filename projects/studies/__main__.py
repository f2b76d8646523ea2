"""Run a study: several models, each with several seeds, and what they answer.

Finished runs are kept and not repeated; what was cut off goes on where it was, and a run that fails does
not lose the others. Results: OUT/STUDY_SCALE.csv (every run), .md (table) and .png (plot); with
--latency OUT/STUDY_SCALE_latency.csv.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.benchmark.report import COLUMNS as LATENCY_COLUMNS
from mmpose_sdpose.benchmark.report import describe_machine, row_of
from mmpose_sdpose.benchmark.report import write_rows as write_latency
from mmpose_sdpose.benchmark.run import be_quiet, run_benchmark
from mmpose_sdpose.benchmark.spec import CannotMeasure, Spec
from mmpose_sdpose.datasets.checks import check_data, raise_errors
from mmpose_sdpose.evaluation import mean_pose_metrics
from mmpose_sdpose.tools.console import end_by_sigterm, fail, progress_bar

import pandas as pd
import torch
from mmengine.config import DictAction
from rich.console import Console
from rich.padding import Padding

from sdpose_runtime.files import whole_file
from sdpose_runtime.sessions import MOST_THREADS

from .jobs import Job, list_jobs, metric, optional_metric
from .report import (
    latency_file,
    latency_rows,
    markdown_table,
    milliseconds,
    plot_arms,
    plot_cost,
    protocol,
    read_rows,
    rows_of,
    summarise,
    with_earlier,
    write_rows,
)
from .runs import Event, run_jobs
from .study import Scale, Study, read_study, study_files

CONSOLE = Console(highlight=False)
#: Passes of each network that count, where latency is measured.
LATENCY_ROUNDS = 100


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m projects.studies', description=__doc__)
    parser.add_argument('study', nargs='?', help='name, or path of a study file; none: list them')
    parser.add_argument('--scale', default='micro', help='one of those listed (%(default)s)')
    parser.add_argument('--seeds', type=int, help='number of seeds; default: the scale says')
    parser.add_argument(
        '--epochs', type=int, help="instead of the recipe's; longer and shorter runs in proportion"
    )
    parser.add_argument('--only', nargs='+', metavar='RUN', help='these runs, and those they need')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/studies'), help='%(default)s')
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time (%(default)s)')
    parser.add_argument('--threads', type=int, help='CPU threads of a run; default: shared out')
    parser.add_argument(
        '--latency',
        action='store_true',
        help='train nothing: time the networks, in turn in one run; earlier times are replaced',
    )
    parser.add_argument('--list', action='store_true', help='show what is done, and run nothing')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='of every run')
    args = parser.parse_args()
    for name in ('seeds', 'epochs', 'jobs', 'threads'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name} ({value}) must be at least 1')
        if value is not None and name in ('jobs', 'threads') and value > MOST_THREADS:
            parser.error(f'--{name} ({value}) must be {MOST_THREADS} at most')
    return args


def main() -> int:
    args = parse_args()
    end_by_sigterm()
    try:
        if args.study is None:
            return list_studies()
        study = read_study(args.study)
        if args.scale not in study.scales:
            raise ValueError(f'no scale {args.scale}; {study.name} has {", ".join(study.scales)}')
        scale = study.scales[args.scale]
        seeds = args.seeds or scale.seeds
        jobs = list_jobs(study, scale, args.out, seeds, args.only, args.cfg_options, args.epochs)
        if args.list:
            return show(jobs)
        if args.latency:
            return time_networks(args, study, scale, jobs)
        return run(args, study, scale, jobs)
    except (OSError, ValueError, KeyError, CannotMeasure) as error:
        return fail('studies', error, 2)
    except KeyboardInterrupt:
        more = '' if args.latency else '; the same command goes on where this one was'
        return fail('studies', f'stopped{more}', 130)


def list_studies() -> int:
    for name in study_files():
        study = read_study(name)
        CONSOLE.print(f'[bold]{name}[/bold] ({", ".join(study.scales)}): {study.title}')
        CONSOLE.print(Padding(study.question, (0, 0, 0, 4)))
    return 0


def show(jobs: list[Job]) -> int:
    for job in jobs:
        state = _figures(job.result()['metrics']) if job.done else 'to do'
        CONSOLE.print(f'{job.name:<40} {state:<20} {job.folder}', soft_wrap=True)
    return 0


def run(args: argparse.Namespace, study: Study, scale: Scale, jobs: list[Job]) -> int:
    CONSOLE.rule(f'{study.title}: {scale.name}')
    CONSOLE.print(f'{study.question}\n\n{scale.about}')
    args.out.mkdir(parents=True, exist_ok=True)  # fails now if it cannot be
    table = table_of(args, study, scale)
    latency_rows(table)
    if table.exists():
        read_rows(table)  # fails now if it is none: its rows stay
    raise_errors(check_data(jobs[0].config, ['train', 'val']))
    floor = mean_pose(jobs[0])
    threads = threads_of(args)
    failures = follow(jobs, args.jobs, threads)
    finished = [job for job in jobs if job.done and job.arm in study.arms]
    if not finished:
        return fail('studies', 'no run has ended well')
    rows = rows_of(
        finished,
        study,
        scale.name,
        mean_pose_ap=round(floor, 5),
        machine=describe_machine(device_here(), threads),
        command=command_here(),
    )
    together = with_earlier(rows, table, study)
    if len(together) > len(rows):
        CONSOLE.print(f'{table} keeps {len(together) - len(rows)} of its rows, of earlier commands')
    report(table, study, scale, together)
    return 1 if failures else 0


def table_of(args: argparse.Namespace, study: Study, scale: Scale) -> Path:
    return args.out / f'{study.name}_{scale.name}.csv'


def threads_of(args: argparse.Namespace) -> int:
    return args.threads or max(1, (os.cpu_count() or 1) // args.jobs)


def device_here() -> str:
    return 'cuda' if torch.cuda.is_available() else 'cpu'  # as the runner chooses


def command_here() -> str:
    return 'python -m projects.studies ' + shlex.join(sys.argv[1:])


def mean_pose(job: Job) -> float:
    """AP of predicting the mean pose of the training people, kept beside the runs."""
    loaders = (job.config.train_dataloader, job.config.val_dataloader)
    data = [(loader.dataset.data_root, loader.dataset.ann_file) for loader in loaders]
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:8]
    path = job.folder.parents[1] / f'mean_pose-{digest}.json'
    if not path.exists():
        be_quiet()
        with redirect_stdout(io.StringIO()):  # pycocotools prints its tables
            metrics = mean_pose_metrics(job.config)
        with whole_file(path) as file:
            file.write(json.dumps(metrics).encode())
    try:
        return metric(json.loads(path.read_text(encoding='utf-8')), 'AP')
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path} is damaged ({error}): remove it, and the mean pose is measured again'
        ) from error


def follow(jobs: list[Job], at_once: int, threads: int) -> int:
    """Run the jobs, show how far they are; the number of those that failed."""
    done = sum(job.done for job in jobs)
    CONSOLE.print(f'{len(jobs)} runs, {done} of them done before')
    failures = 0
    if done == len(jobs):
        return failures
    with progress_bar(CONSOLE, period_s=600) as bar:
        task = bar.add_task('', total=float(len(jobs) - done))
        shares: dict[str, float] = {}
        for event in run_jobs(jobs, at_once, threads):
            shares[event.job.name] = 1.0 if event.kind == 'failed' else event.share
            running = [name for name, share in shares.items() if share < 1]
            bar.update(task, completed=sum(shares.values()), description=', '.join(running))
            failures += event.kind == 'failed'
            if event.kind != 'running':
                bar.print(_line(event), soft_wrap=True, markup=False)
    return failures


def _line(event: Event) -> str:
    if event.kind == 'failed':
        return f'{event.job.name}: FAILED: {event.why}'
    result = event.job.result()
    minutes = result['seconds'] / 60
    return f'{event.job.name}: {_figures(result["metrics"])} ({minutes:.1f} min)'


def _figures(metrics: dict[str, float]) -> str:
    """AP, and PCK where it was measured."""
    pck = optional_metric(metrics, 'PCK')
    return f'AP {metric(metrics, "AP"):.3f}' + ('' if pck is None else f', PCK {pck:.3f}')


def time_networks(args: argparse.Namespace, study: Study, scale: Scale, jobs: list[Job]) -> int:
    """Median latency of every arm's network, one image, into a file; a new report of runs there."""
    be_quiet()
    table = table_of(args, study, scale)
    args.out.mkdir(parents=True, exist_ok=True)
    runs = read_rows(table) if table.exists() else None
    of_arms = {
        job.arm.name: job.config for job in jobs if job.arm in study.arms and not job.arm.once
    }
    if not of_arms:
        raise ValueError('what --only names prepares other runs: name one that is compared')
    with TemporaryDirectory() as folder, progress_bar(CONSOLE) as progress:
        specs = []
        for name, config in of_arms.items():
            path = Path(folder, f'{name}.py')  # the benchmark's row has its name
            config.dump(path)
            specs.append(Spec(str(path), device=device_here(), threads=threads_of(args)))
        try:
            results = run_benchmark(
                specs, repeats=LATENCY_ROUNDS, with_memory=False, progress=progress
            )
        except CannotMeasure as error:
            why = str(error).replace(f'{folder}/', '')
            raise CannotMeasure(f'{why}; --only times the runs that it names') from error
    rows = [row_of(result, command_here()) for result in results]
    path = latency_file(table)
    write_latency(path, LATENCY_COLUMNS, rows)
    for row in rows:
        CONSOLE.print(f'{row["model"]:<40} {row["median_ms"]} ms', soft_wrap=True)
    CONSOLE.print(f'  {path}', soft_wrap=True)
    if runs is not None and len(runs):
        report(table, study, scale, runs)
    return 0


def report(table: Path, study: Study, scale: Scale, rows: pd.DataFrame) -> None:
    """Write table, plots and text of the rows, and show the text."""
    arms, times, stem = summarise(rows), latency_rows(table), table.with_suffix('')
    latency = milliseconds(times)
    title = f'{study.title} ({scale.name})'
    write_rows(rows, table)
    plot_arms(arms, title, stem.with_suffix('.png'))
    endings = ['.csv', '.md', '.png']
    if arms['flops'].nunique() > 2:
        plot_cost(arms, latency, title, stem.with_name(stem.name + '_cost.png'))
        endings.append('_cost.png')
    parts = [
        f'## {title}',
        study.question,
        protocol(scale.about, rows),
        markdown_table(rows, latency),
        '\n'.join(f'`{command}`' for command in rows['command'].unique()) + '\n',
        *dict.fromkeys(f'Latency: {row["machine"]}; `{row["command"]}`\n' for row in times),
    ]
    text = '\n\n'.join(parts)
    with whole_file(stem.with_suffix('.md')) as file:
        file.write(text.encode())
    CONSOLE.print(text, soft_wrap=True, markup=False)
    for ending in endings:
        CONSOLE.print(f'  {stem}{ending}', soft_wrap=True)


if __name__ == '__main__':
    sys.exit(main())
