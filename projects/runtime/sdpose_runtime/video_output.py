"""Videos, written beside the work in a thread, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType

import cv2
import numpy as np

from .files import PartialFile
from .sources import opencv_takes

#: Frames that may wait to be encoded: enough to even out slow ones, few of them in memory.
MOST_WAITING = 4


class VideoOutput:
    """A video file that gets its name when the ``with`` block ends well; else nothing is left.

    OpenCV encodes as slowly as a small network runs, so a thread of its own does it. And OpenCV says
    nothing of a full disk, so the file is read again before it gets its name.

    Args:
        path: The file, .mp4.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._encoder: _Encoder | None = None
        self._count = 0

    def __enter__(self) -> VideoOutput:
        return self

    def write(self, image: np.ndarray, fps: float) -> None:
        """Add a frame; waits where too many are being encoded already.

        Args:
            image: (H, W, 3), BGR, uint8; not to be changed any more.
            fps: Frames a second; the first frame's counts.

        Raises:
            ValueError: If it is not as large as the first one.
            OSError: If no video can be written there, or a frame before could not be encoded.
        """
        size = (image.shape[1], image.shape[0])
        if self._encoder is None:
            self._encoder = self._open(size, fps)
        if size != self._encoder.size:
            raise ValueError(f'{size} pixels in a video of {self._encoder.size}')
        self._raise(self._encoder.error)
        self._encoder.add(image)
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._encoder is None:
            return
        partial = self._encoder.partial
        try:
            self._encoder.close(drop_waiting=kind is not None)
            if kind is None:
                self._raise(self._encoder.error)
                self._check(partial.path)
                partial.finish()
        finally:
            partial.discard()  # of a finished one nothing is there to discard

    def _open(self, size: tuple[int, int], fps: float) -> _Encoder:
        path = self.path.absolute()  # a relative name with a colon would be an address to OpenCV
        if not opencv_takes(path):
            raise OSError(
                f'no video can be written to {self.path}: the name is not UTF-8, which OpenCV needs '
                'of a video; name another folder with --out, or rename the video'
            )
        partial = PartialFile(path, suffix=path.suffix)
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(partial.path), code, fps, size)
        if not writer.isOpened():
            partial.discard()
            raise OSError(
                f'no video of {size[0]}x{size[1]} pixels, {fps:g} frames a second, can be written to '
                f'{self.path}: this OpenCV does not encode it as mp4v; --no-pictures --json writes the '
                'keypoints alone'
            )
        return _Encoder(partial, writer, size)

    def _raise(self, error: Exception | None) -> None:
        """Pass on what went wrong in the thread, if anything did."""
        if error is not None:
            reason = str(error).strip() or type(error).__name__
            raise OSError(f'{self.path} could not be written: {reason}') from error

    def _check(self, written: Path) -> None:
        """Count the frames that can be read, which takes a fifth of the time of writing them.

        Raises:
            OSError: If some are missing.
        """
        capture, count = cv2.VideoCapture(str(written)), 0
        while capture.grab():
            count += 1
        capture.release()
        if count != self._count:
            raise OSError(
                f'{self.path} could not be written, {count} of its {self._count} frames can be read: '
                'is the disk full? What was there before is kept'
            )


class _Encoder:
    """Frames of one size encoded one after the other in a thread, as long as that goes well.

    Args:
        partial: The file that they go into.
        writer: What encodes them; the thread's alone from now on.
        size: Width and height, pixels.

    Attributes:
        error: What went wrong first, if anything; no frame is encoded after it.
    """

    def __init__(
        self, partial: PartialFile, writer: cv2.VideoWriter, size: tuple[int, int]
    ) -> None:
        self.partial = partial
        self.size = size
        self.error: Exception | None = None
        self._writer = writer
        self._waiting: Queue[np.ndarray | None] = Queue(MOST_WAITING)
        self._drops = False
        self._thread = Thread(target=self._encode, name='video writer', daemon=True)
        self._thread.start()

    def add(self, image: np.ndarray) -> None:
        self._waiting.put(image)

    def close(self, drop_waiting: bool) -> None:
        """Wait for the frames at hand, or only for the one that is being encoded."""
        self._drops = drop_waiting
        self._waiting.put(None)
        self._thread.join()
        self._writer.release()

    def _encode(self) -> None:
        """Takes frames until the end even after an error, so that nobody waits for a place."""
        while (image := self._waiting.get()) is not None:
            if self.error is None and not self._drops:
                try:
                    self._writer.write(image)
                except Exception as error:  # for the thread that gives the frames to raise
                    self.error = error
