"""All sources, one after the other: poses found, pictures drawn, results collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2

from .drawing import draw_people, draw_text
from .outputs import VideoOutput, write_picture
from .people import People
from .pipeline import PosePipeline
from .progress import Progress
from .results import CocoResults
from .sources import Frame, Source


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
        results: Collects the poses.
        show_fps: Write the speed into videos.
        max_frames: Frames of a video or camera to take; None: all.
    """

    def __init__(
        self,
        pipeline: PosePipeline,
        folder: Path | None,
        results: CocoResults,
        show_fps: bool = False,
        max_frames: int | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.stopwatch = pipeline.stopwatch
        self.folder = folder
        self.results = results
        self.show_fps = show_fps
        self.max_frames = max_frames
        self.summary = Summary()

    def __call__(self, sources: Sequence[Source], progress: Progress) -> Summary:
        """Process the sources; what is broken is reported and passed over.

        Raises:
            OSError: If a picture or video cannot be written.
        """
        self.progress = progress
        for source in sources:
            self.pipeline.start(source.is_video)
            with self._output(source) as video:
                try:
                    for frame in self._frames(source):
                        self._process(frame, video)
                except KeyboardInterrupt:
                    if not source.is_camera:
                        raise  # the way to end a camera, and with it nothing is lost
        progress.close()
        return self.summary

    def _output(self, source: Source):
        if self.folder is None or not source.is_video:
            return nullcontext()
        return VideoOutput(self.folder / source.output_name, source.fps)

    def _frames(self, source: Source) -> Iterator[Frame]:
        frames = islice(source.frames(), self.max_frames if source.is_video else None)
        while True:
            with self.stopwatch.measure('reading'):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _process(self, frame: Frame, video: VideoOutput | None) -> None:
        try:
            if frame.image is None:
                raise ValueError(frame.error)
            people = self.pipeline(frame)
            if self.folder is not None:
                self._draw(frame, people, video)
        except (ValueError, cv2.error) as error:
            self.summary.passed_over += 1
            self.progress.report(f'runtime: {frame} is passed over: {error}')
            self.results.add(frame, None)
            return
        self.results.add(frame, people)
        self.summary.frames += 1
        self.summary.people += len(people)
        self.progress.step(frame.name)

    def _draw(self, frame: Frame, people: People, video: VideoOutput | None) -> None:
        model, threshold = self.pipeline.model, self.pipeline.options.threshold
        with self.stopwatch.measure('drawing'):
            picture = draw_people(frame.image, people, model.info, threshold)
            if self.show_fps and video is not None and self.progress.done:
                scale = max(0.4, picture.shape[0] / 800)
                draw_text(picture, f'{self.progress.rate:.1f} fps', (8, 24 * scale), scale)
        with self.stopwatch.measure('writing'):
            if video is None:
                write_picture(self.folder / frame.name, picture)
            else:
                video.write(picture)
