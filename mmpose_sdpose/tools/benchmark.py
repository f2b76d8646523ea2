"""Latency, memory and cost of models, side by side in one run.

CONFIG is a path, the name of a config of ours, or mmpose::PATH for one of MMPose's, such as
mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192; models get random
weights, nothing is downloaded. ONNX files are run in ONNX Runtime, and in OpenVINO if wanted:
the network alone in several processes of its own, so that one's threads do not slow the next;
the median of their medians is given. All take turns, so that noise hits all alike, and the
machine's own rate of matrix products, the limit, is measured among them.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.benchmark.report import (
    Row,
    columns_of,
    describe_machine,
    read_rows,
    row_of,
    table_of,
    write_rows,
)
from mmpose_sdpose.benchmark.run import PROCESSES, Result, be_quiet, run_benchmark
from mmpose_sdpose.benchmark.spec import (
    SCOPES,
    CannotMeasure,
    Spec,
    TrainingOptions,
    list_specs,
)
from mmpose_sdpose.tools.console import count, fail, progress_bar

import torch
from rich.console import Console

from sdpose_runtime.files import check_writable
from sdpose_runtime.sessions import MOST_THREADS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='benchmark',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('models', nargs='+', metavar='CONFIG_OR_ONNX')
    parser.add_argument('--batch', type=count, nargs='+', metavar='N', help='images (1)')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    threads = torch.get_num_threads()
    parser.add_argument(
        '--threads', type=count, default=threads, metavar='N', help='of the CPU (%(default)s)'
    )
    parser.add_argument(
        '--repeats', type=count, default=30, metavar='N', help='passes of each (%(default)s)'
    )
    parser.add_argument(
        '--processes',
        type=count,
        default=PROCESSES,
        metavar='N',
        help='in which the network of an ONNX file is timed, --repeats passes in each (%(default)s)',
    )
    parser.add_argument(
        '--openvino', action='store_true', help='time ONNX files in OpenVINO as well (the network)'
    )
    parser.add_argument('--no-memory', action='store_true', help='leave peak memory out')
    _add_scopes(parser)
    training = parser.add_argument_group('with --training')
    training.add_argument('--amp', action='store_true', help='mixed precision (cuda)')
    training.add_argument('--compile', action='store_true', help='torch.compile, as MMEngine does')
    training.add_argument('--channels-last', action='store_true', help='memory format')
    training.add_argument(
        '--explicit-attention', action='store_true', help='two products and a softmax, not fused'
    )
    output = parser.add_argument_group('output')
    output.add_argument('--csv', type=Path, metavar='FILE', help='also write the numbers here')
    existing = output.add_mutually_exclusive_group()
    existing.add_argument('--append', action='store_true', help='add to an existing --csv')
    existing.add_argument('--force', action='store_true', help='overwrite an existing --csv')
    args = parser.parse_args()
    args.scope = _scope_of(parser, args)
    _check(parser, args)
    return args


def _add_scopes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('what is timed')
    texts = '; '.join(f'{name}: {SCOPES[name]}' for name in ('network', 'flip', 'pipeline'))
    group.add_argument('--scope', choices=['network', 'flip', 'pipeline'], help=texts)
    group.add_argument(
        '--flip',
        action='store_true',
        help='flip test, of models in PyTorch; alone, --scope flip',
    )
    group.add_argument(
        '--all-cycles',
        action='store_true',
        help='also models of several cycles as the official code computes them in a test: every '
        'cycle, attention unfused',
    )
    group.add_argument(
        '--fuse-conv-bn',
        action='store_true',
        help='fold BatchNorm into the convolutions of models in PyTorch, but for all cycles',
    )
    group.add_argument('--training', action='store_true', help=SCOPES['training'])
    group.add_argument('--clip', action='store_true', help=SCOPES['clip'] + ' (ONNX files)')


def _scope_of(parser: argparse.ArgumentParser, args: argparse.Namespace) -> str:
    special = [scope for scope in ('training', 'clip') if getattr(args, scope)]
    if special:
        if len(special) > 1 or args.scope or args.flip or args.all_cycles or args.fuse_conv_bn:
            parser.error(
                'choose one: --training, --clip, or predictions with --scope, --flip, --all-cycles '
                'or --fuse-conv-bn'
            )
        return special[0]
    if args.flip and args.scope == 'network':
        parser.error('--scope network is a single pass: --flip goes with flip or pipeline')
    if args.flip:
        return 'pipeline+flip' if args.scope == 'pipeline' else 'flip'
    return args.scope or 'network'


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse, before anything is built, what cannot be meant."""
    for option in vars(TrainingOptions()):
        if getattr(args, option) and not args.training:
            parser.error(f'--{option.replace("_", "-")} is about --training')
    if args.openvino and args.scope != 'network':
        parser.error('--openvino times the network alone: --scope network')
    if args.clip and args.batch:
        parser.error('--clip has the people of a frame as its batch: leave --batch out')
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('there is no CUDA device here')
    if args.amp and args.device == 'cpu':
        parser.error('--amp needs --device cuda')
    if args.threads > MOST_THREADS:
        parser.error(f'--threads {args.threads} is more than {MOST_THREADS}')
    if (args.append or args.force) and args.csv is None:
        parser.error('--append and --force are about --csv')
    if args.csv is not None and args.csv.exists() and not (args.append or args.force):
        parser.error(f'{args.csv} exists: say --append or --force')


