from __future__ import annotations

import itertools
from functools import cache

import cv2
import numpy as np

from sdpose_runtime import Boxes, PoseModel, Stopwatch, draw_people
from sdpose_runtime.pipeline import PipelineOptions, PosePipeline
from sdpose_runtime.sources import Frame
from sdpose_synth import make_sample

from .onnx_subject import PROVIDERS, import_sessions
from .subject import PEOPLE_OF_CLIP, CannotMeasure, Spec, Subject
from .timing import timed

_FRAMES = 8  # different ones; then from the first again
_WIDTH, _HEIGHT = 640, 480


class Clip:
    """The package's runtime on frames of drawn people, each with known boxes; every joint is drawn.

    Args:
        model: The pose model.
    """

    def __init__(self, model: PoseModel) -> None:
        self.model = model
        frames, boxes = made_up_clip()
        self.frames = itertools.cycle(zip(frames, boxes))
        self.pipeline = PosePipeline(model, self._boxes, PipelineOptions(threshold=-np.inf))

    def measure(self) -> dict[str, float]:
        """The parts of one frame, and ``total`` with what is between them, in milliseconds."""
        image, self.corners = next(self.frames)
        stopwatch = self.pipeline.stopwatch = Stopwatch()
        _, total = timed(lambda: self._process(image), 'cpu')
        parts = {part: 1000 * seconds for part, seconds in stopwatch.seconds.items()}
        return dict(parts, total=total)

    def _process(self, image: np.ndarray) -> np.ndarray:
        people = self.pipeline(Frame('clip', image))
        with self.pipeline.stopwatch.measure('drawing'):
            return draw_people(image, people, self.model.info, threshold=-np.inf)

    def _boxes(self, frame: Frame) -> Boxes:
        return Boxes(self.corners, np.ones(len(self.corners), np.float32))


def build_clip_subject(spec: Spec) -> Subject:
    """The package's runtime, ready for one frame after the other.

    Raises:
        CannotMeasure: If it is no ONNX file, onnxruntime is missing, or the file cannot be used.
        FileNotFoundError: If there is no such file.
    """
    if not spec.is_onnx:
        raise CannotMeasure(
            f'{spec.source}: a clip goes through the runtime, which takes ONNX files: '
            'mim run mmpose_sdpose export_onnx'
        )
    import_sessions(spec.source)
    try:
        model = PoseModel(spec.source, spec.threads, [PROVIDERS[spec.device]])
    except ValueError as error:
        raise CannotMeasure(str(error)) from error
    return Subject(spec, model.info.input_size, Clip(model).measure)


@cache
def made_up_clip() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames of SynthPose, and the boxes of three people in each.

    Shape:
        frames (480, 640, 3), boxes (3, 4): left, top, right, bottom
    """
    samples = (make_sample(0, 'val', index, _HEIGHT, 'group') for index in itertools.count())
    enough = (sample for sample in samples if len(sample.record.people) >= PEOPLE_OF_CLIP)
    frames, boxes = [], []
    margin = (_WIDTH - _HEIGHT) // 2
    for sample in itertools.islice(enough, _FRAMES):
        image = cv2.copyMakeBorder(sample.image, 0, 0, margin, margin, cv2.BORDER_REFLECT)
        people = np.array([person.bbox for person in sample.record.people[:PEOPLE_OF_CLIP]])
        left, top = people[:, 0] + margin, people[:, 1]
        corners = np.stack([left, top, left + people[:, 2], top + people[:, 3]], axis=1)
        frames.append(image)
        boxes.append(corners.astype(np.float32))
    return frames, boxes
