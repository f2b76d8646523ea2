"""All sources, one after the other: poses found, pictures drawn, results written, progress told."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Optional, TextIO, Union

import cv2

from .drawing import draw_people, draw_text
from .outputs import ResultFile, write_picture
from .people import People
from .pipeline import PosePipeline
from .sources import Frame, Source, Video
from .video_output import VideoOutput

#: What Python does about a signal; None where it is not Python that does.
Handler = Union[Callable[[int, Optional[FrameType]], Any], int, None]
#: Seconds from one line of progress to the next, on a terminal and in a file.
ON_TERMINAL, IN_FILE = 0.2, 10.0


@dataclass
class Summary:
    """What came of it."""

    frames: int = 0
    people: int = 0
    passed_over: int = 0


class Run:
    """Takes every source through the pipeline.

    Args:
        pipeline: Finds the people.
        folder: Where pictures and videos go; None: none are drawn.
        show_fps: Write the speed into videos.
        max_frames: Frames of a video or camera to take; None: all.
    """

    def __init__(
        self,
        pipeline: PosePipeline,
        folder: Path | None,
        show_fps: bool = False,
        max_frames: int | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.stopwatch = pipeline.stopwatch
        self.folder = folder
        self.show_fps = show_fps
        self.max_frames = max_frames
        self.summary = Summary()

    def __call__(
        self,
        sources: Sequence[Source],
        results: ResultFile | None,
        progress: Progress,
        stop: StopSignals,
    ) -> Summary:
        """Process the sources; what is broken is reported and passed over.

        A stop that was asked for comes after the frame at hand: what was done until then is finished.

        Raises:
            OSError: If a picture, a video or the results cannot be written.
            RuntimeError: If the network fails.
        """
        self.results, self.progress = results, progress
        for source in sources:
            self.pipeline.start(source.is_video)
            with self._output(source) as video, closing(self._frames(source)) as frames:
                for frame in frames:
                    self._process(frame, source, video)
                    if stop.number is not None:
                        break
            if source.is_live and stop.number == signal.SIGINT:
                stop.number = None  # the way to end a camera; what follows it is still to come
            if stop.number is not None:
                break
        progress.close()
        return self.summary

    def _output(self, source: Source) -> VideoOutput | nullcontext:
        if self.folder is None or not source.is_video:
            return nullcontext()
        return VideoOutput(self.folder / source.output_name)

    def _frames(self, source: Source) -> Generator[Frame, None, None]:
        frames, count = source.frames(), 0
        with closing(frames):
            while not source.is_video or count != self.max_frames:
                with self.stopwatch.measure('reading'):
                    frame = next(frames, None)
                if frame is None:
                    return
                count += 1
                yield frame

    def _process(self, frame: Frame, source: Source, video: VideoOutput | None) -> None:
        try:
            people = self.pipeline(frame)
            if self.folder is not None:
                self._draw(frame, people, source, video)
        except (ValueError, MemoryError, cv2.error) as error:
            reason = str(error).strip() or type(error).__name__
            self.summary.passed_over += 1
            self.progress.report(f'runtime: {frame} is passed over: {reason}')
            people = None
        if self.results is not None:
            with self.stopwatch.measure('writing'):
                self.results.add(frame, people)
        if people is not None:
            self.summary.frames += 1
            self.summary.people += len(people)
            self.progress.step(frame.name)

    def _draw(
        self, frame: Frame, people: People, source: Source, video: VideoOutput | None
    ) -> None:
        info, threshold = self.pipeline.model.info, self.pipeline.threshold
        with self.stopwatch.measure('drawing'):
            picture = draw_people(frame.pixels, people, info, threshold)
            if self.show_fps and video is not None and self.progress.done:
                scale = max(0.4, picture.shape[0] / 800)
                draw_text(picture, f'{self.progress.rate:.1f} fps', (8, 24 * scale), scale)
        with self.stopwatch.measure('writing'):
            if isinstance(source, Video) and video is not None:
                video.write(picture, source.fps)
            elif self.folder is not None:
                write_picture(self.folder / source.output_name, picture)


class StopSignals:
    """Ctrl-C, SIGTERM and SIGHUP end a ``with`` block at a place of its choice, not anywhere in it.

    The first of them is remembered in ``number``, for the block to see; Ctrl-C a second time does not
    wait for that. What is ignored from outside (``nohup``) stays ignored.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # others cannot be signalled
            for name in ('SIGINT', 'SIGTERM', 'SIGHUP'):
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number == self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number is None:
            self.number = number


class Progress:
    """How far the work is and how long it still takes, in one line on standard error.

    Args:
        total: Frames to come; None if nobody knows.
        stream: Where to write; a terminal's line is written over.
    """

    def __init__(self, total: int | None, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.on_terminal = self.stream is not None and self.stream.isatty()
        self._shown = 0
        self.begin(total)

    def begin(self, total: int | None) -> None:
        """The first frame of so many comes now."""
        self.total = total
        self.done = 0
        self._start = self._last = time.monotonic()

    @property
    def rate(self) -> float:
        """Frames a second so far."""
        return self.done / max(time.monotonic() - self._start, 1e-6)

    def step(self, name: str) -> None:
        """One frame is done."""
        self.done += 1
        if time.monotonic() - self._last >= (ON_TERMINAL if self.on_terminal else IN_FILE):
            self._last = time.monotonic()
            self._show(f'{self._counts()}  {self.rate:.1f} a second{self._left()}  {name}')

    def report(self, message: str) -> None:
        """A line of its own, that stays."""
        self.close()
        say(self.stream, f'{message}\n')

    def close(self) -> None:
        """Take the line off a terminal."""
        if self._shown:
            say(self.stream, '\r' + ' ' * self._shown + '\r')
            self._shown = 0

    def _show(self, line: str) -> None:
        if self.on_terminal:
            self.close()
            say(self.stream, line[:100])
            self._shown = len(line[:100])
        else:
            say(self.stream, f'{line}\n')

    def _counts(self) -> str:
        if self.total is None:
            return f'[{self.done}]'
        share = min(100, round(100 * self.done / max(self.total, 1)))
        return f'[{self.done}/{self.total}]  {share:3d} %'

    def _left(self) -> str:
        if self.total is None:
            return ''
        seconds = max(0, round((self.total - self.done) / self.rate))
        return f', {seconds // 60}:{seconds % 60:02d} left'


def say(stream: TextIO | None, text: str) -> None:
    """Write to a terminal or pipe; one that is gone, as after SIGHUP, ends nothing."""
    if stream is not None:
        with suppress(OSError, ValueError):  # ValueError: it is closed, or cannot have a character
            stream.write(text)
            stream.flush()
