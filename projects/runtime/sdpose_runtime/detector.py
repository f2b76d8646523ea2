"""People found by a detector from an ONNX file: RTMDet as MMDeploy exports it, or YOLOX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .boxes import Boxes, box_overlaps
from .sessions import check_outputs, image_input, open_session, run_session
from .sources import Frame

PERSON_CLASS = 0  # the class of people in COCO's order
#: Width and height of the input, where the file leaves them open.
DEFAULT_SIZE = (640, 640)
YOLOX_STRIDES = (8, 16, 32)
#: The best so many are taken, of a detector that finds people everywhere.
MOST_PEOPLE = 1000


@dataclass(frozen=True)
class InputStyle:
    """What a detector's image is turned into: BGR values of 0..255, less the mean, over the std."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


INPUT_STYLES = {
    'rtmdet': InputStyle((103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
    'yolox': InputStyle((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


class Detector:
    """Boxes of people by a detector, in one of two formats, told by the file's outputs.

    - One output (1, N, 5 + classes): raw YOLOX, as its ``export_onnx.py`` writes it. Of each cell of the
      strides 8, 16 and 32: centre in cells of its stride from the cell's corner, logarithm of width
      and height in cells, objectness, class scores. The boxes are put together here, and overlaps
      suppressed.
    - Two outputs (1, N, 5) and (1, N): boxes ``[left, top, right, bottom, score]`` in pixels of the
      input, and their classes, as MMDeploy writes RTMDet and others, overlaps already suppressed.

    The image is scaled to fit, at the input's top left, the rest filled with 114. Class 0 is people, of
    whom the best 1,000 are taken. Boxes that are no numbers are given back as they are.

    Args:
        path: The file.
        style: How the input is normalised: ``rtmdet`` or ``yolox``; None: by the outputs, which is wrong
            only for a YOLOX exported by MMDeploy.
        threads: As of :class:`~sdpose_runtime.PoseModel`.
        providers: As there.
        lowest_score: Boxes below this score are not looked at.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no detector in one of the two formats.

    Examples:
        >>> import cv2
        >>> from sdpose_runtime import Detector
        >>> from sdpose_runtime.sources import Frame
        >>> detector = Detector('yolox.onnx')
        >>> people = detector(Frame('photo.jpg', cv2.imread('photo.jpg'))).above(0.3)
    """

    def __init__(
        self,
        path: str | Path,
        style: str | None = None,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        lowest_score: float = 0.1,
    ) -> None:
        self.session = open_session(path, threads, providers)
        outputs = self.session.get_outputs()
        if len(outputs) not in (1, 2):
            raise ValueError(
                f'{path} has {len(outputs)} outputs: expected 1 (YOLOX) or 2 (boxes and classes)'
            )
        check_outputs(self.session, path)
        self.path = path
        self.is_raw = len(outputs) == 1
        self.style = INPUT_STYLES[style or ('yolox' if self.is_raw else 'rtmdet')]
        self.lowest_score = lowest_score
        self.size = image_input(self.session, path).size or DEFAULT_SIZE
        try:  # outputs of another shape show at once
            self(Frame('trial', np.zeros((8, 8, 3), np.uint8)))
        except RuntimeError as error:
            raise ValueError(f'{path}: {error}') from error

    def __call__(self, frame: Frame) -> Boxes:
        inputs, zoom = self._letterbox(frame.pixels)
        outputs = run_session(self.session, None, inputs)
        corners, scores = self._read_raw(*outputs) if self.is_raw else self._read(*outputs)
        corners = (corners / zoom).clip(0, np.array(frame.size * 2, np.float32))
        best = np.argsort(-scores, kind='stable')[:MOST_PEOPLE]
        return Boxes(corners[best].astype(np.float32), scores[best].astype(np.float32))

    def _letterbox(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """The network's input (1, 3, H, W), and by how much the image was scaled for it."""
        width, height = self.size
        zoom = min(width / image.shape[1], height / image.shape[0])
        fitted = [max(1, round(side * zoom)) for side in image.shape[1::-1]]
        canvas = np.full((height, width, 3), 114, np.uint8)
        canvas[: fitted[1], : fitted[0]] = cv2.resize(image, fitted)
        mean, std = (np.array(of, np.float32) for of in (self.style.mean, self.style.std))
        normalised = (canvas - mean) / std
        return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None]), zoom

    def _read(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, classes = (first, second) if first.ndim == 3 else (second, first)
        if boxes.ndim != 3 or boxes.shape[2] != 5 or classes.ndim != 2:
            raise ValueError(
                f'{self.path} gives outputs of shape {first.shape} and {second.shape}: '
                'expected boxes (1, N, 5) and classes (1, N)'
            )
        if boxes.shape[:2] != classes.shape or len(boxes) != 1:
            raise ValueError(f'{self.path} gives {boxes.shape} boxes and {classes.shape} classes')
        wanted = (classes[0] == PERSON_CLASS) & ~(boxes[0, :, 4] < self.lowest_score)
        return boxes[0, wanted, :4], boxes[0, wanted, 4]

    def _read_raw(self, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cells, strides = _yolox_cells(*self.size)
        if output.ndim != 3 or output.shape[:2] != (1, len(cells)) or output.shape[2] < 6:
            raise ValueError(
                f'{self.path} gives an output of shape {output.shape}: expected that of YOLOX, '
                f'(1, {len(cells)}, 5 + classes)'
            )
        scores = output[0, :, 4] * output[0, :, 5 + PERSON_CLASS]
        wanted = ~(scores < self.lowest_score)
        boxes, strides, scores = output[0, wanted], strides[wanted, None], scores[wanted]
        centers = (boxes[:, :2] + cells[wanted]) * strides
        with np.errstate(over='ignore', invalid='ignore'):  # what comes of it is left out later
            half = 0.5 * np.exp(boxes[:, 2:4]) * strides
            corners = np.concatenate([centers - half, centers + half], axis=1)
        finite = np.isfinite(corners).all(axis=1) & np.isfinite(scores)
        kept = np.flatnonzero(finite)[suppress_overlaps(corners[finite], scores[finite])]
        kept = np.concatenate([kept, np.flatnonzero(~finite)])
        return corners[kept], scores[kept]


def suppress_overlaps(corners: np.ndarray, scores: np.ndarray, limit: float = 0.45) -> np.ndarray:
    """Indices of the boxes that overlap no better one by more than ``limit``, best first."""
    order, kept = np.argsort(-scores, kind='stable'), []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[box_overlaps(corners[best : best + 1], corners[order])[0] <= limit]
    return np.array(kept, np.int64)


def _yolox_cells(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of every cell (N, 2), and its stride (N,), in YOLOX's order."""
    cells, strides = [], []
    for stride in YOLOX_STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full(columns.size, stride))
    return np.concatenate(cells), np.concatenate(strides)
