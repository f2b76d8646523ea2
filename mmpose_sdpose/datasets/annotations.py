"""COCO annotation files: reading, and what is wrong with what they say of images and people."""

from __future__ import annotations

import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from .findings import Finding, short, some

# What can be wrong with a person -> the sentence about it. Such a file cannot be used.
_WRONG = {
    'bbox': 'has {value} as bbox: wanted are four finite numbers x, y, width, height',
    'keypoints': 'has {value} among its keypoints: wanted are numbers x, y, visibility of each, 0, 0, 0 '
    'where it is not labelled',
    'nested': 'has nested keypoints, {value}: wanted is one flat list x, y, visibility, x, y, …',
    'count': 'has {value:g} keypoints, the data set expects {expected}: use the config for this data, '
    'or give the data set its metainfo',
    'category': 'has {value} as category_id: wanted is the whole number of one of the categories',
    'area value': 'has {value} as area: wanted is a number',
    'image id': 'has {value} as image_id: MMPose finds images by whole numbers, so write the number',
}
# What MMPose passes over.
_PASSED_OVER = {
    'image': 'is on image {value}, which the file does not list',
    'no bbox': 'has no bbox',
    'no keypoints': 'has no keypoints',
    'no size': 'has {value} as bbox, no area within its image',
}
# What it passes over as a matter of course: worth a word only where it is everybody.
_USUAL = {'crowd': 'iscrowd', 'unlabelled': 'without a labelled keypoint'}


@dataclass(frozen=True)
class Picture:
    """An image as a file describes it; what it does not say, or not as a number, is None."""

    file_name: str
    width: float | None = None
    height: float | None = None
    has_crowd_index: bool = False


@dataclass
class Annotations:
    """What a COCO file says.

    Args:
        path: Of the file.
        expected: Keypoints of a person, None if any number will do.
        pictures: By image id.
        categories: Ids, None if the file lists none.
        people: Number of annotations, None if the file has no such list.
        loaded: Image ids of the people that MMPose loads.
        troubles: What is wrong with people -> annotation id and value of each.
        category_ids: Category of those with labelled keypoints -> how many.
        findings: About the file as a whole.
    """

    path: str
    expected: int | None = None
    pictures: dict[Any, Picture] = field(default_factory=dict)
    categories: list[Any] | None = None
    people: int | None = None
    loaded: list[Any] = field(default_factory=list)
    troubles: dict[str, list[tuple[Any, Any]]] = field(default_factory=lambda: defaultdict(list))
    category_ids: Counter = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, text: str, fatal: bool = True) -> None:
        self.findings.append(Finding(f'{self.path}: {text}', fatal))

    def describe_people(self) -> Iterator[Finding]:
        """What is wrong with people, a sentence for each kind of trouble."""
        for name in filter(self.troubles.get, (*_WRONG, *_PASSED_OVER)):
            first, value = self.troubles[name][0]
            text = (_WRONG | _PASSED_OVER)[name].format(
                value=value if name == 'count' else short(value), expected=self.expected
            )
            others = len(self.troubles[name]) - 1
            text += f'; so it is with {others} more' if others else ''
            text += '; MMPose passes them over' if name in _PASSED_OVER else ''
            yield Finding(f'{self.path}: annotation {short(first)} {text}', name in _WRONG)

    def describe_categories(self) -> Iterator[Finding]:
        """What MMPose makes of several categories, if there are."""
        if len(self.category_ids) > 1:
            kinds = [f'{count} of {kind}' for kind, count in sorted(self.category_ids.items())]
            yield Finding(
                f'{self.path}: people are of several categories ({some(kinds)}): MMPose loads whoever '
                'has keypoints, whatever the category',
                fatal=False,
            )

    def describe_nobody(self) -> Iterator[Finding]:
        """Why MMPose would load nobody, if so."""
        if not self.loaded and not any(map(self.troubles.get, _WRONG)):
            names = {**_USUAL, **{name: name for name in _PASSED_OVER}}
            parts = [
                f'{len(self.troubles[name])} {names[name]}'
                for name in names
                if (self.troubles.get(name))
            ]
            why = f', of {self.people}: {", ".join(parts)}' if parts else ''
            yield Finding(f'{self.path} holds no person that MMPose would load{why}')


class WrongFile(ValueError):
    """A file holds no JSON, or JSON of another kind."""


