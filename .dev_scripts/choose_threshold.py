"""Find the score from which on a keypoint of an exported model is worth drawing.

Every annotated person is looked at twice: whole, and with half of the picture cut away, as people are
who stand at its edge. A keypoint is right where its object keypoint similarity is above a half; one that
is elsewhere, or of a joint that was cut away, is wrong. The threshold with the best F1 (twice the right
ones drawn over all drawn and all right) goes into the file by `export_onnx --threshold`. Take people
that the model was neither trained nor tested on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sdpose_runtime import PoseModel

#: Object keypoint similarity of a joint from which on it is right.
RIGHT = 0.5
#: Which half of the picture is kept, in turn.
HALVES = ('top', 'left', 'bottom', 'right')


@dataclass(frozen=True)
class Person:
    """One annotated person in a picture, perhaps cut.

    Args:
        image: (H, W, 3), BGR, uint8.
        box: Left, top, right and bottom, within the image, pixels.
        joints: (K, 3): x, y, and above 0 where it is labelled; outside of a cut image, too.
        area: Of the whole person, square pixels.
    """

    image: np.ndarray
    box: np.ndarray
    joints: np.ndarray
    area: float

    def half(self, side: str) -> Person | None:
        """The picture cut through the middle of the person; None if too little is left."""
        middle = (self.box[:2] + self.box[2:]) / 2
        corner, opposite = np.zeros(2), np.array(self.image.shape[1::-1], float)
        axis = 0 if side in ('left', 'right') else 1
        (opposite if side in ('left', 'top') else corner)[axis] = np.rint(middle[axis])
        (left, top), (right, bottom) = corner.astype(int), opposite.astype(int)
        box: np.ndarray = np.clip(self.box - np.tile(corner, 2), 0, np.tile(opposite - corner, 2))
        if (box[2:] - box[:2] < 8).any():
            return None
        joints = self.joints - np.append(corner, 0)
        return Person(self.image[top:bottom, left:right], box, joints, self.area)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='choose_threshold', description=__doc__)
    parser.add_argument('model', type=Path, help='ONNX file of export_onnx')
    parser.add_argument('annotations', type=Path, help='COCO-style people')
    parser.add_argument('images', type=Path, help='folder of their images')
    parser.add_argument('--last', type=int, metavar='N', help='only the last N people of the file')
    args = parser.parse_args(argv)
    model = PoseModel(args.model, threads=2)
    people = read_people(args.annotations, args.images, args.last)
    found = [judge(model, person) for person in people]
    scores, right = (np.concatenate(parts) for parts in zip(*found))
    best, rows = f1_by_threshold(scores, right)
    lines = ['threshold  drawn  right of them  drawn of the right  F1']
    lines += ['{:9.3f}  {:5.1%}  {:13.1%}  {:18.1%}  {:.3f}'.format(*row) for row in rows]
    lines.append(f'{len(found)} people, whole and half; best F1 at {best:.3f}')
    sys.stdout.write('\n'.join(lines) + '\n')
    return 0


def read_people(annotations: Path, images: Path, last: int | None = None) -> Iterator[Person]:
    """Every labelled person, or the last ones, whole and with half of the picture."""
    truth = json.loads(annotations.read_text(encoding='utf-8'))
    names = {image['id']: image['file_name'] for image in truth['images']}
    for number, entry in enumerate(truth['annotations'][-last if last else None :]):
        if entry.get('iscrowd') or not entry.get('num_keypoints', 1):
            continue
        image = cv2.imread(str(images / names[entry['image_id']]))
        if image is None:
            raise FileNotFoundError(f'no image {images / names[entry["image_id"]]}')
        left, top, width, height = entry['bbox']
        size = np.tile(image.shape[1::-1], 2)
        box = np.clip([left, top, left + width, top + height], 0, size)
        joints = np.array(entry['keypoints'], float).reshape(-1, 3)
        whole = Person(image, box, joints, entry.get('area', width * height))
        half = whole.half(HALVES[number % len(HALVES)])
        yield from (person for person in (whole, half) if person is not None)


def judge(model: PoseModel, person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the labelled joints, and which of them are right: (n,) each."""
    people = model(person.image, person.box[None])
    distances = ((people.keypoints[0] - person.joints[:, :2]) ** 2).sum(axis=1)
    spread = 2 * (2 * model.info.sigmas) ** 2 * person.area
    inside = (person.joints[:, :2] >= 0).all(axis=1)
    inside &= (person.joints[:, :2] < person.image.shape[1::-1]).all(axis=1)
    labelled = person.joints[:, 2] > 0
    right = inside & (np.exp(-distances / spread) > RIGHT)
    return people.scores[0][labelled], right[labelled]


def f1_by_threshold(scores: np.ndarray, right: np.ndarray) -> tuple[float, list[tuple]]:
    """The best threshold, and of twenty ones: share drawn, right of these, drawn of the right, F1.

    Args:
        scores: (n,).
        right: (n,), whether the keypoint is where it should be.
    """
    rows = []
    thresholds = np.quantile(scores, np.arange(20) / 20)
    for threshold in thresholds:
        drawn = scores >= threshold
        hits = (drawn & right).sum()
        f1 = 2 * hits / max(drawn.sum() + right.sum(), 1)
        precision, recall = hits / max(drawn.sum(), 1), hits / max(right.sum(), 1)
        rows.append((float(threshold), drawn.mean(), precision, recall, f1))
    return max(rows, key=lambda row: row[-1])[0], rows


if __name__ == '__main__':
    sys.exit(main())
