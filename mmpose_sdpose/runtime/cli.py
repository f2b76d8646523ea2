"""Poses of people in images, folders, videos or a camera, by a model from an ONNX file.

Needs NumPy, OpenCV and ONNX Runtime alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from .boxes import BoxFile, BoxSource, WholeImage
from .detector import INPUT_STYLES, Detector
from .outputs import planned_outputs
from .pipeline import DETECT_EVERY, PipelineOptions, PosePipeline
from .pose_model import PoseModel
from .progress import Progress
from .results import CocoResults
from .run import Run, Summary
from .sources import Source, open_sources

RESULTS = 'keypoints.json'
WHOLE_IMAGE = 'whole-image'


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m mmpose_sdpose.runtime',
        description=__doc__,
        epilog='Exit code: 0 if all went well, 1 if something was passed over or could not be '
        'written, 2 if nothing was begun, 130 after Ctrl-C (which is the way to end a camera: '
        'then what was filmed is kept).',
    )
    parser.add_argument('model', help='written by `mim run mmpose_sdpose export_onnx`')
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, folder of images, video, or number of a camera',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='where results go')
    parser.add_argument(
        '--boxes',
        default=WHOLE_IMAGE,
        metavar='FILE|whole-image|DETECTOR.onnx',
        help='where people are: COCO-style file (for images), one person that fills the image '
        '(default), or a detector (YOLOX or RTMDet)',
    )
    _add_output_options(parser)
    _add_pose_options(parser)
    _add_video_options(parser)
    _add_machine_options(parser)
    return parser.parse_args(arguments)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('output')
    group.add_argument('--json', action='store_true', help=f'write DIR/{RESULTS}, COCO results')
    group.add_argument('--no-pictures', action='store_true', help='draw nothing')
    group.add_argument(
        '--show-fps', action='store_true', help='speed, in videos and by stage at the end'
    )
    group.add_argument('--force', action='store_true', help='write over what is there')


def _add_pose_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('people')
    group.add_argument(
        '--threshold',
        type=float,
        default=0.3,
        metavar='SCORE',
        help='keypoints below are not drawn, nor followed (default 0.3)',
    )
    group.add_argument(
        '--box-threshold',
        type=float,
        default=0.3,
        metavar='SCORE',
        help='boxes below are left out (default 0.3; 0 for an evaluation)',
    )
    group.add_argument(
        '--nms',
        type=float,
        default=0.9,
        metavar='SIMILARITY',
        help='poses more alike are one person (default 0.9, as CocoMetric)',
    )
    group.add_argument('--flip-test', action='store_true', help='average with the mirrored image')
    group.add_argument(
        '--detector-input',
        choices=list(INPUT_STYLES),
        help='how the detector wants its input normalised (default: by its outputs)',
    )


def _add_video_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('video and camera')
    group.add_argument(
        '--track',
        action='store_true',
        help='follow people by their keypoints; numbers are drawn and go into the results',
    )
    group.add_argument(
        '--detect-every',
        type=int,
        metavar='N',
        help=f'frames from one detection to the next, with tracking (default {DETECT_EVERY})',
    )
    group.add_argument('--one-euro', action='store_true', help='smooth keypoints over time')
    group.add_argument(
        '--min-cutoff', type=float, default=1.0, metavar='HZ', help='lower: steadier at rest'
    )
    group.add_argument('--beta', type=float, default=10.0, help='higher: less lag in motion')
    group.add_argument('--max-frames', type=int, metavar='N', help='stop a video or camera there')


def _add_machine_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('machine')
    group.add_argument('--threads', type=int, metavar='N', help='CPU threads (default: all cores)')
    group.add_argument(
        '--provider',
        action='append',
        metavar='NAME',
        help="ONNX Runtime's, e.g. CUDAExecutionProvider; may be given several times",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    # OpenCV's and FFmpeg's own remarks on broken files; ours names the file
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
    cv2.setLogLevel(0)
    try:
        sources = open_sources(args.inputs)
        run = _prepare(args, sources)
    except (OSError, ValueError) as error:
        return _fail(error, 2)
    try:
        summary = run(sources, Progress(_total(sources, args.max_frames)))
        if args.json:
            run.results.write(args.out / RESULTS)
    except (OSError, RuntimeError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail('stopped; finished pictures and videos are kept, no results are written', 130)
    _conclude(run, summary, args)
    return 1 if summary.passed_over else 0


def _prepare(args: argparse.Namespace, sources: list[Source]) -> Run:
    """Everything that can be wrong before the first frame is found here.

    Raises:
        OSError, ValueError: If it is.
    """
    if args.no_pictures and not args.json:
        raise ValueError('with --no-pictures and without --json there is nothing to do')
    if args.max_frames is not None and args.max_frames < 1:
        raise ValueError(f'--max-frames ({args.max_frames}) must be 1 or more')
    if args.threads is not None:
        cv2.setNumThreads(max(1, args.threads))
    _check_outputs(args, sources)
    model = PoseModel(args.model, args.threads, args.provider)
    boxes = _open_boxes(args, sources)
    options = PipelineOptions(
        threshold=args.threshold,
        box_threshold=args.box_threshold,
        similarity=args.nms,
        flip_test=args.flip_test,
        track=args.track,
        detect_every=args.detect_every,
        one_euro=args.one_euro,
        min_cutoff=args.min_cutoff,
        beta=args.beta,
    )
    results = CocoResults(boxes.image_id if isinstance(boxes, BoxFile) else None)
    folder = None if args.no_pictures else args.out
    pipeline = PosePipeline(model, boxes, options)
    return Run(pipeline, folder, results, args.show_fps, args.max_frames)


def _check_outputs(args: argparse.Namespace, sources: list[Source]) -> None:
    paths = [] if args.no_pictures else planned_outputs(sources, args.out)
    paths += [args.out / RESULTS] if args.json else []
    there = [path for path in paths if path.exists()]
    if there and not args.force:
        more = f' and {len(there) - 1} more' if len(there) > 1 else ''
        raise ValueError(f'{there[0]}{more} exists: --force writes over it')
    args.out.mkdir(parents=True, exist_ok=True)
    if not os.access(args.out, os.W_OK):
        raise PermissionError(f'{args.out} is not writable')


def _open_boxes(args: argparse.Namespace, sources: list[Source]) -> BoxSource:
    if args.boxes == WHOLE_IMAGE:
        return WholeImage()
    if Path(args.boxes).suffix.lower() == '.onnx':
        return Detector(args.boxes, args.detector_input, args.threads, args.provider)
    boxes = BoxFile(args.boxes)
    for source in sources:
        if source.is_video:
            raise ValueError(f'a box file is for images, and {source.name} is none: use a detector')
    if not any(boxes.image_id(source.path.name) is not None for source in sources):
        raise ValueError(f'{args.boxes} has boxes for none of the images: are they its images?')
    return boxes


def _total(sources: list[Source], max_frames: int | None) -> int | None:
    """Frames to come, None if a source does not say."""
    counts = [source.count for source in sources]
    if max_frames is not None:
        counts = [
            min(count or max_frames, max_frames) if source.is_video else count
            for source, count in zip(sources, counts)
        ]
    return None if None in counts else sum(counts)


def _conclude(run: Run, summary: Summary, args: argparse.Namespace) -> None:
    lines = [
        f'{summary.frames} frames, {summary.people} people, {run.progress.rate:.1f} frames a second'
        + (f', {summary.passed_over} passed over' if summary.passed_over else '')
        + f'; in {args.out}'
    ]
    if args.show_fps and summary.frames:
        stages = run.stopwatch.seconds.items()
        shares = [f'{name} {1000 * s / summary.frames:.1f}' for name, s in stages]
        lines.append(f'milliseconds a frame: {", ".join(shares)}')
    sys.stdout.write('\n'.join(lines) + '\n')


def _fail(error: object, code: int) -> int:
    sys.stderr.write(f'runtime: {error}\n')
    return code
