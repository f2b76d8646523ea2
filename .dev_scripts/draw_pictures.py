"""Draw the pages' pictures with the model that comes with the package; again when it was replaced.

`docs/walk.jpg`, cut out of a frame of the demonstration clip of Sports2D (BSD-3-Clause, see
`docs/walk.LICENSE`); `docs/walk_pose.jpg`, what the first command of the pages makes of it; with a
detector `docs/walk_clip.jpg`, frames of the whole clip; and `docs/portrait_pose.jpg`, of the portrait of
Grace Hopper (public domain) in Matplotlib's sample data.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import matplotlib
import numpy as np

from sdpose_runtime.cli import main as run_command
from sdpose_runtime.files import whole_file
from sdpose_runtime.outputs import write_picture

DOCS = Path(__file__).parents[1] / 'docs'
#: What the pages say; the picture comes of it.
COMMAND = 'sdpose-runtime docs/walk.jpg --out out'
#: Options for the clip.
FOLLOW = '--track --one-euro'
FRAME, ROWS, COLUMNS = 116, slice(465, 975), slice(690, 1055)
#: Frames of the clip that are shown in two rows, what of them, and by how much it is made smaller.
SHOWN, SHOWN_COLUMNS, SMALLER = (20, 84, 120, 156, 194, 216), slice(0, 1600), 4


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='draw_pictures', description=__doc__)
    parser.add_argument('clip', type=Path, help="Sports2D's demonstration clip, 1768x994")
    parser.add_argument('--detector', type=Path, metavar='ONNX', help='for docs/walk_clip.jpg')
    args = parser.parse_args(argv)
    frame = read_frames(args.clip, [FRAME])[0]
    write_picture(DOCS / 'walk.jpg', frame[ROWS, COLUMNS])
    draw_pose(COMMAND.replace('docs/', f'{DOCS}/'), DOCS / 'walk_pose.jpg')
    draw_pose(COMMAND.replace('docs/walk.jpg', str(portrait())), DOCS / 'portrait_pose.jpg')
    if args.detector is not None:
        draw_clip(args.clip, args.detector, DOCS / 'walk_clip.jpg')
    return 0


def portrait() -> Path:
    """Where Matplotlib has it."""
    return Path(matplotlib.get_data_path(), 'sample_data', 'grace_hopper.jpg')


def draw_pose(command: str, target: Path) -> None:
    """What a command makes of one picture."""
    with TemporaryDirectory() as folder:
        words = shlex.split(command)[1:]
        words[words.index('out')] = folder
        _run(words)
        shutil.move(next(Path(folder).glob('*.jpg')), target)


def draw_clip(clip: Path, detector: Path, target: Path) -> None:
    """Six frames of the clip in two rows."""
    scale = 1 / SMALLER
    with TemporaryDirectory() as folder:
        _run([str(clip), '--boxes', str(detector), *shlex.split(FOLLOW), '--out', folder])
        frames = read_frames(next(Path(folder).glob('*.mp4')), SHOWN)
    small = [
        cv2.resize(frame[:, SHOWN_COLUMNS], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for frame in frames
    ]
    sheet = np.vstack([np.hstack(small[:3]), np.hstack(small[3:])])
    with whole_file(target) as file:
        quality = [cv2.IMWRITE_JPEG_QUALITY, 80]
        file.write(cv2.imencode('.jpg', sheet, quality)[1].tobytes())


def read_frames(clip: Path, wanted: tuple[int, ...] | list[int]) -> list[np.ndarray]:
    """Frames of a video by their numbers, in order.

    Raises:
        ValueError: If it has no frame of such a number.
    """
    capture, frames = cv2.VideoCapture(str(clip)), []
    try:
        for index in range(max(wanted) + 1):
            decoded, frame = capture.read()
            if not decoded:
                raise ValueError(f'{clip} has no frame {index}')
            if index in wanted:
                frames.append(frame)
    finally:
        capture.release()
    return frames


def _run(words: list[str]) -> None:
    if run_command(words):
        raise RuntimeError('sdpose-runtime failed: its message is above')


if __name__ == '__main__':
    sys.exit(main())
