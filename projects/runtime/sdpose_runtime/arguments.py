from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .detector import INPUT_STYLES
from .pipeline import DETECT_EVERY

DESCRIPTION = """Poses of people in images, folders, videos or a camera, by a model from an ONNX file.
Needs NumPy, OpenCV and ONNX Runtime alone."""
RESULTS = 'keypoints.json'
WHOLE_IMAGE = 'whole-image'


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line of ``sdpose-runtime``."""
    parser = argparse.ArgumentParser(
        prog='sdpose-runtime',
        description=DESCRIPTION,
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
