"""``sdpose-runtime``: everything is checked, then run, then summed up."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import cv2

from .box_file import BoxFile
from .boxes import BoxSource, WholeImage
from .detector import INPUT_STYLES, Detector
from .files import refuse_input
from .outputs import ResultFile, planned_outputs
from .pipeline import DETECT_EVERY, PipelineOptions, PosePipeline
from .pose_model import PoseModel
from .run import Progress, Run, StopSignals, say
from .sources import ImageFile, Source, open_sources

logger = logging.getLogger(__name__)

USAGE = '%(prog)s [MODEL.onnx] INPUT [INPUT ...] --out DIR [options]'
DESCRIPTION = """Poses of people in images, folders, videos, a camera or a network stream, by the model
that comes with the package or one of yours. Needs NumPy, OpenCV and ONNX Runtime alone."""
EXIT_CODES = """Exit code: 0 if all went well, 1 if something was passed over or could not be written, 2
if nothing was begun, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP. Pictures, video and results
of the frames until then are kept. Ctrl-C is the way to end a camera or a stream: alone it gives 0."""
RESULTS = 'keypoints.json'
WHOLE_IMAGE = 'whole-image'
MODEL_SUFFIX = '.onnx'


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    _quieten_opencv()
    progress = Progress(None)
    with _Remarks(progress):
        try:
            args.model, args.inputs = split_model(args.inputs)
            sources = open_sources(args.inputs)
            run, results = _prepare(args, sources)
        except (ImportError, MemoryError, OSError, ValueError) as error:
            return _fail(error, 2)
        except KeyboardInterrupt:
            return _fail('stopped before anything was begun', 130)
        return _process(args, sources, run, results, progress)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line of ``sdpose-runtime``."""
    parser = argparse.ArgumentParser(
        prog='sdpose-runtime',
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        allow_abbrev=False,  # --detector is no --detector-input
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, folder of images, video, number of a camera, or address (rtsp://, http://); before '
        'the first of them may stand a model, MODEL.onnx, as `mim run mmpose_sdpose export_onnx` writes '
        'it (default: the one that comes with the package)',
    )
    parser.add_argument(
        '--out', type=_folder, required=True, metavar='DIR', help='where results go'
    )
    parser.add_argument(
        '--boxes',
        type=_named,
        default=WHOLE_IMAGE,
        metavar='FILE|whole-image|DETECTOR.onnx',
        help='where people are: COCO-style file (for images; people are its category "person", else its '
        'only category, else 1), one person that fills the image (default), or a detector (YOLOX or '
        'RTMDet)',
    )
    _add_output_options(parser)
    _add_pose_options(parser)
    _add_video_options(parser)
    _add_machine_options(parser)
    return parser.parse_intermixed_args(arguments)  # MODEL.onnx --out DIR INPUT is one list, too


def split_model(names: Sequence[str]) -> tuple[str | None, list[str]]:
    """The model, if the first name ends in .onnx, and the inputs.

    Raises:
        ValueError: If there is no input, or a model among the inputs.
    """
    is_model = [Path(name).suffix.lower() == MODEL_SUFFIX for name in names]
    model, inputs = (names[0], names[1:]) if is_model[0] else (None, names)
    if not inputs:
        raise ValueError(f'{model} is a model: name an image, folder, video or camera after it')
    if any(is_model[1:]):
        second = names[is_model.index(True, 1)]
        raise ValueError(f'{second} is a model: one can be named, before the first input')
    return model, list(inputs)


def _named(text: str) -> str:
    """A name; an empty one is of a shell's variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError('the name is empty')
    return text


def _folder(text: str) -> Path:
    return Path(_named(text))


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
        metavar='SCORE',
        help="keypoints below are not drawn, nor followed (default: the model's own)",
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
    group.add_argument(
        '--detector-input',
        choices=list(INPUT_STYLES),
        help='how the detector wants its input normalised (default: by its outputs)',
    )


def _add_video_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('video, camera and stream')
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
        '--min-cutoff', type=float, metavar='HZ', help='of --one-euro; lower: steadier at rest (1)'
    )
    group.add_argument('--beta', type=float, help='of --one-euro; higher: less lag in motion (10)')
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


def _prepare(args: argparse.Namespace, sources: list[Source]) -> tuple[Run, ResultFile | None]:
    """The run, and where its results go; what can be wrong before the first frame is found here.

    Raises:
        OSError, ValueError: If it is.
    """
    if args.no_pictures and not args.json:
        raise ValueError('with --no-pictures and without --json there is nothing to do')
    if args.max_frames is not None and args.max_frames < 1:
        raise ValueError(f'--max-frames ({args.max_frames}) must be 1 or more')
    _check_outputs(args, sources)
    model = PoseModel(args.model, args.threads, args.provider)
    if args.threads is not None:
        cv2.setNumThreads(args.threads)
    boxes = _open_boxes(args, sources)
    options = PipelineOptions(
        threshold=args.threshold,
        box_threshold=args.box_threshold,
        similarity=args.nms,
        track=args.track,
        detect_every=args.detect_every,
        one_euro=args.one_euro,
        **_filter_options(args),
    )
    pipeline = PosePipeline(model, boxes, options)
    folder = None if args.no_pictures else args.out
    run = Run(pipeline, folder, args.show_fps, args.max_frames)
    _make_folder(args.out)
    _say_unused(args, sources)
    return run, _open_results(args, boxes)


def _filter_options(args: argparse.Namespace) -> dict[str, float]:
    given = {
        name: value for name in ('min_cutoff', 'beta') if (value := getattr(args, name)) is not None
    }
    if given and not args.one_euro:
        options = ' and '.join(f'--{name.replace("_", "-")}' for name in given)
        raise ValueError(f'{options}: of the filter, which --one-euro turns on')
    return given


def _open_results(args: argparse.Namespace, boxes: BoxSource) -> ResultFile | None:
    if not args.json:
        return None
    image_id = boxes.image_id if isinstance(boxes, BoxFile) else None
    return ResultFile(args.out / RESULTS, image_id)


def _check_outputs(args: argparse.Namespace, sources: list[Source]) -> None:
    paths = [] if args.no_pictures else planned_outputs(sources, args.out)
    paths += [args.out / RESULTS] if args.json else []
    there = [path for path in paths if path.exists()]
    if there and not args.force:
        more = f' and {len(there) - 1} more' if len(there) > 1 else ''
        raise ValueError(f'{there[0]}{more} exists: --force writes over it')
    for path in there:
        refuse_input(path, [args.boxes, *([] if args.model is None else [args.model])])
    folders = [path for path in there if path.is_dir()]
    if folders:
        raise ValueError(f'{folders[0]} is a folder, where a file is to go: name another --out')


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f'no folder can be made at {folder} ({error.strerror}): name another one with --out'
        ) from error
    if not os.access(folder, os.W_OK):
        raise PermissionError(f'{folder} is not writable: name another folder with --out')


def _say_unused(args: argparse.Namespace, sources: list[Source]) -> None:
    """Log options that are for videos where no input is one."""
    names = ('track', 'one_euro', 'detect_every', 'max_frames')
    given = [f'--{name.replace("_", "-")}' for name in names if getattr(args, name)]
    if given and not any(source.is_video for source in sources):
        logger.warning('%s: for videos and cameras, and no input is one', ', '.join(given))


def _open_boxes(args: argparse.Namespace, sources: list[Source]) -> BoxSource:
    if Path(args.boxes).suffix.lower() == MODEL_SUFFIX:
        return Detector(args.boxes, args.detector_input, args.threads, args.provider)
    if args.detector_input is not None:
        raise ValueError('--detector-input is for a detector: name one with --boxes DETECTOR.onnx')
    if args.boxes == WHOLE_IMAGE:
        return WholeImage()
    boxes = BoxFile(args.boxes)
    images = [source for source in sources if isinstance(source, ImageFile)]
    for source in sources:
        if source not in images:
            raise ValueError(f'a box file is for images, and {source.name} is none: use a detector')
    boxes.check_images(images)
    return boxes


def _process(
    args: argparse.Namespace,
    sources: list[Source],
    run: Run,
    results: ResultFile | None,
    progress: Progress,
) -> int:
    """The run itself, to its end or a signal; the exit code."""
    progress.begin(_total(sources, args.max_frames))
    with StopSignals() as stop:
        try:
            with results or nullcontext():
                run(sources, results, progress, stop)
        except (OSError, RuntimeError) as error:
            progress.close()
            return _fail(error, 1)
        except KeyboardInterrupt:
            progress.close()
            return _fail('stopped at once: a video that was being written is not kept', 130)
        _conclude(run, args, progress, stop.number)
    if stop.number is not None:
        return 128 + stop.number
    return 1 if run.summary.passed_over or run.pipeline.left_out else 0


def _total(sources: list[Source], max_frames: int | None) -> int | None:
    """Frames to come, None if a source does not say."""
    total = 0
    for source in sources:
        count = source.count
        if max_frames is not None and source.is_video:
            count = min(count or max_frames, max_frames)
        if count is None:
            return None
        total += count
    return total


def _quieten_opencv() -> None:
    """Turn off OpenCV's and FFmpeg's own remarks on broken files: ours names the file."""
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
    # It moved after OpenCV 4.11.
    module = 'cv2' if hasattr(cv2, 'setLogLevel') else 'cv2.utils.logging'
    import_module(module).setLogLevel(0)


class _Remarks(logging.Handler):
    """What the package logs becomes lines beside the progress, for the time of a ``with`` block."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress
        self.logger = logging.getLogger(__package__)

    def emit(self, record: logging.LogRecord) -> None:
        self.progress.report(f'runtime: {record.getMessage()}')

    def __enter__(self) -> _Remarks:
        self.logger.addHandler(self)
        self.logger.propagate = False
        return self

    def __exit__(self, *error: object) -> None:
        self.logger.removeHandler(self)
        self.logger.propagate = True


def _conclude(run: Run, args: argparse.Namespace, progress: Progress, stopped: int | None) -> None:
    summary, pipeline = run.summary, run.pipeline
    if stopped is not None:
        progress.report(f'runtime: stopped; what was done until then is in {args.out}')
    elif summary.frames and not pipeline.left_out:
        remark = _why_nothing(run, args)
        if remark:
            progress.report(f'runtime: {remark}')
    counts = [
        f'{_count(summary.frames, "frame", "frames")}, {_count(summary.people, "person", "people")}, '
        f'{progress.rate:.1f} frames a second',
        f'{summary.passed_over} passed over' * bool(summary.passed_over),
        f'{pipeline.left_out} left out for NaN, infinite or absurd boxes or keypoints'
        * bool(pipeline.left_out),
    ]
    lines = [', '.join(filter(None, counts)) + f'; in {args.out}']
    if args.show_fps and summary.frames:
        stages = run.stopwatch.seconds.items()
        shares = [f'{name} {1000 * s / summary.frames:.1f}' for name, s in stages]
        lines.append(f'milliseconds a frame: {", ".join(shares)}')
    say(sys.stdout, '\n'.join(lines) + '\n')


def _why_nothing(run: Run, args: argparse.Namespace) -> str:
    """Why nobody was found, or nothing drawn, if that is so."""
    pipeline = run.pipeline
    if run.summary.people:
        if run.folder is None or pipeline.best_score >= pipeline.threshold:
            return ''
        way = 'choose a lower --threshold'
        if args.boxes == WHOLE_IMAGE:
            way += ', or, where nobody fills the image, a detector by --boxes'
        return (
            f'no keypoint was drawn: the best one scores {pipeline.best_score:.3g}, less than the '
            f'threshold ({pipeline.threshold:g}): {way}'
        )
    if pipeline.poor:
        return (
            f'nobody was found: all {pipeline.poor} boxes score below --box-threshold '
            f'({args.box_threshold})'
        )
    return f'nobody was found: {args.boxes} has no box within these images'


def _count(number: int, one: str, several: str) -> str:
    return f'{number} {one if number == 1 else several}'


def _fail(error: object, code: int) -> int:
    say(sys.stderr, f'runtime: {str(error) or type(error).__name__}\n')
    return code
