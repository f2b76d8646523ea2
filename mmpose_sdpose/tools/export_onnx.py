"""Export a model to a verified ONNX file, in float32, half precision or eight bits.

The file gives keypoints in pixels of its input, and scores; its metadata says how the input is made. It
is run against PyTorch and MMPose before it is written: a float32 network that differs by more than 1e-4,
or decoding by more than 0.01 pixels, is not kept.
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
from mmpose_sdpose.export.export import LEAST_IMAGES, Exported, Request, export
from mmpose_sdpose.export.graph import ExportNotPossible, OnnxSession
from mmpose_sdpose.export.verify import (
    PeopleToTest,
    evaluate,
    read_test_data,
    with_flip_test,
    with_graph,
)
from mmpose_sdpose.tools.console import fail

import numpy as np
from mmpose.models import TopdownPoseEstimator
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sdpose_runtime.files import check_writable
from sdpose_runtime.metadata_format import THRESHOLD


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='export_onnx', description=__doc__)
    parser.add_argument('config', help='path, or name of one of our configs')
    parser.add_argument('checkpoint', help='file, URL or mmpose_sdpose://NAME.pth')
    parser.add_argument('out', type=Path, help='the ONNX file')
    parser.add_argument('--force', action='store_true', help='replace OUT if it exists')
    _add_precision(parser)
    parser.add_argument(
        '--images',
        metavar='DATA',
        help='images, as for --int8, on which the graph is compared with PyTorch (default: those of '
        '--int8, or made-up people)',
    )
    _add_graph(parser)
    parser.add_argument(
        '--evaluate',
        nargs='?',
        const='',
        metavar='CONFIG',
        help='also print the AP of PyTorch and of the graphs on the test data of CONFIG (default: of '
        'the config itself), all with or without --flip-test',
    )
    args = parser.parse_args(argv)
    if not np.isfinite(args.threshold):
        parser.error(f'--threshold {args.threshold} must be a number')
    for name in ('int8', 'images'):
        if getattr(args, name) == '':  # of a shell's variable that is not set
            parser.error(f'--{name} is empty: name a folder or a config')
    if args.calibration_images < LEAST_IMAGES:
        parser.error(f'--calibration-images {args.calibration_images}: at least {LEAST_IMAGES}')
    return args


def _add_precision(parser: argparse.ArgumentParser) -> None:
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        '--int8',
        metavar='DATA',
        help='quantise to eight bits; DATA gives the ranges: a folder of crops, a folder of images with '
        'the COCO file of their boxes in it, or a config, whose training data is taken',
    )
    precision.add_argument('--fp16', action='store_true', help='half precision, for accelerators')
    precision.add_argument(
        '--fp16-weights',
        action='store_true',
        help='weights stored in half precision, computed with in float32: half the file, the same speed',
    )
    parser.add_argument(
        '--calibration-images', type=int, default=64, metavar='N', help='for --int8 (%(default)s)'
    )


def _add_graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--flip-test',
        action='store_true',
        help='average with the mirrored image inside the graph: a little better, twice the time',
    )
    parser.add_argument(
        '--batch',
        type=_batch,
        default=1,
        metavar='N|dynamic',
        help='images in one run: a number (%(default)s), or dynamic for any',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        default=THRESHOLD,
        metavar='SCORE',
        help='written into the file: the score from which on the runtime draws a keypoint (%(default)s)',
    )
    parser.add_argument('--opset', type=int, default=18, help='of the operators (%(default)s)')


def _batch(text: str) -> int | None:
    if text == 'dynamic':
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text} is neither dynamic nor a number from 1 on')
    if int(text) > _MOST_IMAGES:
        raise argparse.ArgumentTypeError(
            f'{text} is more than {_MOST_IMAGES} images: take dynamic, for any number'
        )
    return int(text)


#: In one run: the graph is tried with as many, which must fit into memory.
_MOST_IMAGES = 1024


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    console = Console(file=sys.stdout, highlight=False)  # prints while others may not
    request = Request(
        config=args.config,
        checkpoint=args.checkpoint,
        precision=_precision(args),
        flip_test=args.flip_test,
        calibration=args.int8,
        calibration_images=args.calibration_images,
        images=args.images,
        batch=args.batch,
        opset=args.opset,
        threshold=args.threshold,
    )
    try:
        with _only_our_words():
            check_writable(args.out, args.force, [args.config, args.checkpoint])
            data = _test_data(args)
            with console.status('') as status:
                exported = export(request, lambda step: status.update(f'{step} ...'))
            exported.write(args.out)
            console.print(_summary(exported, args.out))
            if warning := coarse_keypoints(exported.pixel_differences, exported.entry):
                console.print(warning)
            if data is not None:
                console.print(_ap_table(_evaluate(exported, data, console)))
    except (ExportNotPossible, OSError, ValueError, KeyError) as error:
        return fail('export_onnx', error)
    except KeyboardInterrupt:
        return fail('export_onnx', 'stopped', 130)
    return 0


def _precision(args: argparse.Namespace) -> str:
    if args.int8:
        return 'int8'
    if args.fp16_weights:
        return 'fp16-weights'
    return 'fp16' if args.fp16 else 'fp32'


def _test_data(args: argparse.Namespace) -> PeopleToTest | None:
    """What to evaluate on, read before anything else is done."""
    if args.evaluate is None:
        return None
    return read_test_data(read_config(args.evaluate or args.config))


def _evaluate(exported: Exported, data: PeopleToTest, console: Console) -> dict[str, float]:
    """AP of PyTorch, of the float32 graph, of the file."""
    model, entry = exported.model, exported.entry
    subjects = {
        'PyTorch': with_flip_test(model, entry['flip_test']),
        'ONNX fp32': with_graph(model, OnnxSession(exported.float_graph)),
    }
    if exported.graph is not exported.float_graph:
        name = f'ONNX {entry["precision"]}'
        subjects[name] = with_graph(model, OnnxSession(exported.graph))
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


def _summary(exported: Exported, path: Path) -> Table:
    """What was written and how near it is to PyTorch."""
    table = Table(show_header=False, title=str(path), title_justify='left', box=None)
    entry, graph = exported.entry, exported.graph
    width, height = entry['input_size']
    batch = graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 'any'
    opset = max(entry.version for entry in graph.opset_import if not entry.domain)
    flip = ', averaged with the mirrored image' if entry['flip_test'] else ''
    table.add_row('model', f'{entry["config"]}, {entry["precision"]}')
    table.add_row('input', f'image: {batch} x 3 x {height} x {width}')
    table.add_row('output', f'keypoints in pixels of the input, and scores{flip}')
    table.add_row(
        'file', f'{path.stat().st_size / 1e6:.1f} MB, {len(graph.graph.node)} nodes, opset {opset}'
    )
    table.add_row('compared on', exported.seen)
    table.add_row('fp32 to PyTorch', f'{exported.raw_difference:.1e} at most, before decoding')
    table.add_row('decoding to MMPose', f'{exported.decoding_difference:.1e} pixels at most')
    table.add_row('keypoints to MMPose', _distances(exported.pixel_differences))
    return table


def _distances(pixels: np.ndarray) -> str:
    return (
        f'median {np.median(pixels):.2g}, 95 % within {np.percentile(pixels, 95):.2g}, at most '
        f'{pixels.max():.2g} pixels of the input'
    )


#: Share of the input's longer side by which the median keypoint may move.
_COARSE = 0.01


def coarse_keypoints(pixels: np.ndarray, entry: dict) -> str:
    """What to do where eight bits, or half precision, have moved the keypoints far; else nothing.

    Args:
        pixels: Of each keypoint from PyTorch's, pixels of the input.
        entry: The file's description.
    """
    median, most = float(np.median(pixels)), _COARSE * max(entry['input_size'])
    if median <= most:
        return ''
    return (
        f'Warning: in {entry["precision"]} half of the keypoints are {median:.2g} pixels or more from '
        f"PyTorch's (more than {most:.2g}). Look at --evaluate. Weights must be trained ones, and "
        'images for --int8 like those that the model will see.'
    )


def _ap_table(scores: dict[str, float]) -> Table:
    """AP of the graphs beside PyTorch's."""
    table = Table('', 'AP', 'to PyTorch, points')
    first = next(iter(scores.values()))
    for name, value in scores.items():
        table.add_row(name, f'{value:.4f}', f'{100 * (value - first):+.2f}')
    return table


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
