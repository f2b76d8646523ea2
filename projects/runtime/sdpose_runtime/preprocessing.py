"""From an image and boxes to the network's input, as MMPose's test pipelines do it.

``GetBBoxCenterScale``, ``TopdownAffine`` and ``PoseDataPreprocessor`` of MMPose 1.x: a box is padded,
widened or heightened to the input's aspect, and cut out with bilinear interpolation, black where it
leaves the image. Without rotation that is a scaling and a shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .model_file import ModelInfo


@dataclass(frozen=True)
class Crops:
    """People cut out of an image.

    Args:
        inputs: (P, 3, H, W), normalised.
        centers: (P, 2), image pixels.
        scales: (P, 2), width and height of what was cut out, image pixels.
    """

    inputs: np.ndarray
    centers: np.ndarray
    scales: np.ndarray


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
    for person, center, scale in zip(inputs, centers, scales):
        crop = cv2.warpAffine(image, _matrix(center, scale, width, height), (width, height))
        _normalise(crop, table, info.bgr_to_rgb, person)
    return Crops(inputs, centers, scales)


def centers_and_scales(boxes: np.ndarray, info: ModelInfo) -> tuple[np.ndarray, np.ndarray]:
    """Centres of boxes, and their size padded and brought to the input's aspect: (P, 2) each."""
    aspect = info.input_size[0] / info.input_size[1]
    width, height = ((boxes[:, 2:] - boxes[:, :2]) * info.padding).T
    scales = [np.maximum(width, height * aspect), np.maximum(height, width / aspect)]
    return (boxes[:, :2] + boxes[:, 2:]) * 0.5, np.stack(scales, axis=1)


def checked_image(image: np.ndarray) -> np.ndarray:
    """The image, if it is one.

    Raises:
        ValueError: If it is not (H, W, 3) of uint8.
    """
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3:
        shape = getattr(image, 'shape', type(image).__name__)
        raise ValueError(f'an image must be an array (height, width, 3), not {shape}')
    if image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f'an image must hold uint8, not {image.dtype} of shape {image.shape}')
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
    source[2] = source[1] + np.float32([0, half])
    target = [[0.5 * width, 0.5 * height], [0, 0.5 * height], [0, 0.5 * (height + width)]]
    return cv2.getAffineTransform(source, np.float32(target))


def _normalised_values(info: ModelInfo) -> np.ndarray:
    """What each of the 256 grey levels becomes in each channel of a BGR crop: (1, 256, 3)."""
    order = slice(None, None, -1) if info.bgr_to_rgb else slice(None)
    levels = np.arange(256, dtype=np.float32)[None, :, None]
    return np.ascontiguousarray((levels - info.mean[order]) / info.std[order])


def _normalise(crop: np.ndarray, table: np.ndarray, bgr_to_rgb: bool, out: np.ndarray) -> None:
    channels = cv2.split(crop)
    for source, target in enumerate(reversed(range(3)) if bgr_to_rgb else range(3)):
        out[target] = cv2.LUT(channels[source], np.ascontiguousarray(table[..., source]))