def report(results: list[Result], console: Console) -> None:
    """The table, and what a stranger has to know to read it."""
    spec, rate = results[0].subject.spec, results[0].product_rate
    say = console.print
    say(f'\nTimed: {SCOPES[spec.scope]}.', soft_wrap=True)
    say(f'On {describe_machine(spec.device, spec.threads)}; torch {torch.__version__}.\n')
    say(table_of(results))
    say(
        f'\nMatrix products of this machine in the same run: {rate:.1f} GFLOP/s in float32, multiply '
        f'and add counted as one, as in GFLOPs ({2 * rate:.0f} counted as two).',
        soft_wrap=True,
    )
    if spec.device == 'cuda' and tf32_in_convolutions():
        say(
            "Note: PyTorch's convolutions compute in TF32 on this device, as is its default: their rate "
            'can be above that of the matrix products.',
            soft_wrap=True,
        )
    alone = [result for result in results if result.subject.alone is not None]
    for result in alone:
        medians = ', '.join(f'{ms:.2f}' for ms in sorted(result.medians_ms()))
        spec = result.subject.spec
        say(f'{spec.name} in {spec.engine}, each of {result.processes} processes: {medians} ms')
    for note in dict.fromkeys(note for result in results for note in result.subject.notes):
        say(f'Note: {note}.', soft_wrap=True)


def tf32_in_convolutions() -> bool:
    """Whether the current CUDA device has TF32, and PyTorch's convolutions may use it."""
    return torch.cuda.get_device_capability() >= (8, 0) and torch.backends.cudnn.allow_tf32


def main() -> int:
    args = parse_args()
    be_quiet()
    training = TrainingOptions(**{name: getattr(args, name) for name in vars(TrainingOptions())})
    common = Spec(
        source='',
        scope=args.scope,
        device=args.device,
        threads=args.threads,
        fuse_conv_bn=args.fuse_conv_bn,
        training=training,
    )
    try:
        before = rows_before(args)
        batches = args.batch or [1]
        specs = list_specs(args.models, batches, common, args.all_cycles, args.openvino)
        with progress_bar() as progress:
            results = run_benchmark(
                specs, args.repeats, not args.no_memory, progress, args.processes
            )
        # Never so narrow that columns are lost: a small terminal breaks the lines.
        console = Console(width=max(Console().width, 160), highlight=False)
        report(results, console)
        if args.csv is not None:
            command = shlex.join(['mim', 'run', 'mmpose_sdpose', 'benchmark', *sys.argv[1:]])
            rows = before + [row_of(result, command) for result in results]
            write_rows(args.csv, columns_of(args.scope), rows)
    except (CannotMeasure, OSError, KeyError) as error:
        return fail('benchmark', error)
    except KeyboardInterrupt:
        return fail('benchmark', 'stopped; nothing was written', 130)
    return 0


def rows_before(args: argparse.Namespace) -> list[Row]:
    """What is in the CSV already and stays there; finds out early whether it can be written.

    Raises:
        CannotMeasure: If it cannot, or has other columns.
    """
    if args.csv is None:
        return []
    try:
        check_writable(args.csv, True, args.models)
        there = args.append and args.csv.exists()
        return read_rows(args.csv, columns_of(args.scope)) if there else []
    except (OSError, ValueError) as error:
        raise CannotMeasure(f'--csv {args.csv}: {error}') from error


if __name__ == '__main__':
    sys.exit(main())
