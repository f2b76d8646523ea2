"""What a person detector would report: jittered boxes with scores, misses, false alarms."""

from __future__ import annotations

import numpy as np

from .annotations import ImageRecord, PersonRecord


def detect(rng: np.random.Generator, record: ImageRecord, image_id: int, size: int) -> list[dict]:
    """Detections of one image in COCO's box format, best first.

    Args:
        rng: Source of randomness.
        record: The people in the image.
        image_id: Number of the image.
        size: Height and width of the image in pixels.
    """
    found = []
    for person in record.people:
        share = _clearness(person, size)
        if rng.random() < 0.01 + 0.35 * (1 - share) ** 3:
            continue
        box = _jitter(rng, person.bbox, 0.02 + 0.05 * (1 - share), size)
        score = float(np.clip(rng.normal(0.5 + 0.42 * share, 0.05), 0.08, 0.999))
        found.append(_detection(image_id, box, score))
    if rng.random() < 0.08:
        box = [*rng.uniform(0, 0.7, 2) * size, *rng.uniform(0.1, 0.4, 2) * size]
        box = _jitter(rng, box, 0.0, size)
        found.append(_detection(image_id, box, float(rng.uniform(0.05, 0.45))))
    return sorted(found, key=lambda detection: -detection['score'])


def _clearness(person: PersonRecord, size: int) -> float:
    """How plainly a person shows, 0..1: share of joints seen, less for small people."""
    seen = np.count_nonzero(person.keypoints[:, 2] == 2) / len(person.keypoints)
    large = min(np.sqrt(person.area) / (0.12 * size), 1.0)
    return float(min(1.4 * seen, 1.0) * large)


def _jitter(rng: np.random.Generator, bbox: list[float], spread: float, size: int) -> list[float]:
    x, y, w, h = bbox
    left, right = np.array([x, x + w]) + rng.normal(0, spread, 2) * w
    top, bottom = np.array([y, y + h]) + rng.normal(0, spread, 2) * h
    left, top = (float(np.clip(value, 0, size - 2)) for value in (left, top))
    right, bottom = (float(np.clip(v, low + 1, size)) for v, low in ((right, left), (bottom, top)))
    return [left, top, right - left, bottom - top]


def _detection(image_id: int, box: list[float], score: float) -> dict:
    return dict(
        image_id=image_id,
        category_id=1,
        bbox=[round(value, 2) for value in box],
        score=round(score, 4),
    )
