"""Augmentation that makes photos of whole, single, near people look like everyday ones.

Data sets of sport show one whole person, sharp and in the middle. Everyday photos cut people off at the
edge, show them small and blurred, and behind others. Each transform makes one of these of what is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from ..arguments import (
    check_counts,
    check_dicts,
    check_probabilities,
    check_ranges,
    check_sizes,
    check_weights,
    check_whole,
)

Range = tuple[float, float]
#: How often people are cut off at each side: mostly by the lower edge of a photo.
SIDES = {'bottom': 0.55, 'left': 0.175, 'right': 0.175, 'top': 0.1}


def visibility(results: dict) -> np.ndarray:
    """How visible each joint is, 0 where it does not count, of what a pipeline has made so far.

    MMPose's ``KeypointConverter`` leaves two columns: visible, and the weight in the loss, which is 0
    for a joint that the data set does not have.

    Shape:
        ``keypoints_visible`` (1, K) or (1, K, 2) -> (1, K)
    """
    visible = results['keypoints_visible']
    return visible if visible.ndim == 2 else visible.prod(axis=-1)


@TRANSFORMS.register_module()
class RandomBodyCut(BaseTransform):
    """Cut the photo through the person, as at the edge of a photo; the box becomes what is left.

    What lies beyond the cut is black, as what ``TopdownAffine`` adds beyond an image, and joints there
    are no longer visible. Goes between ``LoadImage`` and ``GetBBoxCenterScale``.

    Args:
        prob: Probability of a cut.
        keep: Range of the share of the box that is left, along the cut direction.
        sides: Side of the photo that is cut off -> how often, relatively.
        min_joints: No cut that leaves fewer visible joints.

    Raises:
        TypeError, ValueError: If a probability, share or side is none.

    Examples:
        >>> import numpy as np
        >>> from mmpose_sdpose.datasets import RandomBodyCut
        >>> person = dict(
        ...     img=np.full((200, 100, 3), 255, np.uint8),
        ...     bbox=np.array([[10, 10, 90, 190]], np.float32),
        ...     keypoints=np.random.uniform(20, 60, (1, 17, 2)),
        ...     keypoints_visible=np.ones((1, 17)),
        ... )
        >>> cut = RandomBodyCut(prob=1, keep=(0.5, 0.5), sides=dict(bottom=1)).transform(person)
        >>> cut['bbox'].tolist()
        [[10.0, 10.0, 90.0, 100.0]]
    """

    def __init__(
        self,
        prob: float = 0.3,
        keep: Range = (0.3, 0.9),
        sides: Mapping[str, float] | None = None,
        min_joints: int = 4,
    ) -> None:
        check_probabilities(prob=prob)
        check_ranges(1, keep=keep)
        check_whole(0, min_joints=min_joints)
        check_dicts(sides=sides)
        sides = dict(SIDES if sides is None else sides)
        unknown = sorted(set(sides) - set(SIDES))
        check_weights(**{name: weight for name, weight in sides.items() if name in SIDES})
        if unknown or not sides or sum(sides.values()) <= 0:
            raise ValueError(
                f'sides ({sides}) must give {", ".join(SIDES)}, or some of them, weights above 0'
            )
        self.prob, self.keep, self.min_joints = prob, keep, min_joints
        self.sides = list(sides)
        self.weights = np.array(list(sides.values())) / sum(sides.values())

    def transform(self, results: dict) -> dict:
        if np.random.rand() >= self.prob:
            return results
        image, box = results['img'], results['bbox'][0]
        side = np.random.choice(self.sides, p=self.weights)
        window = _window(side, np.random.uniform(*self.keep), box, image.shape[:2])
        points = results['keypoints']
        inside = ((points >= window[:2]) & (points < window[2:])).all(axis=-1)
        if ((visibility(results) > 0) & inside).sum() < self.min_joints:
            return results
        visible = results['keypoints_visible'].copy()
        visible[~inside] = 0  # both columns, where a KeypointConverter has added weights
        left, top, right, bottom = window
        cut = np.zeros_like(image)
        cut[top:bottom, left:right] = image[top:bottom, left:right]
        rest = np.concatenate([np.maximum(box[:2], window[:2]), np.minimum(box[2:], window[2:])])
        return dict(
            results,
            img=cut,
            bbox=rest[None].astype(results['bbox'].dtype),
            keypoints_visible=visible,
        )


def _window(side: str, keep: float, box: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Left, top, right and bottom of the part of a photo that stays, whole pixels."""
    height, width = shape
    window = np.array([0, 0, width, height])
    extent = box[2:] - box[:2]
    if side == 'left':
        window[0] = box[2] - keep * extent[0]
    elif side == 'top':
        window[1] = box[3] - keep * extent[1]
    elif side == 'right':
        window[2] = box[0] + keep * extent[0]
    else:
        window[3] = box[1] + keep * extent[1]
    return window.clip(0, [width, height, width, height])


