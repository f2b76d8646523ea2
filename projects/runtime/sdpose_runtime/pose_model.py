"""From an image and boxes to keypoints in the image, as MMPose's test pipelines do it.

``GetBBoxCenterScale``, ``TopdownAffine`` and ``PoseDataPreprocessor`` of MMPose 1.x: a box is padded,
widened or heightened to the input's aspect, and cut out with bilinear interpolation, black where it
leaves the image. Without rotation that is a scaling and a shift. The network does the rest.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .model_file import ModelInfo, packaged_model, read_info
from .people import People
from .sessions import MOST_NUMBERS, check_outputs, image_input, open_session, run_session

OUTPUTS = ('keypoints', 'scores')
#: OpenCV's warpAffine takes shorter sides only.
_LONGEST = 32767


class Stopwatch:
    """Adds up the seconds spent on each stage of the work, by name.

    Examples:
        >>> import cv2
        >>> from sdpose_runtime import PoseModel, Stopwatch
        >>> model, image = PoseModel('model.onnx'), cv2.imread('photo.jpg')
        >>> watch = Stopwatch()
        >>> with watch.measure('crop'):
        ...     crops = model.crop(image, [[10, 20, 110, 320]])
        >>> with watch.measure('network'):
        ...     outputs = model.infer(crops.inputs)
        >>> sorted(watch.seconds)
        ['crop', 'network']
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start


@dataclass(frozen=True)
class Crops:
    """People cut out of an image.

    Args:
        inputs: (P, 3, H, W), normalised.
        boxes: (P, 4), left, top, right and bottom, image pixels.
        centers: (P, 2), image pixels.
        scales: (P, 2), width and height of what was cut out, image pixels.
    """

    inputs: np.ndarray
    boxes: np.ndarray
    centers: np.ndarray
    scales: np.ndarray


