from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .files import whole_file
from .people import People
from .sources import Frame


class CocoResults:
    """Poses in the result format of COCO, as ``loadRes`` of pycocotools and MMPose's metrics read it.

    Each person: ``image_id``, ``category_id`` 1, ``keypoints`` [x, y, score] K times, ``score`` as
    ``CocoMetric`` gives it, ``bbox`` [left, top, width, height]; beside COCO's fields ``file_name``,
    in a video ``frame``, and ``track_id`` of who is followed.

    Args:
        image_id: What a data set calls the image of a file name; None: frames are numbered from 1.
    """

    def __init__(self, image_id: Callable[[str], int | None] | None = None) -> None:
        self.entries: list[dict[str, Any]] = []
        self._image_id = image_id
        self._count = 0

    def add(self, frame: Frame, people: People | None) -> None:
        """Keep the people of a frame; None for a frame that was passed over, which has a number too."""
        self._count += 1
        if people is None:
            return
        image_id = self._count if self._image_id is None else self._image_id(frame.name)
        scores = people.pose_scores()
        for index in range(len(people)):
            left, top, right, bottom = people.boxes[index].tolist()
            entry = dict(
                image_id=image_id,
                category_id=1,
                keypoints=_triples(people, index),
                score=round(float(scores[index]), 5),
                bbox=[round(value, 2) for value in (left, top, right - left, bottom - top)],
                file_name=frame.name,
            )
            if frame.index is not None:
                entry['frame'] = frame.index
            if people.ids is not None:
                entry['track_id'] = int(people.ids[index])
            self.entries.append(entry)

    def write(self, path: str | Path) -> None:
        """Write all of them, whole or not at all.

        Raises:
            OSError: If the file cannot be written.
        """
        with whole_file(path) as file:
            file.write(json.dumps(self.entries).encode())


def _triples(people: People, index: int) -> list[float]:
    """x, y and score of each keypoint in one list: hundredths of a pixel are enough."""
    values = []
    for (x, y), score in zip(people.keypoints[index].tolist(), people.scores[index].tolist()):
        values += [round(x, 2), round(y, 2), round(score, 4)]
    return values
