"""Pictures and videos written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from .files import whole_file
from .sources import Source


def planned_outputs(sources: Sequence[Source], folder: Path) -> list[Path]:
    """Where the picture or video of each source goes.

    Raises:
        ValueError: If two would go into one file, or one onto its own source.
    """
    taken: dict[Path, Source] = {}
    for source in sources:
        path = folder / source.output_name
        if path in taken:
            raise ValueError(
                f'{taken[path].path} and {source.path} would both be drawn into {path}: '
                'run them into two folders'
            )
        if source.path and path.resolve() == source.path.resolve():
            raise ValueError(f'{path} would be written over itself: choose another --out')
        taken[path] = source
    return list(taken)


def write_picture(path: Path, image: np.ndarray) -> None:
    """Encode an image by the suffix of its path.

    Raises:
        OSError: If it cannot be written.
    """
    encoded, data = cv2.imencode(path.suffix, image)
    if not encoded:
        raise OSError(f'OpenCV cannot write {path.suffix} files')
    with whole_file(path) as file:
        file.write(data.tobytes())


class VideoOutput:
    """A video file that gets its name when the ``with`` block ends well; else nothing is left.

    Args:
        path: The file, .mp4.
        fps: Frames a second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.fps = fps
        self._partial = path.with_name(f'.{path.stem}.{os.getpid()}.partial{path.suffix}')
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> VideoOutput:
        return self

    def write(self, image: np.ndarray) -> None:
        """Add a frame.

        Raises:
            ValueError: If it is not as large as the first one.
            OSError: If no video can be written there.
        """
        size = (image.shape[1], image.shape[0])
        if self._writer is None:
            self._open(size)
        if size != self._size:
            raise ValueError(f'{size} pixels in a video of {self._size}')
        self._writer.write(image)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is None:
            return
        self._writer.release()
        if kind is None:
            os.replace(self._partial, self.path)
        else:
            self._partial.unlink(missing_ok=True)

    def _open(self, size: tuple[int, int]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self._partial), code, self.fps, size)
        if not writer.isOpened():
            raise OSError(f'no video can be written to {self.path}')
        self._writer, self._size = writer, size
