"""A user's own keypoints: the COCO file of a labelling tool, read, completed and divided."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from .checks.annotations import Annotations, WrongFile, load_json, look_at_images
from .checks.findings import as_id, first_wrong, is_box, is_positive, only_finite, short, some
from .checks.people import look_at_boxes
from .coco_people import read_image

#: What MMPose takes for the area of a person who has none, as a share of the box.
AREA_SHARE = 0.53
#: A box that is made from keypoints goes beyond them by this share of its longer side.
MARGIN = 0.1
#: Up to this share of keypoints or people may be in a place that cannot be: slips, no other unit.
SLIPS = 0.1


@dataclass
class Labels:
    """What a file says that a training needs.

    Args:
        names: Of the K keypoints.
        links: Pairs of keypoints to join in a picture, counted from 0.
        images: Entries of COCO's ``images``.
        people: Entries of COCO's ``annotations``, whole.
        mended: What was missing and is filled in -> how often.
        left_out: Why entries are left out -> how many.
        doubts: Sentences on what can be read, and may not be as it was meant.
    """

    names: list[str]
    links: list[tuple[int, int]]
    images: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)


def read_labels(
    path: str | Path,
    images: str | Path,
    category: str | None = None,
    names: Sequence[str] | None = None,
) -> Labels:
    """Read the file of a labelling tool, and fill in what can be told from the rest.

    Args:
        path: COCO's JSON: images, annotations with ``keypoints``, categories.
        images: Folder of the images.
        category: Whose keypoints; None: the only category that has any.
        names: Of the keypoints, where the file does not name them.

    Raises:
        OSError: If the file or an image cannot be read.
        ValueError: If it is of another kind, or what it says cannot be used.
    """
    content = load_json(path)
    lists = ('images', 'annotations', 'categories')
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in lists):
        raise WrongFile(
            f'{path} is no COCO file, which has the lists {", ".join(lists)}: choose "COCO keypoints" '
            'where the labelling tool exports'
        )
    try:
        kind = _choose_category(content, category, path)
        labels = Labels(*_keypoints_of(kind, names, path))
        found = _find_images(content['images'], Path(images), path)
        number = as_id(kind['id'])
        people = [e for e in content['annotations'] if as_id(e['category_id']) == number]
        labels.left_out['of other categories'] = len(content['annotations']) - len(people)
        for entry in people:
            _add(labels, entry, found, path)
    except KeyError as error:
        raise WrongFile(
            f'{path} is no COCO file as labelling tools write it: an entry has no {error}'
        ) from error
    except (TypeError, AttributeError) as error:
        raise WrongFile(
            f'{path} is no COCO file as labelling tools write it: an entry is of another kind '
            f'({error})'
        ) from error
    if not labels.people:
        reasons = ', '.join(f'{count} {why}' for why, count in labels.left_out.items() if count)
        raise WrongFile(f'{path} has nobody with a labelled keypoint ({reasons or "it is empty"})')
    labels.images = list({image['id']: image for image in found.values()}.values())
    twice = len(found) - len(labels.images)
    labels.mended += Counter({'images that the file lists twice, taken for one': twice})
    _check_places(labels, path)
    return labels


def _choose_category(content: dict, wanted: str | None, path: str | Path) -> dict[str, Any]:
    kinds = {as_id(kind['id']): kind for kind in content['categories']}
    with_points = [entry for entry in content['annotations'] if entry.get('keypoints')]
    labelled = {as_id(entry['category_id']) for entry in with_points}
    named = [kind for kind in kinds.values() if kind.get('name') == wanted]
    with_keypoints = [kind for key, kind in kinds.items() if key in labelled]
    chosen = named if wanted else with_keypoints
    if len(chosen) == 1:
        return chosen[0]
    there = some([short(kind.get('name')) for kind in with_keypoints or kinds.values()], 8)
    unlisted = sorted(labelled - set(kinds))
    if unlisted:
        raise WrongFile(
            f'{path}: annotations are of category {some(unlisted)}, which "categories" does not list '
            f'({some(list(kinds)) or "it is empty"}): write the same number in both'
        )
    if wanted and not named:
        raise WrongFile(f'{path} has no category {wanted}: choose from {there}')
    raise WrongFile(
        f'{path} has keypoints of {len(with_keypoints)} categories ({there}): choose one with '
        '--category NAME'
        if with_keypoints
        else f'{path} has no annotation with keypoints (categories: {there}): label keypoints of each '
        'person or thing, and export them as COCO keypoints'
    )


def _keypoints_of(
    kind: dict[str, Any], names: Sequence[str] | None, path: str | Path
) -> tuple[list[str], list[tuple[int, int]]]:
    """Names and links of a category."""
    given = names or kind.get('keypoints') or []
    if isinstance(given, str) or not all(isinstance(name, (str, int)) for name in given):
        raise WrongFile(
            f'{path} has {short(given)} as keypoints of {short(kind.get("name"))}: wanted is a list of '
            'names; or name them in their order with --keypoints NAME,NAME,…'
        )
    names = [str(name).strip().replace(' ', '_') for name in given]
    if not names:
        raise WrongFile(
            f'{path} does not name the keypoints of {short(kind.get("name"))}: name them in their order '
            'with --keypoints NAME,NAME,…'
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise WrongFile(f'{path} has two keypoints called {some(repeated)}: name each one once')
    pairs = [tuple(pair) for pair in kind.get('skeleton') or []]
    wrong = [pair for pair in pairs if [type(end) for end in pair] != [int, int]]
    if wrong:
        raise WrongFile(
            f'{path} has {short(wrong[0])} in its skeleton: wanted are pairs of numbers of keypoints'
        )
    first = 0 if any(0 in pair for pair in pairs) else 1  # COCO counts from 1, some tools from 0
    links = [(start - first, end - first) for start, end in pairs]
    beyond = [pair for pair, link in zip(pairs, links) if not set(link) <= set(range(len(names)))]
    if beyond:
        raise WrongFile(
            f'{path} links keypoints {some(beyond)} in its skeleton, and has {len(names)} keypoints'
        )
    return names, links


def _find_images(entries: list[dict], folder: Path, path: str | Path) -> dict[str, dict[str, Any]]:
    """By id, each as the file that lies in the folder, with its size; twice the same for one file."""
    there: dict[str, list[Path]] = {}
    for each in sorted(folder.rglob('*')):
        there.setdefault(each.name, []).append(each)
    found: dict[str, dict[str, Any]] = {}
    images: dict[Path, dict[str, Any]] = {}
    missing: list[str] = []
    for entry in entries:
        file = _file_of(entry['file_name'], folder, there)
        if file is None:
            missing.append(entry['file_name'])
            continue
        if as_id(entry['id']) in found:
            raise WrongFile(f'{path} has two images with the id {short(entry["id"])}')
        if file not in images:
            width, height = _size_of(file)
            name = file.relative_to(folder).as_posix()
            images[file] = dict(id=len(images) + 1, file_name=name, width=width, height=height)
        found[as_id(entry['id'])] = images[file]
        _check_size(entry, images[file], path)
    if missing:
        raise WrongFile(
            f'{len(missing)} of {len(entries)} images of {path} are not in {folder}, or more than '
            f'once: {some(missing)}. Name their folder with --images'
        )
    return found


def _file_of(name: str, folder: Path, there: dict[str, list[Path]]) -> Path | None:
    """The file in the folder that a tool has named: as a path, or as the address that it was shown at.

    Args:
        there: All files in the folder, by their names.
    """
    name = name.replace('\\', '/')
    address, _, query = name.partition('?')
    shown = query.removeprefix('d=') if query.startswith('d=') else address  # Label Studio's files
    for spelling in (name, unquote(shown)):
        inside = spelling.lstrip('/')
        if '..' not in inside.split('/') and (folder / inside).is_file():
            return folder / inside
        # Tools write folders of their own in front.
        alike = there.get(os.path.basename(spelling), [])
        if len(alike) == 1:
            return alike[0]
    return None


def _check_size(entry: dict[str, Any], image: dict[str, Any], path: str | Path) -> None:
    said, size = (entry.get('width'), entry.get('height')), (image['width'], image['height'])
    if all(map(is_positive, said)) and said != size:
        raise WrongFile(
            f'{path} says that {image["file_name"]} has {said[0]}x{said[1]} pixels, it has '
            f'{size[0]}x{size[1]}: was it resized or turned after it was labelled? The keypoints would '
            'be elsewhere, so give the images as they were labelled'
        )


def _size_of(path: Path) -> tuple[int, int]:
    """Width and height as they are read for training."""
    height, width = read_image(path).shape[:2]
    return width, height


def _add(labels: Labels, entry: dict, images: dict[str, dict], path: str | Path) -> None:
    """Take one annotation, or count why not."""
    who = f'{path}: annotation {short(entry.get("id"))}'
    if not entry.get('keypoints'):
        labels.left_out['without keypoints'] += 1
        return
    points = _points_of(entry['keypoints'], len(labels.names), who)
    labelled = points[:, 2] > 0
    if entry.get('iscrowd') or not labelled.any():
        labels.left_out['crowds' if entry.get('iscrowd') else 'with no keypoint labelled'] += 1
        return
    image = images.get(as_id(entry['image_id']))
    if image is None:
        raise WrongFile(
            f'{who} is on image {short(entry["image_id"])}, which the file does not list'
        )
    box: Any = entry.get('bbox')
    if not is_box(box) or min(box[2:]) <= 0:
        box = _box_around(points[labelled, :2], (image['width'], image['height']))
        labels.mended['boxes made from the keypoints'] += 1
    area: Any = entry.get('area')
    if not isinstance(area, (int, float)) or not area > 0:
        area = AREA_SHARE * box[2] * box[3]
        labels.mended['areas from the boxes'] += 1
    labels.people.append(
        dict(
            id=len(labels.people) + 1,
            image_id=image['id'],
            category_id=1,
            iscrowd=0,
            bbox=[round(float(value), 2) for value in box],
            area=round(float(area), 2),
            num_keypoints=int(labelled.sum()),
            keypoints=[round(float(value), 2) for value in points.ravel()],
        )
    )


def _points_of(values: Any, count: int, who: str) -> np.ndarray:
    """x, y and visibility of each keypoint, (K, 3); all 0 where one is not labelled."""
    what = f'{len(values)} numbers'
    if not only_finite(values):
        what = f'{short(first_wrong(values))} among the numbers'
    elif len(values) == 3 * count:
        points = np.array(values, float).reshape(-1, 3)
        points[points[:, 2] <= 0] = 0
        return points
    raise WrongFile(
        f'{who} has {what} as keypoints: wanted are x, y and visibility of each of {count} keypoints, '
        '0, 0, 0 where one is not labelled'
    )


def _check_places(labels: Labels, path: str | Path) -> None:
    """Whether keypoints and boxes are in pixels, of the images that they are on.

    Raises:
        ValueError: If keypoints cannot be, or people are elsewhere than their boxes.
    """
    images = {image['id']: image for image in labels.images}
    beyond, apart, highest = [], [], 0.0
    for person in labels.people:
        image = images[person['image_id']]
        points = np.array(person['keypoints']).reshape(-1, 3)
        points = points[points[:, 2] > 0, :2]
        size, (left, top, *sides) = np.array([image['width'], image['height']]), person['bbox']
        outside = (np.abs(points - size / 2) > 0.55 * size).any(axis=1)
        beyond += [(point.tolist(), image) for point in points[outside]]
        middle = np.array([left, top]) + np.array(sides) / 2
        if (np.abs(points - middle) > 0.75 * np.array(sides)).any(axis=1).all():
            apart.append(person)
        highest = max(highest, points.max())
    count = sum(person['num_keypoints'] for person in labels.people)
    if beyond and len(beyond) > SLIPS * count:
        place, image = beyond[0]
        raise WrongFile(
            f'{path}: {len(beyond)} of {count} labelled keypoints are outside of their image, the first '
            f'at {place} on {image["file_name"]} ({image["width"]}x{image["height"]}): wanted are '
            'pixels of the image as it is'
        )
    if highest <= 1:
        raise WrongFile(
            f'{path}: no labelled keypoint is beyond the first pixel: wanted are pixels, not shares of '
            'the image'
        )
    if apart and len(apart) > SLIPS * len(labels.people):
        box, image = apart[0]['bbox'], images[apart[0]['image_id']]
        raise WrongFile(
            f'{path}: {len(apart)} of {len(labels.people)} boxes are elsewhere than their keypoints, '
            f'the first is {box} on {image["file_name"]}: wanted are x, y, width, height in pixels, or '
            'no box'
        )
    smallest = min(min(image['width'], image['height']) for image in labels.images)
    if highest <= 100 and smallest > 200:
        labels.doubts.append(
            f'{path}: no keypoint has a coordinate above 100, on images of {smallest} pixels and more: '
            'are these per cent?'
        )
    found = Annotations(str(path))
    look_at_images(found, labels.images)
    look_at_boxes(found, labels.people)
    labels.doubts += [finding.text for finding in found.findings]


def _box_around(points: np.ndarray, size: tuple[int, int]) -> list[float]:
    """Left, top, width and height of a box around points, within the image."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = max(1.0, MARGIN * (high - low).max())
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, size)
    return [*low.tolist(), *np.maximum(high - low, 1).tolist()]


def split(labels: Labels, share: float, seed: int) -> dict[str, Labels]:
    """Training and held-out part, by image.

    Raises:
        ValueError: If one of them would have nobody in it.
    """
    on = {person['image_id'] for person in labels.people}
    order = np.random.default_rng(seed).permutation(sorted(on)).tolist()
    count = math.ceil(share * len(order)) if 0 < share < 1 else 0
    if not 0 < count < len(order):
        raise ValueError(
            f'a share of {share} of {len(order)} labelled images leaves one part empty: label more, '
            'choose another --val, or give the held-out part as a file of its own'
        )
    return dict(train=_part(labels, order[count:]), val=_part(labels, order[:count]))


def _part(labels: Labels, numbers: Sequence[int]) -> Labels:
    wanted = set(numbers)
    images = [image for image in labels.images if image['id'] in wanted]
    people = [person for person in labels.people if person['image_id'] in wanted]
    return replace(labels, images=images, people=people)
