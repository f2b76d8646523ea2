"""Where people are: the whole image, or a COCO-style file. A detector: :mod:`.detector`."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .sources import Frame


@dataclass(frozen=True)
class Boxes:
    """Boxes of P people.

    Args:
        corners: (P, 4), left, top, right and bottom, image pixels.
        scores: (P,).
    """

    corners: np.ndarray
    scores: np.ndarray

    def above(self, threshold: float) -> Boxes:
        """Those with at least this score, and with a width and a height."""
        good = self.scores >= threshold
        good &= (self.corners[:, 2:] > self.corners[:, :2]).all(axis=1)
        return Boxes(self.corners[good], self.scores[good])


class BoxSource(Protocol):
    """Anything that says where the people in a frame are."""

    def __call__(self, frame: Frame) -> Boxes: ...


class WholeImage:
    """One person that fills the image."""

    def __call__(self, frame: Frame) -> Boxes:
        height, width = frame.image.shape[:2]
        return Boxes(np.array([[0, 0, width, height]], np.float32), np.ones(1, np.float32))


class BoxFile:
    """Boxes from a JSON file in one of the formats of COCO.

    Either annotations, ``{"images": [{"id", "file_name"}], "annotations": [{"image_id", "bbox"}]}``, or
    results, ``[{"image_id", "bbox", "score"}]``, as detectors and this runtime write them. Images are
    known by ``file_name``; in results without it by ``image_id``, which the file's name then has to
    be (``000000000785.jpg`` is image 785). Boxes are ``[left, top, width, height]`` in pixels. People
    are category 1; crowds are left out.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is of another format.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
            self.annotated = isinstance(content, dict)
            self._ids = _image_ids(content)
            self._entries = _by_image(content['annotations'] if self.annotated else content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f'{path} holds no boxes: expected COCO annotations or a list of COCO results '
                f'({type(error).__name__}: {error})'
            ) from error

    def image_id(self, name: str) -> int | None:
        """What the file calls the image of a file name; None if it does not know it."""
        if name in self._ids:
            return self._ids[name]
        stem = Path(name).stem
        if not self.annotated and stem.isdigit() and int(stem) in self._entries:
            return int(stem)
        return None

    def __call__(self, frame: Frame) -> Boxes:
        entries = self._entries.get(self.image_id(frame.name), [])
        sides = np.array([entry['bbox'][:4] for entry in entries], np.float32).reshape(-1, 4)
        corners = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)
        if self.annotated:  # as MMPose reads annotations, but not detections
            height, width = frame.image.shape[:2]
            corners = corners.clip(0, np.array([width - 1, height - 1] * 2, np.float32))
        scores = np.array([entry.get('score', 1.0) for entry in entries], np.float32)
        return Boxes(corners, scores)


def _image_ids(content: dict[str, Any] | list[dict[str, Any]]) -> dict[str, int]:
    """File names without folders, and the image that each is."""
    if isinstance(content, dict):
        return {Path(image['file_name']).name: image['id'] for image in content['images']}
    named = (entry for entry in content if 'file_name' in entry)
    return {Path(entry['file_name']).name: entry['image_id'] for entry in named}


def _by_image(entries: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    people = defaultdict(list)
    for entry in entries:
        if entry.get('category_id', 1) != 1 or entry.get('iscrowd', 0):
            continue
        if len(entry['bbox']) < 4:
            raise ValueError(f'the bbox {entry["bbox"]} has not four numbers')
        people[entry['image_id']].append(entry)
    return dict(people)
