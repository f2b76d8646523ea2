"""Pictures and results, written whole or not at all. Videos: :mod:`.video_output`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Union

import cv2
import numpy as np

from .files import PartialFile, whole_file
from .people import People
from .sources import Frame, Source

#: What a data set calls an image, of its name and file.
ImageId = Callable[[str, Union[Path, None]], Union[int, str, None]]


def planned_outputs(sources: Sequence[Source], folder: Path) -> list[Path]:
    """Where the picture or video of each source goes.

    Raises:
        ValueError: If two would go into one file, or one onto its own source.
    """
    taken: dict[Path, Source] = {}
    for source in sources:
        path = folder / source.output_name
        if path in taken:
            one, other = (known.path or known.name for known in (taken[path], source))
            raise ValueError(
                f'{one} and {other} would both be drawn into {path}: run them into two folders'
            )
        if source.path and path.resolve() == source.path.resolve():
            raise ValueError(f'{path} would be written over itself: choose another --out')
        taken[path] = source
    return list(taken)


def write_picture(path: Path, image: np.ndarray) -> None:
    """Encode an image by the suffix of its path.

    Raises:
        ValueError: If the image cannot be encoded so.
        OSError: If the file cannot be written.
    """
    encoded, data = cv2.imencode(path.suffix, image)
    if not encoded:
        raise ValueError(f'OpenCV cannot write it as {path.suffix}')
    with whole_file(path) as file:
        file.write(data.tobytes())


class ResultFile:
    """Poses in the result format of COCO, as ``loadRes`` of pycocotools and MMPose's metrics read it.

    Each person: ``image_id``, ``category_id`` 1, ``keypoints`` [x, y, score] K times, ``score`` as
    ``CocoMetric`` gives it, ``bbox`` [left, top, width, height]; beside COCO's fields ``file_name``,
    in a video ``frame``, and ``track_id`` of who is followed.

    People are written as they come, and nothing of them is kept in memory. The file gets its name when
    the ``with`` block ends: however it ends, it then holds the frames so far.

    Args:
        path: The file.
        image_id: What a data set calls an image; None: frames are numbered from 1.

    Raises:
        OSError: If no file can be written there.
    """

    def __init__(self, path: str | Path, image_id: ImageId | None = None) -> None:
        self._image_id = image_id
        self._frames = self._entries = 0
        self._is_whole = True
        self._partial = PartialFile(path)

    def __enter__(self) -> ResultFile:
        return self

    def add(self, frame: Frame, people: People | None) -> None:
        """Write the people of a frame; None for a frame that was passed over, which has a number too.

        Raises:
            OSError: If they cannot be written.
        """
        self._frames += 1
        if people is None or not len(people):
            return
        image_id = (
            self._frames if self._image_id is None else self._image_id(frame.name, frame.path)
        )
        lines = [json.dumps(entry, allow_nan=False) for entry in _entries(frame, people, image_id)]
        start = ',\n' if self._entries else '[\n'
        self._entries += len(lines)
        self._is_whole = False
        with self._partial.errors_named():
            self._partial.file.write((start + ',\n'.join(lines)).encode())
        self._is_whole = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None or (self._entries and self._is_whole):
                self._partial.file.write(b'\n]\n' if self._entries else b'[]\n')
                self._partial.finish()
        except OSError:
            if kind is None:
                raise  # else the first error says more
        finally:
            self._partial.discard()


def _entries(frame: Frame, people: People, image_id: int | str | None) -> list[dict[str, Any]]:
    """What is written of each person: hundredths of a pixel are enough."""
    entries, scores = [], people.pose_scores()
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
        entries.append(entry)
    return entries


def _triples(people: People, index: int) -> list[float]:
    """x, y and score of each keypoint in one list."""
    values = []
    for (x, y), score in zip(people.keypoints[index].tolist(), people.scores[index].tolist()):
        values += [round(x, 2), round(y, 2), round(score, 4)]
    return values