class PoseModel:
    """A pose model from an ONNX file, as ``mim run mmpose_sdpose export_onnx`` writes it.

    Calling it takes three steps that can be taken one by one as well: :meth:`crop`, :meth:`infer`,
    :meth:`decode`. Its results are those of MMPose's test pipeline.

    Args:
        path: The file; None: the one that comes with the package.
        threads: Threads for one operator; None: as many as ONNX Runtime finds good.
        providers: What it runs on, in order of preference; None: the CPU.
        max_batch: People in one run of the network, where the file leaves it open.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be run here, or says too little about itself.

    Examples:
        >>> import cv2
        >>> from sdpose_runtime import PoseModel
        >>> model = PoseModel('model.onnx', threads=2)
        >>> people = model(cv2.imread('photo.jpg'), [[10, 20, 110, 320], [150, 30, 260, 310]])
        >>> people.keypoints.shape == (2, len(model.info.keypoint_names), 2)  # pixels of the photo
        True
    """

    def __init__(
        self,
        path: str | Path | None = None,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        max_batch: int = 8,
    ) -> None:
        if max_batch < 1:
            raise ValueError(f'max_batch ({max_batch}) must be 1 or more')
        path = packaged_model() if path is None else path
        self.session = open_session(path, threads, providers)
        self.info = read_info(self.session.get_modelmeta().custom_metadata_map, path)
        self.fixed_batch = self._check_input(path)
        self.max_batch = self.fixed_batch or max_batch
        self._check_outputs(path)

    def __call__(
        self,
        image: np.ndarray,
        boxes: np.ndarray | Sequence[Sequence[float]],
        stopwatch: Stopwatch | None = None,
    ) -> People:
        """Poses of the people in the boxes of an image.

        As many at a time as the network takes, so that memory does not grow with their number.

        Args:
            image: (H, W, 3), BGR as OpenCV reads it, uint8.
            boxes: (P, 4), left, top, right and bottom, image pixels.
            stopwatch: Told the time of ``preprocessing``, ``network`` and ``decoding``.

        Raises:
            ValueError: If the image or the boxes are of another kind.
        """
        stopwatch = stopwatch or Stopwatch()
        image, boxes = checked_image(image), checked_boxes(boxes)
        found = []
        for start in range(0, len(boxes), self.max_batch):
            with stopwatch.measure('preprocessing'):
                crops = self.crop(image, boxes[start : start + self.max_batch])
            with stopwatch.measure('network'):
                outputs = self.infer(crops.inputs)
            with stopwatch.measure('decoding'):
                found.append(self.decode(outputs, crops))
        return People.join(found, len(self.info.keypoint_names))

    def crop(self, image: np.ndarray, boxes: np.ndarray | Sequence[Sequence[float]]) -> Crops:
        """Cut the people out of the image; the network's input."""
        return crop_people(checked_image(image), checked_boxes(boxes), self.info)

    def infer(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network, in as many runs as it takes.

        Shape:
            (P, 3, H, W), P > 0 -> ``keypoints`` in pixels of the input (P, K, 2), ``scores`` (P, K)
        """
        starts = range(0, len(inputs), self.max_batch)
        runs = [self._run(inputs[start : start + self.max_batch]) for start in starts]
        return {name: np.concatenate(parts) for name, parts in zip(OUTPUTS, zip(*runs))}

    def decode(self, outputs: dict[str, np.ndarray], crops: Crops) -> People:
        """Keypoints in pixels of the image that the crops were cut out of.

        Args:
            outputs: What :meth:`infer` gave for the crops.
            crops: What :meth:`crop` gave.
        """
        corners = crops.centers - 0.5 * crops.scales
        zoom = crops.scales / self.info.input_size
        with np.errstate(over='ignore', invalid='ignore'):  # of a network that gives nonsense
            keypoints = outputs['keypoints'] * zoom[:, None] + corners[:, None]
            keypoints = keypoints.astype(np.float32)
        return People(
            boxes=crops.boxes,
            box_scores=np.ones(len(crops.boxes), np.float32),
            keypoints=keypoints,
            scores=outputs['scores'],
            areas=crops.scales.prod(axis=1),
        )

    def _run(self, inputs: np.ndarray) -> list[np.ndarray]:
        """One run of the network; a batch smaller than a fixed one is filled up."""
        count = len(inputs)
        if self.fixed_batch and count < self.fixed_batch:
            filled = np.zeros((self.fixed_batch, *inputs.shape[1:]), np.float32)
            filled[:count] = inputs
            inputs = filled
        inputs = np.ascontiguousarray(inputs, np.float32)
        return [output[:count] for output in run_session(self.session, OUTPUTS, inputs)]

    def _check_input(self, path: str | Path) -> int | None:
        """The batch that the network takes; None: any."""
        taken, size = image_input(self.session, path), self.info.input_size
        if taken.size not in (None, size):
            raise ValueError(f'{path} takes images of {taken.size}, its metadata says {size}')
        if (taken.batch or 1) * 3 * size[0] * size[1] > MOST_NUMBERS:
            raise ValueError(f'{path} takes {taken.batch} images at once, more than memory holds')
        return taken.batch

    def _check_outputs(self, path: str | Path) -> None:
        """Run the network once: what does not fit shows now, and the first image is not slow."""
        missing = set(OUTPUTS) - {output.name for output in self.session.get_outputs()}
        if missing:
            raise ValueError(
                f'{path} has no output {", ".join(sorted(missing))}: export the model again'
            )
        check_outputs(self.session, path)
        width, height = self.info.input_size
        keypoints = len(self.info.keypoint_names)
        try:
            outputs = self._run(np.zeros((1, 3, height, width), np.float32))
        except RuntimeError as error:
            raise ValueError(f'{path}: {error}') from error
        for name, output, shape in zip(OUTPUTS, outputs, ((1, keypoints, 2), (1, keypoints))):
            if output.shape != shape:
                raise ValueError(
                    f'{path} gives {name} of shape {output.shape} for one person with {keypoints} '
                    f'keypoints, which is what its metadata says: expected {shape}'
                )


def crop_people(image: np.ndarray, boxes: np.ndarray, info: ModelInfo) -> Crops:
    """Cut people out of an image.

    Args:
        image: (H, W, 3), BGR, uint8.
        boxes: (P, 4), left, top, right and bottom, image pixels.
        info: The model that they are for.
    """
    width, height = info.input_size
    centers, scales = centers_and_scales(boxes, info)
    inputs = np.empty((len(boxes), 3, height, width), np.float32)
    table = _normalised_values(info)
    make_matrix = _udp_matrix if info.use_udp else _matrix
    for person, center, scale in zip(inputs, centers, scales):
        crop = cv2.warpAffine(image, make_matrix(center, scale, width, height), (width, height))
        _normalise(crop, table, info.bgr_to_rgb, person)
    return Crops(inputs, boxes, centers, scales)


def centers_and_scales(boxes: np.ndarray, info: ModelInfo) -> tuple[np.ndarray, np.ndarray]:
    """Centres of boxes, and their size padded and brought to the input's aspect: (P, 2) each."""
    aspect = info.input_size[0] / info.input_size[1]
    width, height = ((boxes[:, 2:] - boxes[:, :2]) * info.padding).T
    is_wide = width > height * aspect
    scales = [np.where(is_wide, width, height * aspect), np.where(is_wide, width / aspect, height)]
    return (boxes[:, :2] + boxes[:, 2:]) * 0.5, np.stack(scales, axis=1)


def checked_image(image: np.ndarray) -> np.ndarray:
    """The image, if it is one.

    Raises:
        ValueError: If it is not (H, W, 3) of uint8, or too long for OpenCV.
    """
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3:
        shape = getattr(image, 'shape', type(image).__name__)
        raise ValueError(f'an image must be an array (height, width, 3), not {shape}')
    if image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f'an image must hold uint8, not {image.dtype} of shape {image.shape}')
    if max(image.shape[:2]) >= _LONGEST:
        raise ValueError(
            f'{image.shape[1]}x{image.shape[0]} pixels: OpenCV cuts people out of images of less than '
            f'{_LONGEST} pixels on a side: make it smaller, or cut it into parts'
        )
    return image


