"""``sdpose-runtime``: everything is checked, then run, then summed up."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from .arguments import RESULTS, WHOLE_IMAGE, parse_args
from .boxes import BoxFile, BoxSource, WholeImage
from .detector import Detector
from .outputs import planned_outputs
from .pipeline import PipelineOptions, PosePipeline
from .pose_model import PoseModel
from .progress import Progress
from .results import CocoResults
from .run import Run, Summary
from .sources import Source, open_sources


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    _quieten_opencv()
    try:
        sources = open_sources(args.inputs)
        run = _prepare(args, sources)
    except (ImportError, OSError, ValueError) as error:
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


def _quieten_opencv() -> None:
    """Turn off OpenCV's and FFmpeg's own remarks on broken files: ours names the file."""
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
    module = cv2 if hasattr(cv2, 'setLogLevel') else cv2.utils.logging  # moved after OpenCV 4.11
    module.setLogLevel(0)


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
