"""Export a model to a verified ONNX file, in float32, half precision or eight bits.

The file holds one plain cycle with everything constant folded; its metadata says how its input is made
and what its outputs are. It is run against PyTorch before it is written: a float32 graph that differs by
more than 1e-4 is not kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.configs import read_config
from mmpose_sdpose.export.evaluate import PeopleToTest, evaluate, read_test_data
from mmpose_sdpose.export.export import Exported, export
from mmpose_sdpose.export.graph_estimator import with_graph
from mmpose_sdpose.export.inputs import LEAST_IMAGES
from mmpose_sdpose.export.packages import ExportNotPossible
from mmpose_sdpose.export.report import ap_table, summary
from mmpose_sdpose.export.request import Request
from mmpose_sdpose.export.session import OnnxSession
from mmpose_sdpose.tools.console import fail

from mmpose.models import TopdownPoseEstimator
from rich.console import Console
from rich.progress import Progress

from sdpose_runtime.files import whole_file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='export_onnx', description=__doc__)
    parser.add_argument('config', help='path, or name of one of our configs')
    parser.add_argument('checkpoint', help='file, URL or mmpose_sdpose://NAME.pth')
    parser.add_argument('out', type=Path, help='the ONNX file')
    parser.add_argument('--force', action='store_true', help='replace OUT if it exists')
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        '--int8',
        metavar='DATA',
        help='quantise to eight bits; ranges come from a folder of crops, a folder of images with the '
        'COCO file of their boxes in it, or the training data of a config',
    )
    precision.add_argument('--fp16', action='store_true', help='half precision, for accelerators')
    parser.add_argument(
        '--calibration-images', type=int, default=64, metavar='N', help='for --int8 (%(default)s)'
    )
    parser.add_argument(
        '--batch',
        type=_batch,
        default=1,
        metavar='N|dynamic',
        help='images in one run: a number (%(default)s), or dynamic for any',
    )
    parser.add_argument('--opset', type=int, default=18, help='of the operators (%(default)s)')
    outputs = parser.add_mutually_exclusive_group()
    outputs.add_argument(
        '--decode',
        action='store_true',
        help='keypoints in pixels of the input and scores, as the codec decodes, instead of raw outputs',
    )
    outputs.add_argument(
        '--simcc',
        type=_split,
        nargs='?',
        const=2.0,
        metavar='SPLIT',
        help='the decoded keypoints as SimCC vectors, for runtimes that read these (rtmlib); SPLIT '
        'bins to a pixel (%(const)s)',
    )
    parser.add_argument(
        '--evaluate',
        nargs='?',
        const='',
        metavar='CONFIG',
        help='also print the AP of PyTorch and of the graphs on the test data of CONFIG (default: of '
        'the config itself)',
    )
    args = parser.parse_args(argv)
    if args.calibration_images < LEAST_IMAGES:
        parser.error(f'--calibration-images {args.calibration_images}: at least {LEAST_IMAGES}')
    return args


def _batch(text: str) -> int | None:
    if text == 'dynamic':
        return None
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text} is neither dynamic nor a number from 1 on')
    return int(text)


def _split(text: str) -> float:
    try:
        split = float(text)
    except ValueError:
        split = 0
    if not 0.5 <= split <= 16:
        raise argparse.ArgumentTypeError(f'{text} is no number of bins to a pixel, 0.5 to 16')
    return split


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    console = Console(file=sys.stdout, highlight=False)  # prints while others may not
    request = Request(
        config=args.config,
        checkpoint=args.checkpoint,
        precision='int8' if args.int8 else 'fp16' if args.fp16 else 'fp32',
        calibration=args.int8,
        calibration_images=args.calibration_images,
        batch=args.batch,
        opset=args.opset,
        decode=args.decode,
        simcc=args.simcc,
    )
    try:
        with _only_our_words():
            _check_writable(args.out, args.force)
            data = _test_data(args)
            with console.status('') as status:
                exported = export(request, lambda step: status.update(f'{step} ...'))
            exported.write(args.out)
            console.print(summary(exported, args.out))
            if data is not None:
                console.print(ap_table(_evaluate(exported, data, console)))
    except (ExportNotPossible, OSError, ValueError, KeyError) as error:
        return fail('export_onnx', error)
    except KeyboardInterrupt:
        return fail('export_onnx', 'stopped', 130)
    return 0


def _test_data(args: argparse.Namespace) -> PeopleToTest | None:
    """What to evaluate on, read before anything else is done."""
    if args.evaluate is None:
        return None
    return read_test_data(read_config(args.evaluate or args.config))


def _evaluate(exported: Exported, data: PeopleToTest, console: Console) -> dict[str, float]:
    """AP of PyTorch, of the float32 graph, of the file."""
    network = OnnxSession(exported.float_network)
    subjects = {
        'PyTorch': exported.model,
        'ONNX fp32': with_graph(exported.model, network, exported.raw_output),
    }
    if exported.graph is not exported.float_network:
        name = f'ONNX {exported.entry["precision"]}, {exported.output}'
        if exported.output != exported.raw_output and exported.model.test_cfg.get('flip_test'):
            name += ' (no flip test)'
        session = OnnxSession(exported.graph)
        subjects[name] = with_graph(exported.model, session, exported.output)
    with Progress(console=console, transient=True) as progress:
        return {
            name: _average_precision(model, data, name, progress)
            for name, model in subjects.items()
        }


def _average_precision(
    model: TopdownPoseEstimator, data: PeopleToTest, name: str, progress: Progress
) -> float:
    task = progress.add_task(name, total=None)
    metrics = evaluate(
        model, data, lambda done, total: progress.update(task, completed=done, total=total)
    )
    for metric, value in metrics.items():
        if metric.endswith('/AP'):
            return value
    raise ValueError(f'the metric gave no AP but {", ".join(metrics)}')


def _check_writable(path: Path, replace: bool) -> None:
    """Before minutes of work: whether the file can be written where it is wanted.

    Raises:
        OSError: If not.
    """
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder: name a file in it')
    if path.exists() and not replace:
        raise FileExistsError(f'{path} exists: choose another name, or say --force')
    try:
        with whole_file(path.with_name(f'.{path.name}.trial')):
            pass
        path.with_name(f'.{path.name}.trial').unlink()
    except OSError as error:
        raise OSError(f'{path} cannot be written: {error.strerror}') from error


@contextlib.contextmanager
def _only_our_words() -> Iterator[None]:
    """MMPose and the COCO tools log, warn and print what they read; the tool says what matters of it."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(disabled)


if __name__ == '__main__':
    sys.exit(main())
