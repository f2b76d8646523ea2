"""One image of the data set from nothing but its number: the unit that workers make."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .annotations import ImageRecord, annotate
from .detections import detect
from .picture import render
from .scene import Scene, sample_scene
from .settings import Settings

SPLITS = ('train', 'val')


@dataclass
class Sample:
    """An image with all that is known about it.

    Args:
        image_id: Number of the image in its split, from 1.
        image: (H, W, 3) uint8, blue green red.
        jpeg: The image as a JPEG file's bytes.
        record: Its people.
        detections: What a person detector would report.
        scene: What was drawn.

    Examples:
        >>> from sdpose_synth import make_sample
        >>> sample = make_sample(seed=0, split='val', index=0, size=128)
        >>> sample.image.shape
        (128, 128, 3)
        >>> sample.record.people[0].keypoints.shape  # COCO's 17, neck and top of the head
        (19, 3)
    """

    image_id: int
    image: np.ndarray
    jpeg: bytes
    record: ImageRecord
    detections: list[dict]
    scene: Scene


def sample_of(settings: Settings, split: str, index: int) -> Sample:
    """Image ``index`` (from 0) of a split of a data set."""
    return make_sample(settings.seed, split, index, settings.size, settings.company, settings.view)


def make_sample(
    seed: int, split: str, index: int, size: int, company: str = 'mixed', view: str = 'any'
) -> Sample:
    """Make image ``index`` (from 0) of a split; the result depends on the arguments alone.

    Args:
        seed: Seed of the data set.
        split: 'train' or 'val'.
        index: Place in the split.
        size: Height and width in pixels.
        company: As in :class:`~.settings.Settings`.
        view: As in :class:`~.settings.Settings`.

    Raises:
        RuntimeError: If OpenCV cannot encode the image.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, SPLITS.index(split), index]))
    scene = sample_scene(rng, size, company, view)
    picture = render(rng, scene, size)
    record = annotate(scene, picture)
    detections = detect(rng, record, index + 1, size)
    quality = int(rng.integers(75, 96))
    done, jpeg = cv2.imencode('.jpg', picture.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError(f'OpenCV could not encode image {index} of {split} as JPEG')
    return Sample(index + 1, picture.image, jpeg.tobytes(), record, detections, scene)
