"""Leeds Sports Pose Extended (LSPET) from its public archive to COCO-style files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.io import loadmat

from ..configs import keypoint_names_of
from .coco_people import read_image

#: The joints of ``joints.mat``, in its order, by CrowdPose's names.
JOINTS = (
    'right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle',
    'right_wrist', 'right_elbow', 'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist',
    'neck', 'top_head',
)  # fmt: skip
ANNOTATIONS = 'joints.mat'
SOURCE = 'http://sam.johnson.io/research/lspet.html'
#: A person's box goes beyond the labelled joints by this share of its longer side.
MARGIN = 0.15
LEAST_JOINTS = 4
#: Photos whose size is looked at before all are copied.
TRIED = 24
#: LSPET's people are in the middle of their photos: the mean of so many is above this share of a side.
ENOUGH, LEAST_CENTRE = 12, 0.38
_UNLIKE = 'is it the file of another data set (LSP has (3, 14, 2000))?'


class ArchiveError(ValueError):
    """The folder is not the archive, or only part of it; the message says what is missing."""


@dataclass(frozen=True)
class Archive:
    """The archive as its makers publish it.

    Args:
        images: Path of each photo, ``im00001.jpg`` first.
        joints: (14, 3, photos): x, y in pixels and 1 where the joint is labelled.
    """

    images: list[Path]
    joints: np.ndarray


def read_archive(folder: str | Path, first: int | None = None) -> Archive:
    """Read and check the unpacked archive.

    Args:
        folder: Holds ``joints.mat`` and ``images/im00001.jpg`` and so on.
        first: Take the first photos alone; None: all.

    Raises:
        ArchiveError: If a file or photo is missing, or ``joints.mat`` is something else.
    """
    folder = Path(folder)
    path = folder / ANNOTATIONS
    if not path.is_file():
        raise ArchiveError(
            f'{folder} has no {ANNOTATIONS}: name the unpacked archive of LSPET ({SOURCE}), the folder '
            f'that has {ANNOTATIONS} and images/ in it'
        )
    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises what it meets in the file
        raise ArchiveError(f'{path} is no MATLAB file that can be read: {error}') from error
    if 'joints' not in content:
        names = ', '.join(name for name in content if not name.startswith('__'))
        raise ArchiveError(f'{path} has no variable joints but {names or "none"}: {_UNLIKE}')
    joints = content['joints']
    shape = getattr(joints, 'shape', None)
    if shape is None or len(shape) != 3 or shape[:2] != (len(JOINTS), 3):
        raise ArchiveError(
            f'{path} holds joints of shape {shape}, those of LSPET are (14, 3, 10000): {_UNLIKE}'
        )
    if not shape[2] or joints.dtype.kind not in 'fiu':
        raise ArchiveError(
            f'{path} holds joints of {shape[2]} photos as {joints.dtype}, those of LSPET are numbers '
            'of 10000: unpack the archive again'
        )
    joints = joints[..., :first].astype(float)
    images = [folder / 'images' / f'im{number:05d}.jpg' for number in range(1, joints.shape[2] + 1)]
    missing = [image for image in images if not image.is_file() or not image.stat().st_size]
    if missing:
        raise ArchiveError(
            f'{len(missing)} of {len(images)} photos are missing or empty, the first is {missing[0]}: '
            'unpack the whole archive, or take only the first photos with --first'
        )
    return Archive(images, joints)


def convert(
    archive: Archive,
    out: str | Path,
    test: int,
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Write ``OUT/images`` and ``OUT/annotations/lspet_{train,test}.json``, all or nothing.

    Args:
        archive: What :func:`read_archive` gave.
        out: Folder to make; it may exist if it is empty.
        test: Number of photos that are held out.
        seed: Of the choice of those.
        progress: Called after each photo.

    Returns:
        Number of people of each split.

    Raises:
        ArchiveError: If a photo cannot be read, or the joints are not those of these photos.
        ValueError: If there are no more photos than are to be held out.
        OSError: If the folder is in use, or cannot be written.
    """
    count = len(archive.images)
    if count < 2:
        raise ValueError(f'{count} photo is too few: one to train on and one to test on are needed')
    if not 0 < test < count:
        raise ValueError(f'test ({test}) must be 1 to {count - 1}: there are {count} photos')
    out = Path(out).resolve()  # a link to where there is room is followed
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f'{out} exists and is not empty: choose another folder')
    _check_joints(archive)
    held_out = set(np.random.default_rng(seed).permutation(count)[:test].tolist())
    # A hidden neighbour that is renamed at the end: no half data set ever has the final name.
    with _neighbour(out) as holder:
        partial = Path(holder) / out.name
        (partial / 'images').mkdir(parents=True)
        (partial / 'annotations').mkdir()
        splits: dict[str, list[tuple[dict, dict | None]]] = dict(train=[], test=[])
        for index, image in enumerate(archive.images):
            entry = _image_entry(index + 1, image)
            person = _person(index + 1, archive.joints[..., index], entry)
            splits['test' if index in held_out else 'train'].append((entry, person))
            shutil.copyfile(image, partial / 'images' / image.name)
            progress()
        for split, entries in splits.items():
            content = _coco_file(entries)
            text = json.dumps(content, separators=(',', ':'))
            path = partial / 'annotations' / f'lspet_{split}.json'
            path.write_text(text, encoding='utf-8')
        if out.exists():
            # It may be somebody's current folder, or a drive of its own. Photos alone are no data set.
            for name in ('images', 'annotations'):
                shutil.move(partial / name, out / name)
        else:
            partial.rename(out)
    return {
        split: sum(person is not None for _, person in entries) for split, entries in splits.items()
    }


