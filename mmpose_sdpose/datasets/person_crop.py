"""People as small square pictures, kept in memory: what a training on an accelerator is fed with."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from ..arguments import check_counts, check_positive
from .transforms import visibility

#: Bytes of the blocks that pictures are kept in: more than the C library ever takes from its heap, where
#: every picture would stand in the gap that a batch has left, and the next batch would need a new one.
_BLOCK = 64 << 20


@TRANSFORMS.register_module()
class PackPersonCrop(BaseTransform):
    """Load a person's surroundings as a square picture and pack it with its keypoints, unaugmented.

    It is the whole pipeline of a training data set whose model has ``DeviceAugmentation``, which turns,
    scales and colours whole batches where the model is. A picture is read once and kept: a data set
    that was shown once costs a loader next to nothing. Such a loader needs
    ``collate_fn=dict(type='default_collate')``; each of its workers keeps pictures of its own
    (3 bytes times ``size`` squared a person).

    Args:
        size: Side of the picture in pixels.
        padding: Side of the surroundings, in heights of the smallest box with the aspect ratio that
            holds the person. 1.25 is what a model sees, more leaves room to turn and to shrink.
        aspect_ratio: Width by height of the model's input.
        keep: Keep what was read.

    Shape:
        Output: ``inputs`` (3, S, S) uint8 as OpenCV reads it, ``keypoints`` (K, 2) and ``bbox`` (4,)
        (left, top, right, bottom) in pixels of the picture, ``keypoints_visible`` (K,).

    Raises:
        FileNotFoundError: If a photo is not there or cannot be read.

    Examples:
        >>> pipeline = [dict(type='PackPersonCrop', size=224)]
    """

    def __init__(
        self,
        size: int = 288,
        padding: float = 1.7,
        aspect_ratio: float = 0.75,
        keep: bool = True,
    ) -> None:
        check_counts(size=size)
        check_positive(padding=padding, aspect_ratio=aspect_ratio)
        self.size, self.padding, self.aspect_ratio = size, padding, aspect_ratio
        self.keep = keep
        self._kept: dict[tuple, np.ndarray] = {}
        self._block = np.empty((0, 3, size, size), np.uint8)  # what is left of the last block

    def transform(self, results: dict) -> dict:
        box = results['bbox'][0].astype(np.float32)
        width, height = box[2:] - box[:2]
        side = self.padding * max(height, width / self.aspect_ratio, 1.0)
        zoom = self.size / side
        offset = self.size / 2 - zoom * (box[:2] + box[2:]) / 2
        return dict(
            inputs=self._picture(results['img_path'], float(zoom), tuple(offset.tolist())),
            keypoints=(zoom * results['keypoints'][0, :, :2] + offset).astype(np.float32),
            keypoints_visible=visibility(results)[0].astype(np.float32),
            bbox=(zoom * box + np.tile(offset, 2)).astype(np.float32),
        )

    def _picture(self, path: str, zoom: float, offset: tuple[float, float]) -> np.ndarray:
        key = (path, zoom, offset)
        if key in self._kept:
            return self._kept[key]
        photo = cv2.imread(path, cv2.IMREAD_COLOR)
        if photo is None:
            raise FileNotFoundError(f'{path} is not there, or no picture')
        matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
        if zoom < 0.5:  # a large person: without this, every second pixel would be left out
            photo = cv2.resize(photo, None, fx=2 * zoom, fy=2 * zoom, interpolation=cv2.INTER_AREA)
            matrix[:, :2] /= 2 * zoom
        crop = cv2.warpAffine(photo, matrix, (self.size, self.size))
        picture = np.ascontiguousarray(crop.transpose(2, 0, 1))
        if self.keep:
            self._kept[key] = picture = self._in_block(picture)
        return picture

    def _in_block(self, picture: np.ndarray) -> np.ndarray:
        """The picture's copy in a block of many."""
        if not len(self._block):
            self._block = np.empty((max(1, _BLOCK // picture.nbytes), *picture.shape), np.uint8)
        place, self._block = self._block[0], self._block[1:]
        place[:] = picture
        return place
