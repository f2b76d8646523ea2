"""How much keypoints tremble in a video: ``python -m sdpose_runtime.jitter out/keypoints.json``.

The jitter of a keypoint is the mean length of its second difference, x[t-1] - 2 x[t] + x[t+1], in
pixels: nothing for one that rests or moves evenly. What counts is a keypoint that one person
(``track_id``) has in three frames running, each time with a score of at least the threshold. Of several
files, the same video with and without a filter, the second number says how far the filter moves the
keypoints of the first file: its lag, and what it takes away.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .metadata_format import THRESHOLD

#: Left and right wrist and ankle among COCO's keypoints.
WRISTS_AND_ANKLES = (9, 10, 15, 16)
#: x, y and score of the keypoints of a person, (K, 3), by frame and number of the person.
Poses = dict[tuple[int, int], np.ndarray]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='python -m sdpose_runtime.jitter', description=__doc__)
    parser.add_argument('results', nargs='+', type=Path, help='keypoints.json of `--track --json`')
    parser.add_argument(
        '--keypoints',
        nargs='+',
        type=int,
        default=WRISTS_AND_ANKLES,
        metavar='INDEX',
        help="which (default: COCO's wrists and ankles)",
    )
    parser.add_argument('--threshold', type=float, default=THRESHOLD, help='(default %(default)s)')
    args = parser.parse_args(arguments)
    try:
        poses = [read_poses(path) for path in args.results]
        for path, found in zip(args.results, poses):
            values = jitter(found, args.keypoints, args.threshold)
            shift = distance(poses[0], found, args.keypoints, args.threshold)
            sys.stdout.write(
                f'{path}: jitter {np.mean(values):.2f} pixels, median {np.median(values):.2f} '
                f'({len(values)} second differences); {shift:.2f} pixels from the first file\n'
            )
    except (OSError, ValueError) as error:
        sys.stderr.write(f'jitter: {error}\n')
        return 2
    return 0


def read_poses(path: Path) -> Poses:
    """The people of a video that were followed.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds no people that were followed.
    """
    try:
        poses = {
            (entry['frame'], entry['track_id']): np.reshape(entry['keypoints'], (-1, 3)) + 0.0
            for entry in json.loads(path.read_bytes())
        }
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f'{path} is no keypoints.json of a video with --track: {type(error).__name__} {error}'
        ) from error
    if not poses:
        raise ValueError(f'nobody is in {path}')
    return poses


def jitter(poses: Poses, keypoints: Sequence[int], threshold: float) -> np.ndarray:
    """Lengths of all second differences, pixels: (n,).

    Raises:
        ValueError: If there are none, or no such keypoints.
    """
    lengths = []
    for (frame, person), here in poses.items():
        before, after = poses.get((frame - 1, person)), poses.get((frame + 1, person))
        if before is None or after is None:
            continue
        three = np.stack([_chosen(pose, keypoints) for pose in (before, here, after)])
        sure = (three[..., 2] >= threshold).all(axis=0)
        second = three[0] - 2 * three[1] + three[2]
        lengths.append(np.linalg.norm(second[sure, :2], axis=1))
    found = np.concatenate(lengths) if lengths else np.zeros(0)
    if not len(found):
        raise ValueError(
            f'no keypoint {list(keypoints)} reaches {threshold} in three frames running'
        )
    return found


def distance(first: Poses, second: Poses, keypoints: Sequence[int], threshold: float) -> float:
    """Mean distance of the same keypoints of the same people in two results, pixels."""
    lengths = []
    for name in first.keys() & second.keys():
        one, other = (_chosen(poses[name], keypoints) for poses in (first, second))
        sure = one[:, 2] >= threshold
        lengths.append(np.linalg.norm((one - other)[sure, :2], axis=1))
    return float(np.mean(np.concatenate(lengths))) if lengths else float('nan')


def _chosen(pose: np.ndarray, keypoints: Sequence[int]) -> np.ndarray:
    if not all(0 <= index < len(pose) for index in keypoints):
        raise ValueError(f'keypoints {list(keypoints)} of {len(pose)}')
    return pose[list(keypoints)]


if __name__ == '__main__':
    sys.exit(main())
