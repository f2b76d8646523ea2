"""Drawn hands with 21 keypoints, labelled as a labelling tool exports them.

``python -m tests.mmpose_sdpose.drawn_hands COUNT FOLDER`` writes some.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

FINGERS = ('thumb', 'forefinger', 'middle_finger', 'ring_finger', 'pinky_finger')
#: Length beside the middle finger's, and direction from it in degrees: by these a thumb is told from a
#: little finger, in left and right hands.
LENGTHS = (0.6, 0.93, 1.0, 0.93, 0.75)
DIRECTIONS = (-68, -20, 0, 19, 40)
NAMES = ['wrist', *(f'{finger}{joint}' for finger in FINGERS for joint in range(1, 5))]
#: Counted from 1, as COCO's file has it: each finger from the wrist to its tip.
SKELETON = [
    [1 if joint == 0 else first + joint, first + joint + 1]
    for first in range(1, 21, 4)
    for joint in range(4)
]


def hand(rng: np.random.Generator, size: int) -> np.ndarray:
    """Joints of a spread hand, left or right: (21, 2), pixels."""
    turn, length = rng.uniform(-0.2, 0.2), size * rng.uniform(0.095, 0.12)
    wrist = np.array([size * rng.uniform(0.45, 0.55), size * rng.uniform(0.8, 0.9)])
    side = rng.choice([-1, 1])
    joints = [wrist]
    for share, direction in zip(LENGTHS, DIRECTIONS):
        angle = turn + np.radians(-90 + side * direction) + rng.normal(0, 0.05)
        way = np.array([np.cos(angle), np.sin(angle)]) * length * share
        joints += [wrist + way * reach for reach in (2.6, 4.0, 5.2, 6.2)]
    return np.array(joints)


def draw(rng: np.random.Generator, joints: np.ndarray, size: int) -> np.ndarray:
    """The hand on a plain ground, a finger a line."""
    image = np.full((size, size, 3), rng.integers(0, 120, 3), np.uint8)
    skin = tuple(int(value) for value in rng.integers(150, 255, 3))
    for start, end in SKELETON:
        first, last = (tuple(map(int, joints[index - 1])) for index in (start, end))
        cv2.line(image, first, last, skin, size // 24, cv2.LINE_AA)
    return image


def write_hands(folder: Path, count: int, seed: int = 0, size: int = 160) -> Path:
    """``photos/`` and the COCO file of a tool that leaves out what it can; the file's path."""
    rng = np.random.default_rng(seed)
    photos = folder / 'photos'
    photos.mkdir(parents=True, exist_ok=True)
    images, people = [], []
    for number in range(count):
        joints = hand(rng, size)
        name = f'hand{seed}_{number}.jpg'
        cv2.imwrite(str(photos / name), draw(rng, joints, size))
        images.append(dict(id=number, file_name=name))
        people.append(annotation(number, joints))
    path = folder / 'labels.json'
    path.write_text(json.dumps(dict(images=images, annotations=people, categories=categories())))
    return path


def annotation(number: int, joints: np.ndarray) -> dict[str, Any]:
    keypoints = np.c_[joints, np.full(len(joints), 2)].ravel().round(2).tolist()
    return dict(id=number, image_id=number, category_id=1, keypoints=keypoints)


def categories() -> list[dict[str, Any]]:
    """As Roboflow writes them: the first is the project and has no keypoints."""
    first = dict(id=0, name='hands', supercategory='none')
    return [first, dict(id=1, name='hand', keypoints=NAMES, skeleton=SKELETON)]


if __name__ == '__main__':
    write_hands(Path(sys.argv[2]), int(sys.argv[1]))
