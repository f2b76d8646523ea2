"""COCO's own evaluation, of people that a test makes up."""

from __future__ import annotations

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

#: Of the three keypoints that these people have.
SIGMAS = np.array([0.026, 0.079, 0.1])


def annotation(
    number: int, image: int, keypoints: np.ndarray, area: float, left: float = 0
) -> dict:
    """One person: ``keypoints`` (3, 3), the last column says whether each is labelled."""
    return dict(
        id=number,
        image_id=image,
        category_id=1,
        iscrowd=0,
        keypoints=keypoints.ravel().tolist(),
        num_keypoints=int((keypoints[:, 2] > 0).sum()),
        bbox=[left, 0, 50, 100],
        area=area,
    )


def result(image: int, found: np.ndarray, score: float = 1.0) -> dict:
    """What was found of one person: ``found`` (3, 2)."""
    keypoints = np.c_[found, np.ones(3)].ravel().tolist()
    return dict(image_id=image, category_id=1, keypoints=keypoints, score=score)


def dataset(images: list[dict], annotations: list[dict]) -> dict:
    """A file of COCO's format."""
    categories = [dict(id=1, name='person')]
    return dict(images=images, annotations=annotations, categories=categories)


def evaluated(people: dict, results: list[dict], kind: str = 'keypoints') -> COCOeval:
    """Each photo matched, nothing summed up yet."""
    truth = COCO()
    truth.dataset = people
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(results), kind, SIGMAS)
    evaluation.evaluate()
    return evaluation