def load_json(path: str | Path) -> Any:
    """Content of a JSON file.

    Raises:
        OSError: If it cannot be read.
        WrongFile: If it is no JSON.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise WrongFile(f'{path} is no JSON: it is no text') from error
    try:
        return json.loads(text)
    except RecursionError as error:
        raise WrongFile(f'{path} is nested too deeply') from error
    except json.JSONDecodeError as error:
        at_end = error.msg.startswith('Unterminated') or not text[error.pos :].strip()
        why = 'it ends too early, so copy or write it again' if text.strip() and at_end else error
        raise WrongFile(f'{path} is no JSON: {why if text.strip() else "it is empty"}') from error


def read_annotations(path: str | Path, expected: int | None = None) -> Annotations:
    """Look through a COCO file and everybody in it; done once until the file changes.

    Args:
        expected: Keypoints of a person, None if any number will do.

    Raises:
        OSError: If the file cannot be read.
        WrongFile: If it is no JSON, or of another kind.
    """
    state = os.stat(path)
    return _read(str(path), expected, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _read(path: str, expected: int | None, mtime: int, size: int) -> Annotations:
    content = load_json(path)
    if not isinstance(content, dict) or not isinstance(content.get('images'), list):
        holds = f'keys {some(list(content), 6)}' if isinstance(content, dict) else short(content)
        raise WrongFile(
            f'{path} is no COCO annotation file: wanted are the lists "images", "annotations" and '
            f'"categories", it holds {holds}'
        )
    found = Annotations(path, expected)
    look_at_images(found, content['images'])
    if 'categories' in content:
        _look_at_categories(found, content['categories'])
    if isinstance(content.get('annotations'), list):
        found.people = len(content['annotations'])
        people = list(_objects(content['annotations']))
        if len(people) < found.people:
            found.add(f'entries of "annotations" are no objects ({found.people - len(people)})')
        _check_ids(found, 'annotation', [person.get('id') for person in people])
        for person in people:
            _look_at_person(found, person)
        look_at_boxes(found, people)
    return found


def _objects(entries: list[Any]) -> Iterable[dict[str, Any]]:
    return (entry for entry in entries if isinstance(entry, dict))


def _look_at_categories(found: Annotations, categories: Any) -> None:
    entries = categories if isinstance(categories, list) else [None]
    found.categories = [entry.get('id') for entry in _objects(entries)]
    if len(found.categories) < len(entries) or not all(map(_is_whole, found.categories)):
        found.add(
            f'"categories" is {short(categories)}: wanted are objects with a whole number as id and a '
            'name'
        )


def look_at_images(found: Annotations, images: list[Any]) -> None:
    """Note the images of a file, and what is wrong with them."""
    named = [image for image in _objects(images) if isinstance(image.get('file_name'), str)]
    if len(named) < len(images):
        found.add(f'images have no file_name ({len(images) - len(named)})')
    if not images:
        found.add('it lists no image')
    _check_ids(found, 'image', [image.get('id') for image in _objects(images)])
    for image in named:
        if _is_whole(image.get('id')):
            found.pictures[image['id']] = Picture(
                image['file_name'],
                image['width'] if is_positive(image.get('width')) else None,
                image['height'] if is_positive(image.get('height')) else None,
                isinstance(image.get('crowdIndex'), (int, float)),
            )
    repeated = [name for name, n in Counter(image['file_name'] for image in named).items() if n > 1]
    if repeated:
        found.add(
            f'file names stand for more than one image, {len(repeated)} of them: {some(repeated)}. Are '
            'these files from several folders?',
            fatal=False,
        )


def _check_ids(found: Annotations, kind: str, ids: list[Any]) -> None:
    whole = [value for value in ids if _is_whole(value)]
    if len(whole) < len(ids):
        first = next(value for value in ids if not _is_whole(value))
        found.add(
            f'{kind} ids are no whole numbers ({len(ids) - len(whole)}), the first is {short(first)}: '
            'number them, and whatever refers to them'
        )
    repeated = [value for value, count in Counter(whole).items() if count > 1]
    if repeated:
        found.add(
            f'{kind} ids stand more than once, {len(repeated)} of them: {some(repeated)}. MMPose would '
            'take one entry for all of that id: number them anew, as is needed where files were merged'
        )


def _look_at_person(found: Annotations, person: dict[str, Any]) -> None:
    trouble, value = _trouble_with(found, person)
    if trouble:
        found.troubles[trouble].append((person.get('id'), value))
    else:
        found.loaded.append(person['image_id'])
    if _is_whole(person.get('category_id')) and trouble not in ('no keypoints', 'unlabelled'):
        found.category_ids[person['category_id']] += 1
    # For metrics, which count people by other rules.
    area = person.get('area')
    if area is None or (not trouble and not is_positive(area)):
        found.troubles['area'].append((person.get('id'), area))
    if 'num_keypoints' not in person:
        found.troubles['num_keypoints'].append((person.get('id'), None))


def _trouble_with(found: Annotations, person: dict[str, Any]) -> tuple[str, Any]:
    """Why MMPose would not load a person, or not as meant, and the value to blame."""
    bbox, keypoints = person.get('bbox'), person.get('keypoints')
    image_id, category_id = person.get('image_id'), person.get('category_id')
    if not _is_whole(category_id):
        return 'category', category_id
    if not _is_whole(image_id):
        return 'image id', image_id
    if image_id not in found.pictures:
        return 'image', image_id
    if 'bbox' not in person or 'keypoints' not in person:
        return ('no keypoints' if 'bbox' in person else 'no bbox'), None
    if not is_box(bbox):
        return 'bbox', bbox
    if not isinstance(person.get('area', 0), (int, float, type(None))):
        return 'area value', person['area']
    if not isinstance(keypoints, list) or not _all_finite(keypoints):
        inner = keypoints[0] if isinstance(keypoints, list) else keypoints
        nested = isinstance(inner, (list, dict))
        return ('nested', inner) if nested else ('keypoints', _first_wrong(keypoints))
    if len(keypoints) % 3 or (found.expected and len(keypoints) != 3 * found.expected):
        return 'count', len(keypoints) / 3
    return _left_out(person, found.pictures[image_id])


def _left_out(person: dict[str, Any], picture: Picture) -> tuple[str, Any]:
    """Why MMPose's own rules leave a person out, '' if they do not."""
    keypoints, (x, y, width, height) = person['keypoints'], person['bbox']
    if person.get('iscrowd'):
        return 'crowd', None
    if person.get('num_keypoints') == 0 or max([0, *keypoints[0::3], *keypoints[1::3]]) == 0:
        return 'unlabelled', None
    for begin, size, limit in ((x, width, picture.width), (y, height, picture.height)):
        last = limit - 1 if limit else math.inf
        if min(max(begin + size, 0), last) <= min(max(begin, 0), last):
            return 'no size', person['bbox']
    return '', None