def checked_boxes(boxes: np.ndarray | Sequence[Sequence[float]]) -> np.ndarray:
    """The boxes as float32 (P, 4), if they are boxes.

    Raises:
        ValueError: If a box has no four finite sides, or no width or height.
    """
    boxes = np.asarray(boxes, np.float32)
    if boxes.size == 0:
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'boxes must be (P, 4): left, top, right, bottom; not {boxes.shape}')
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if not good.all():
        raise ValueError(f'{boxes[~good][0].tolist()} is no box: left, top, right, bottom')
    return boxes


def _matrix(center: np.ndarray, scale: np.ndarray, width: int, height: int) -> np.ndarray:
    """From the image to the crop, by the three points in float32 that MMPose takes: to the last bit."""
    source = np.stack([center, center - (0.5 * scale[0], 0), center]).astype(np.float32)
    half = source[0, 0] - source[1, 0]
    source[2] = source[1] + np.array([0, half], np.float32)
    target = [[0.5 * width, 0.5 * height], [0, 0.5 * height], [0, 0.5 * (height + width)]]
    return cv2.getAffineTransform(source, np.array(target, np.float32))


def _udp_matrix(center: np.ndarray, scale: np.ndarray, width: int, height: int) -> np.ndarray:
    """The same where the distance between pixels is the unit: unbiased data processing.

    Huang et al., CVPR 2020, https://arxiv.org/abs/1911.07524. In doubles, and kept in float32, as
    MMPose does it: to the last bit.
    """
    zoom = np.array([width - 1, height - 1]) / scale.astype(np.float64)
    shift = zoom * (0.5 * scale.astype(np.float64) - center)
    return np.column_stack([np.diag(zoom), shift]).astype(np.float32)


def _normalised_values(info: ModelInfo) -> np.ndarray:
    """What each of the 256 grey levels becomes in each channel of a BGR crop: (1, 256, 3)."""
    order = slice(None, None, -1) if info.bgr_to_rgb else slice(None)
    levels = np.arange(256, dtype=np.float32)[None, :, None]
    return np.ascontiguousarray((levels - info.mean[order]) / info.std[order])


def _normalise(crop: np.ndarray, table: np.ndarray, bgr_to_rgb: bool, out: np.ndarray) -> None:
    channels = cv2.split(crop)
    for source, target in enumerate(reversed(range(3)) if bgr_to_rgb else range(3)):
        out[target] = cv2.LUT(channels[source], np.ascontiguousarray(table[..., source]))