def _neighbour(out: Path) -> TemporaryDirectory:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(prefix=f'.{out.name}.partial-', dir=out.parent)
    except OSError as error:
        raise OSError(
            f'nothing can be written into {out.parent} ({error.strerror}): choose another --out'
        ) from error


def _check_joints(archive: Archive) -> None:
    """Before all photos are read: whether joints are labelled, in pixels, and within their photos.

    Raises:
        ArchiveError: If most are not.
    """
    points, labelled = archive.joints[:, :2], archive.joints[:, 2] > 0
    labelled &= np.isfinite(points).all(axis=1)
    usable = np.flatnonzero(labelled.sum(axis=0) >= LEAST_JOINTS)
    count = len(archive.images)
    if 2 * len(usable) < count:
        raise ArchiveError(
            f'{ANNOTATIONS} has {LEAST_JOINTS} labelled joints in {len(usable)} of {count} photos, that '
            f'of LSPET in all: x, y and 1 are wanted of each joint; {_UNLIKE}'
        )
    spans = [np.ptp(points[labelled[:, index], :, index], axis=0).max() for index in usable]
    if np.median(spans) < 10:
        raise ArchiveError(
            f'the joints of half of the photos are within {np.median(spans):.2g} pixels: {ANNOTATIONS} '
            f'must have them in pixels of the photos; {_UNLIKE}'
        )
    inside, centres = [], []
    for index in np.unique(usable[np.linspace(0, len(usable) - 1, TRIED).astype(int)]):
        image = _image_entry(index + 1, archive.images[index])
        person = points[labelled[:, index], :, index]
        inside += list(_inside(person, image))
        middle = (person.min(axis=0) + person.max(axis=0)) / 2
        centres.append(middle / [image['width'], image['height']])
    if np.mean(inside) < 0.9:
        raise ArchiveError(
            f'{1 - np.mean(inside):.0%} of the joints of {len(centres)} photos are outside of the photo'
            ': were the photos resized or cut? Take those of the archive'
        )
    centre = np.mean(centres, axis=0)
    if len(centres) >= ENOUGH and centre.min() < LEAST_CENTRE:
        raise ArchiveError(
            f'the people of {len(centres)} photos are at {centre[0]:.0%} of the width and '
            f'{centre[1]:.0%} of the height by their joints, those of LSPET in the middle: were the '
            'photos enlarged, or the joints scaled? Take those of the archive'
        )


def _inside(points: np.ndarray, image: dict[str, Any]) -> np.ndarray:
    """Which of the points (J, 2) are within a photo."""
    return ((points >= 0) & (points < [image['width'], image['height']])).all(axis=1)


def _image_entry(number: int, path: Path) -> dict[str, Any]:
    try:
        height, width = read_image(path).shape[:2]
    except OSError as error:
        raise ArchiveError(f'{error}: unpack the archive again') from error
    return dict(id=number, file_name=path.name, width=width, height=height, crowdIndex=0.0)


def _person(number: int, joints: np.ndarray, image: dict[str, Any]) -> dict[str, Any] | None:
    """The annotation of a photo's one person; None where too few joints are labelled.

    Args:
        number: Id of photo and person.
        joints: (14, 3), in the archive's order.
        image: The photo's entry.
    """
    size = np.array([image['width'], image['height']])
    points, labelled = joints[:, :2], joints[:, 2] > 0
    labelled &= _inside(points, image)
    if labelled.sum() < LEAST_JOINTS:
        return None
    order = [JOINTS.index(name) for name in crowdpose_names()]
    keypoints = np.where(labelled[:, None], np.c_[points, np.full(len(points), 2)], 0)[order]
    low, high = points[labelled].min(axis=0), points[labelled].max(axis=0)
    margin = MARGIN * (high - low).max()
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, size)
    width, height = (high - low).tolist()
    return dict(
        id=number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        bbox=[round(float(value), 1) for value in (*low, width, height)],
        area=round(width * height, 1),
        num_keypoints=int(labelled.sum()),
        keypoints=[round(float(value), 1) for value in keypoints.ravel()],
    )


def _coco_file(entries: Sequence[tuple[dict, dict | None]]) -> dict[str, Any]:
    names = crowdpose_names()
    return dict(
        info=dict(
            description='Leeds Sports Pose Extended, Johnson & Everingham, CVPR 2011', url=SOURCE
        ),
        images=[image for image, _ in entries],
        annotations=[person for _, person in entries if person is not None],
        categories=[dict(id=1, name='person', supercategory='person', keypoints=names)],
    )


def crowdpose_names() -> list[str]:
    """CrowdPose's 14 keypoints, in MMPose's order."""
    return keypoint_names_of('crowdpose')
