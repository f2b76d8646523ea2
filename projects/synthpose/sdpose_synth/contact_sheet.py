"""Overview picture of a data set, with keypoints drawn in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from .annotations import PersonRecord
from .formats import COCO_SKELETON
from .sample import sample_of
from .settings import Settings

LEFT, RIGHT, MIDDLE = (0, 160, 255), (255, 160, 0), (0, 255, 0)  # orange, blue, green


def contact_sheet(settings: Settings, count: int = 24, columns: int = 6) -> np.ndarray:
    """The first images of a data set side by side, people's skeletons drawn in.

    Filled marks are visible joints, hollow ones occluded; orange is left, blue is right.

    Args:
        settings: Which data set; its training images are shown.
        count: Number of images.
        columns: Images in a row.

    Shape:
        (H, W, 3) uint8, blue green red
    """
    zoom = max(512 // settings.size, 1)
    tiles = []
    for index in range(count):
        sample = sample_of(settings, 'train', index)
        large = cv2.resize(sample.image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
        for person in sample.record.people:
            _draw_person(large, person, zoom)
        tiles.append(large)
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _draw_person(image: np.ndarray, person: PersonRecord, zoom: int) -> None:
    keypoints = person.keypoints[:17]
    spots = [tuple(int(round((v + 0.5) * zoom)) for v in xy) for xy in keypoints[:, :2]]
    for one, two in COCO_SKELETON:
        if keypoints[one - 1, 2] and keypoints[two - 1, 2]:
            cv2.line(image, spots[one - 1], spots[two - 1], (255, 255, 255), 1, cv2.LINE_AA)
    for number, (spot, flag) in enumerate(zip(spots, keypoints[:, 2])):
        colour = MIDDLE if number == 0 else LEFT if number % 2 else RIGHT
        if flag:
            cv2.circle(image, spot, 4, (0, 0, 0), 1 if flag == 1 else -1, cv2.LINE_AA)
            cv2.circle(image, spot, 3, colour, 1 if flag == 1 else -1, cv2.LINE_AA)


def write_contact_sheet(path: str | Path, settings: Settings, count: int = 24) -> None:
    """Write :func:`contact_sheet` as a PNG file, whole or not at all.

    Raises:
        OSError: If the file cannot be written; what had the name before keeps it.
        RuntimeError: If OpenCV cannot encode the picture.
    """
    done, png = cv2.imencode('.png', contact_sheet(settings, count))
    if not done:
        raise RuntimeError('OpenCV could not encode the contact sheet as PNG')
    path = Path(path).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A hidden neighbour that is renamed at the end; the folder goes, whatever happens.
    with tempfile.TemporaryDirectory(prefix='.sdpose_synth-', dir=path.parent) as folder:
        partial = Path(folder, 'sheet.png')
        partial.write_bytes(png.tobytes())
        partial.replace(path)