@TRANSFORMS.register_module()
class RandomLowResolution(BaseTransform):
    """Shrink the crop and enlarge it again, as of a small person; sometimes with blocks of JPEG.

    Goes after ``TopdownAffine``.

    Args:
        prob: Probability of a lower resolution.
        factor: Range of the factor by which width and height shrink.
        jpeg_prob: Probability of a strong compression.
        jpeg_quality: Range of its quality, as OpenCV counts it.

    Raises:
        TypeError, ValueError: If a probability or range is none.

    Examples:
        >>> import numpy as np
        >>> from mmpose_sdpose.datasets import RandomLowResolution
        >>> crop = np.random.randint(0, 256, (128, 96, 3), np.uint8)
        >>> blurred = RandomLowResolution(prob=1).transform(dict(img=crop))['img']
        >>> blurred.shape, bool(blurred.std() < crop.std())
        ((128, 96, 3), True)
    """

    def __init__(
        self,
        prob: float = 0.3,
        factor: Range = (0.2, 0.8),
        jpeg_prob: float = 0.1,
        jpeg_quality: tuple[int, int] = (20, 70),
    ) -> None:
        check_probabilities(prob=prob)
        check_probabilities(jpeg_prob=jpeg_prob)
        check_ranges(1, factor=factor)
        check_ranges(100, jpeg_quality=jpeg_quality)
        self.prob, self.factor = prob, factor
        self.jpeg_prob, self.jpeg_quality = jpeg_prob, jpeg_quality

    def transform(self, results: dict) -> dict:
        image = results['img']
        height, width = image.shape[:2]
        if np.random.rand() < self.prob:
            factor = np.random.uniform(*self.factor)
            size = (max(1, round(factor * width)), max(1, round(factor * height)))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        if np.random.rand() < self.jpeg_prob:
            quality = int(np.random.uniform(*self.jpeg_quality))
            data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return dict(results, img=image)


@TRANSFORMS.register_module()
class RandomOccluder(BaseTransform):
    """Paste pieces of crops seen before over the crop: things and other people in front.

    Joints below keep their labels, as occluded joints have them in COCO. Goes after ``TopdownAffine``.

    Args:
        prob: Probability that anything is pasted.
        count: Range of the number of pieces.
        size: Range of a piece's width and height, in heights of the crop.
        memory: Crops that are kept to take pieces from.

    Raises:
        TypeError, ValueError: If a probability, number or range is none.

    Examples:
        >>> import numpy as np
        >>> from mmpose_sdpose.datasets import RandomOccluder
        >>> occlude = RandomOccluder(prob=1)
        >>> white, black = (np.full((128, 96, 3), grey, np.uint8) for grey in (255, 0))
        >>> _ = occlude.transform(dict(img=white))  # the first crop has none to take pieces from
        >>> bool(occlude.transform(dict(img=black))['img'].any())
        True
    """

    def __init__(
        self,
        prob: float = 0.3,
        count: tuple[int, int] = (1, 2),
        size: Range = (0.12, 0.45),
        memory: int = 64,
    ) -> None:
        check_probabilities(prob=prob)
        check_ranges(1, size=size)
        check_sizes(count=count)
        if count[0] > count[1]:
            raise ValueError(f'count ({count}) must be two rising numbers from 1 on')
        check_counts(memory=memory)
        self.prob, self.count, self.size = prob, count, size
        self.crops: deque[np.ndarray] = deque(maxlen=memory)

    def transform(self, results: dict) -> dict:
        image = results['img']
        if self.crops and np.random.rand() < self.prob:
            covered = image.copy()
            for _ in range(np.random.randint(self.count[0], self.count[1] + 1)):
                self._paste(covered)
            results = dict(results, img=covered)
        self.crops.append(image)
        return results

    def _paste(self, image: np.ndarray) -> None:
        """One piece, as a rectangle or an ellipse, partly outside perhaps."""
        height, width = image.shape[:2]
        rows, columns = (round(side * height) for side in np.random.uniform(*self.size, 2))
        piece = cv2.resize(self._piece(), (max(2, columns), max(2, rows)))
        rows, columns = piece.shape[:2]
        mask = np.full((rows, columns), 255, np.uint8)
        if np.random.rand() < 0.5:
            mask[:] = 0
            middle, axes = (columns // 2, rows // 2), (columns // 2, rows // 2)
            cv2.ellipse(mask, middle, axes, 0, 0, 360, (255,), -1)
        top = np.random.randint(-rows // 2, height - rows // 2)
        left = np.random.randint(-columns // 2, width - columns // 2)
        begin = max(0, -top), max(0, -left)
        end = min(rows, height - top), min(columns, width - left)
        part = (slice(begin[0], end[0]), slice(begin[1], end[1]))
        target = image[top + begin[0] : top + end[0], left + begin[1] : left + end[1]]
        shown = mask[part] > 0
        target[shown] = piece[part][shown]

    def _piece(self) -> np.ndarray:
        """A random part, a third to all of each side, of a crop seen before."""
        crop = self.crops[np.random.randint(len(self.crops))]
        sides = [max(2, int(side * np.random.uniform(1 / 3, 1))) for side in crop.shape[:2]]
        top, left = (np.random.randint(all_ - side + 1) for all_, side in zip(crop.shape, sides))
        return crop[top : top + sides[0], left : left + sides[1]]
