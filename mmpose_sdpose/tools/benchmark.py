"""Latency, memory and cost of models, side by side in one run.

CONFIG is a path, the name of a config of ours, or mmpose::PATH for one of MMPose's
(mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py); models get random weights,
nothing is downloaded. ONNX files are run in ONNX Runtime. All take turns, so that noise hits all alike,
and the machine's own rate of matrix products is measured among them: the limit.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.benchmark.build import be_quiet
from mmpose_sdpose.benchmark.machine import describe_machine
from mmpose_sdpose.benchmark.results import (
    Row,
    columns_of,
    read_rows,
    row_of,
    table_of,
    write_rows,
)
from mmpose_sdpose.benchmark.run import Result, progress_bar, run_benchmark
from mmpose_sdpose.benchmark.subject import SCOPES, CannotMeasure, Spec, TrainingOptions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='benchmark', description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('models', nargs='+', metavar='CONFIG_OR_ONNX')
    parser.add_argument('--batch', type=_positive, nargs='+', default=[1], help='images in a pass')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument(
        '--threads', type=_positive, default=torch.get_num_threads(), help='%(default)s here'
    )
    parser.add_argument('--scope', choices=['network', 'flip', 'pipeline'], help=_scope_help())
    parser.add_argument('--flip', action='store_true', help='with flip test: alone, --scope flip')
    parser.add_argument('--repeats', type=_positive, default=30, help='passes (%(default)s)')
    parser.add_argument('--no-memory', action='store_true', help='leave peak memory out')
    parser.add_argument(
        '--all-cycles',
        action='store_true',
        help='also models of several cycles as the official code computes them in a test:\n'
        'every cycle, attention unfused',
    )
    training = parser.add_argument_group('training steps instead of predictions')
    training.add_argument('--training', action='store_true', help=SCOPES['training'])
    training.add_argument('--amp', action='store_true', help='mixed precision (cuda)')
    training.add_argument('--compile', action='store_true', help='torch.compile, as MMEngine does')
    training.add_argument('--channels-last', action='store_true', help='memory format')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='also write the numbers here')
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument('--append', action='store_true', help='add to an existing --csv')
    existing.add_argument('--force', action='store_true', help='overwrite an existing --csv')
    args = parser.parse_args()
    _check(parser, args)
    return args


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is below 1')
    return number


def _scope_help() -> str:
    return '\n'.join(f'{name}: {SCOPES[name]}' for name in ('network', 'flip', 'pipeline'))


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse, before anything is built, what cannot be meant."""
    only_training = {'--amp': args.amp, '--compile': args.compile}
    only_training['--channels-last'] = args.channels_last
    for option, on in only_training.items():
        if on and not args.training:
            parser.error(f'{option} is about --training')
    if args.training and (args.all_cycles or args.flip or args.scope):
        parser.error('a training step has no --scope, --flip or --all-cycles')
    if args.flip and args.scope == 'network':
        parser.error('--scope network is a single pass: --flip goes with flip or pipeline')
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('there is no CUDA device here')
    if args.amp and args.device == 'cpu':
        parser.error('--amp needs --device cuda')
    if (args.append or args.force) and args.csv is None:
        parser.error('--append and --force are about --csv')
    if args.csv is not None and args.csv.exists() and not (args.append or args.force):
        parser.error(f'{args.csv} exists: say --append or --force')


def specs_of(args: argparse.Namespace) -> list[Spec]:
    """What to measure: batch by batch, models in the order given, all cycles next to one."""
    if args.training:
        scope = 'training'
    elif args.flip and args.scope == 'pipeline':
        scope = 'pipeline+flip'
    else:
        scope = 'flip' if args.flip else args.scope or 'network'
    options = TrainingOptions(args.amp, args.compile, args.channels_last)
    specs = []
    for batch in args.batch:
        for source in map(with_suffix, args.models):
            spec = Spec(source, batch, scope, args.device, args.threads, False, options)
            specs.append(spec)
            if args.all_cycles and has_cycles(spec):
                specs.append(Spec(source, batch, scope, args.device, args.threads, True))
    if args.all_cycles and not any(spec.all_cycles for spec in specs):
        raise CannotMeasure('--all-cycles: none of these models has a second cycle')
    return specs


def with_suffix(source: str) -> str:
    """MMEngine wants the names of MMPose's configs with ``.py``."""
    return f'{source}.py' if '::' in source and not source.endswith('.py') else source


def has_cycles(spec: Spec) -> bool:
    """Whether a spec's model passes its encoder more than once while training."""
    if spec.is_onnx:
        return False
    model = open_config(spec.source).model
    student = model.get('student', model)
    if isinstance(student, str):
        student = open_config(student).model
    return student.get('head', {}).get('num_cycles', 1) > 1


def report(results: list[Result], console: Console) -> None:
    """The table, and what a stranger has to know to read it."""
    spec, rate = results[0].subject.spec, results[0].product_rate
    console.print(f'\nTimed: {SCOPES[spec.scope]}.')
    if spec.scope == 'training':
        console.print(f'Options: {spec.training}.')
    console.print(f'On {describe_machine(spec.device, spec.threads)}; torch {torch.__version__}.\n')
    console.print(table_of(results))
    console.print(
        f'\nMatrix products of this machine in the same run: {rate:.1f} GFLOP/s in float32, '
        f'multiply and add counted as one\nlike the GFLOPs above ({2 * rate:.0f} counted as two).'
    )
    for note in dict.fromkeys(note for result in results for note in result.subject.notes):
        console.print(f'Note: {note}.')


def main() -> int:
    args = parse_args()
    be_quiet()
    try:
        specs = specs_of(args)
        before = rows_before(args, columns_of(specs[0].scope))
        with progress_bar() as progress:
            results = run_benchmark(specs, args.repeats, not args.no_memory, progress)
        # Wide where the output goes into a file, so that the table stays whole.
        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        report(results, console)
        if args.csv is not None:
            command = shlex.join(['mim', 'run', 'mmpose_sdpose', 'benchmark', *sys.argv[1:]])
            rows = before + [row_of(result, command) for result in results]
            write_rows(args.csv, columns_of(specs[0].scope), rows)
    except (CannotMeasure, OSError, KeyError) as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail('stopped; nothing was written', 130)
    return 0


def rows_before(args: argparse.Namespace, columns: Sequence[str]) -> list[Row]:
    """What is in the CSV already and stays there; finds out early whether it can be written.

    Raises:
        CannotMeasure: If it cannot, or has other columns.
    """
    if args.csv is None:
        return []
    try:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(args.csv.parent, os.W_OK):
            raise PermissionError(f'the folder {args.csv.parent} may not be written to')
        return read_rows(args.csv, columns) if args.append and args.csv.exists() else []
    except (OSError, ValueError) as error:
        raise CannotMeasure(f'--csv {args.csv}: {error}') from error


def _fail(message: str, code: int) -> int:
    print(f'benchmark: {message}', file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
