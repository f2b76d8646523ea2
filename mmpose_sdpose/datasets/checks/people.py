"""What is wrong with people in COCO annotation files, and whom MMPose passes over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .findings import Finding, first_wrong, is_box, is_positive, is_whole, only_finite, short, some

if TYPE_CHECKING:
    from .annotations import Annotations, Picture

# What can be wrong with a person -> the sentence about it. Such a file cannot be used.
_WRONG = {
    'bbox': 'has {value} as bbox: wanted are four finite numbers x, y, width, height',
    'keypoints': 'has {value} among its keypoints: wanted are numbers x, y, visibility of each, 0, 0, 0 '
    'where it is not labelled',
    'nested': 'has nested keypoints, {value}: wanted is one flat list x, y, visibility, x, y, …',
    'count': 'has {value:g} keypoints, the data set expects {expected}: use the config for this data, '
    'or give the data set its metainfo, and a KeypointConverter where the model has other keypoints',
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


def look_at_person(found: Annotations, person: dict[str, Any]) -> None:
    """Note a person as one whom MMPose loads, or what is wrong."""
    trouble, value = _trouble_with(found, person)
    if trouble:
        found.troubles[trouble].append((person.get('id'), value))
    else:
        found.loaded.append(person['image_id'])
    if is_whole(person.get('category_id')) and trouble not in ('no keypoints', 'unlabelled'):
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
    if not is_whole(category_id):
        return 'category', category_id
    if not is_whole(image_id):
        return 'image id', image_id
    if image_id not in found.pictures:
        return 'image', image_id
    if 'bbox' not in person or 'keypoints' not in person:
        return ('no keypoints' if 'bbox' in person else 'no bbox'), None
    if not is_box(bbox):
        return 'bbox', bbox
    if not isinstance(person.get('area', 0), (int, float, type(None))):
        return 'area value', person['area']
    if not isinstance(keypoints, list) or not only_finite(keypoints):
        inner = keypoints[0] if isinstance(keypoints, list) else keypoints
        nested = isinstance(inner, (list, dict))
        return ('nested', inner) if nested else ('keypoints', first_wrong(keypoints))
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
        for person in people
        if isinstance(person, dict)
        and is_whole(person.get('image_id'))
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


def describe_people(found: Annotations) -> Iterator[Finding]:
    """What is wrong with people, a sentence for each kind of trouble."""
    for name in filter(found.troubles.get, (*_WRONG, *_PASSED_OVER)):
        first, value = found.troubles[name][0]
        text = (_WRONG | _PASSED_OVER)[name].format(
            value=value if name == 'count' else short(value), expected=found.expected
        )
        others = len(found.troubles[name]) - 1
        text += f'; so it is with {others} more' if others else ''
        text += '; MMPose passes them over' if name in _PASSED_OVER else ''
        yield Finding(f'{found.path}: annotation {short(first)} {text}', name in _WRONG)


def describe_categories(found: Annotations) -> Iterator[Finding]:
    """What MMPose makes of several categories, if there are."""
    if len(found.category_ids) > 1:
        kinds = [f'{count} of {kind}' for kind, count in sorted(found.category_ids.items())]
        yield Finding(
            f'{found.path}: people are of several categories ({some(kinds)}): MMPose loads whoever '
            'has keypoints, whatever the category',
            fatal=False,
        )


def describe_nobody(found: Annotations) -> Iterator[Finding]:
    """Why MMPose would load nobody, if so."""
    if not found.loaded and not any(map(found.troubles.get, _WRONG)):
        names = {**_USUAL, **{name: name for name in _PASSED_OVER}}
        parts = [
            f'{len(found.troubles[name])} {names[name]}'
            for name in names
            if found.troubles.get(name)
        ]
        why = f', of {found.people}: {", ".join(parts)}' if parts else ''
        yield Finding(f'{found.path} holds no person that MMPose would load{why}')