def look_at_boxes(found: Annotations, people: list[Any]) -> None:
    """Note boxes that are numbers, but of something else."""
    boxes = [
        (person['bbox'], found.pictures[person['image_id']])
        for person in _objects(people)
        if _is_whole(person.get('image_id'))
        and person['image_id'] in found.pictures
        and is_box(person.get('bbox'))
    ]
    beyond = [box for box, picture in boxes if _reaches_beyond(box, picture)]
    if len(beyond) > 0.1 * len(boxes):
        corners = all(box[2] > box[0] and box[3] > box[1] for box, _ in boxes)
        found.add(
            f'{len(beyond)} of {len(boxes)} boxes reach beyond their image, the first is '
            f'{short(beyond[0])}: wanted are x, y, width, height in pixels. '
            + ('Are these x1, y1, x2, y2, or are' if corners else 'Are')
            + " the images' width and height of another size?",
            fatal=False,
        )
    if boxes and max(max(box) for box, _ in boxes) <= 1:
        found.add(
            f'no box is larger than a pixel, the first is {short(boxes[0][0])}: boxes and keypoints '
            'are in pixels, not in shares of the image',
            fatal=False,
        )


def _reaches_beyond(box: list[float], picture: Picture) -> bool:
    """By more than a twentieth of the image: beyond rounding, and beyond labelling by eye."""
    sizes = ((box[0] + box[2], picture.width), (box[1] + box[3], picture.height))
    return any(limit is not None and end > 1.05 * limit for end, limit in sizes)


def is_box(value: Any) -> bool:
    """Whether a value is x, y, width, height."""
    return isinstance(value, list) and len(value) == 4 and _all_finite(value)


def is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and _all_finite([value]) and value > 0


def _is_whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _all_finite(values: list[Any]) -> bool:
    try:
        return all(map(math.isfinite, values))
    except (TypeError, OverflowError):
        return False


def _first_wrong(values: Any) -> Any:
    if not isinstance(values, list):
        return values
    return next(value for value in values if not _all_finite([value]))
