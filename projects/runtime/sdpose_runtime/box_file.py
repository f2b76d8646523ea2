"""People's boxes from a COCO-style JSON file, which tools and people write in many ways."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np

from .boxes import FAR, Boxes
from .model_file import is_number, shown
from .sources import Frame, ImageFile

logger = logging.getLogger(__name__)

#: Ids and categories as they are compared: '7' and 7.0 are 7.
Key = Union[int, str]
PERSON_CATEGORY = 1
#: A box that ends this share of the image beyond it was hardly drawn in this image.
BEYOND = 0.1


@dataclass(frozen=True)
class ListedImage:
    """An image as a box file names it.

    Args:
        id: Its id there, as it is written into results.
        parts: Its ``file_name``, folder by folder.
        size: Width and height that the file says; None if it does not.
    """

    id: int | str
    parts: tuple[str, ...]
    size: tuple[float, float] | None = None

    def __str__(self) -> str:
        return f'{"/".join(self.parts)} (image {self.id})'


class BoxFile:
    """Boxes from a JSON file in one of the formats of COCO.

    Either annotations, ``{"images": [{"id", "file_name"}], "annotations": [{"image_id", "bbox"}]}``, or
    results, ``[{"image_id", "bbox", "score"}]``, as detectors and this runtime write them. Boxes are
    ``[left, top, width, height]`` in pixels.

    - An image is the one whose ``file_name`` its path ends with (``clip1/0001.jpg``); where there is
      none, the one whose ``file_name`` ends with the image's own name. In results without
      ``file_name`` it goes by ``image_id``, which its name then has to be (``000000000785.jpg`` is
      image 785). What could be two images is refused.
    - People are the category named ``person``; where the file names none, its only category, and of
      several, category 1. Crowds are left out. What is left out is logged; a file of which nothing
      is left is refused.
    - A person whose box is no four numbers has corners of NaN here.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is of another format, says two things of one image, or has nobody in it.

    Examples:
        >>> import cv2
        >>> from sdpose_runtime import BoxFile
        >>> from sdpose_runtime.sources import Frame
        >>> boxes = BoxFile('people.json')
        >>> boxes(Frame('photo.jpg', cv2.imread('photo.jpg'))).corners.tolist()
        [[10.0, 20.0, 110.0, 320.0]]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._images: defaultdict[str, list[ListedImage]] = defaultdict(list)  # by the last part
        self._numbered: dict[Key, int | str] = {}  # images that have no name
        self._sizes_differ = False
        self._looked_at = self._beyond = 0
        try:
            content = _read_json(path)
            self.annotated = isinstance(content, dict)
            if self.annotated:
                self._read_images(content)
                entries = _field(content, 'annotations', list, 'the file')
                _check_unique(entries, 'annotation')
            else:
                entries = content
                self._read_image_ids(content)
            self._people = self._sort(entries, _categories_of_people(content))
        except ValueError as error:
            raise ValueError(f'{path} cannot be used for boxes: {error}') from error

    def check_images(self, images: Sequence[ImageFile]) -> None:
        """See that each of these images is one in the file, and log what is not.

        Raises:
            ValueError: If none is, or one could be two, or two would be one.
        """
        taken: dict[Key, ImageFile] = {}
        unknown, elsewhere = [], []
        for image in images:
            listed = self._find(image.name, image.path)
            if listed is None:
                unknown.append(image.name)
                continue
            if _key(listed.id) in taken:
                raise ValueError(
                    f'{taken[_key(listed.id)].path} and {image.path} would both be {listed} of '
                    f'{self.path}: give its `file_name`s their folders, or run the images apart'
                )
            taken[_key(listed.id)] = image
            if len(listed.parts) > 1 and listed.parts[-2] != image.path.absolute().parent.name:
                elsewhere.append(f'{image.path} is taken for {listed}')
        if not taken:
            raise ValueError(f'{self.path} has boxes for none of the images: are they its images?')
        self._log(unknown, 'not in it, and nobody is looked for there')
        self._log(elsewhere, 'found in it by the file name alone, the folder is another')

    def image_id(self, name: str, path: Path | None = None) -> int | str | None:
        """What the file calls an image; None if it does not know it.

        Args:
            name: Its name, or its path from the folder that was given.
            path: Where it is.

        Raises:
            ValueError: If it could be two images.
        """
        listed = self._find(name, path)
        return None if listed is None else listed.id

    def __call__(self, frame: Frame) -> Boxes:
        listed = self._find(frame.name, frame.path)
        boxes = self._people.get(_key(listed.id), []) if listed else []
        sides = np.array(boxes, np.float32).reshape(-1, 5)
        corners = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:4]], axis=1)
        width, height = frame.size
        self._look_at_sizes(frame, listed, corners)
        if self.annotated:  # as MMPose reads annotations, but not detections
            corners = corners.clip(0, np.array([width - 1, height - 1] * 2, np.float32))
            gone = int((corners[:, 2:] <= corners[:, :2]).any(axis=1).sum())
            if gone:
                logger.warning(
                    '%s: %d of %d boxes of %s are empty or outside of the image, and left out',
                    self.path, gone, len(corners), frame.name,
                )  # fmt: skip
        return Boxes(corners, sides[:, 4])

    def _read_images(self, content: dict[str, Any]) -> None:
        images = _field(content, 'images', list, 'the file')
        _check_unique(images, 'image')
        for place, image in _objects(images, 'image'):
            if 'id' not in image:
                raise ValueError(f'{place} has no `id`')
            width, height = image.get('width'), image.get('height')
            size = (width, height) if is_number(width) and is_number(height) else None
            parts = _parts(_field(image, 'file_name', str, place))
            self._images[parts[-1]].append(ListedImage(image['id'], parts, size))

    def _read_image_ids(self, entries: object) -> None:
        """Images of results: by name where they have one, else by number."""
        if not isinstance(entries, list):
            raise ValueError(f'expected COCO annotations or results, found {shown(entries)}')
        names: dict[Key, ListedImage] = {}
        for place, entry in _objects(entries, 'entry'):
            key = _image_key(entry, place)
            if 'file_name' not in entry:
                self._numbered[key] = entry['image_id']
                continue
            image = ListedImage(entry['image_id'], _parts(_field(entry, 'file_name', str, place)))
            if names.setdefault(key, image).parts != image.parts:
                raise ValueError(f'image_id {key} is both {names[key]} and {image}')
            if names[key] is image:
                self._images[image.parts[-1]].append(image)
        for key in names:
            self._numbered.pop(key, None)

    def _sort(self, entries: list[Any], categories: set[Key]) -> dict[Key, list[list[float]]]:
        """Left, top, width, height and score of the people in each image; the rest is logged."""
        named = (image for images in self._images.values() for image in images)
        known = {*self._numbered, *(_key(image.id) for image in named)}
        wanted = _choose_categories(entries, categories, self.path)
        people: defaultdict[Key, list[list[float]]] = defaultdict(list)
        left_out: Counter[str] = Counter()
        bad: list[str] = []
        for place, entry in _objects(entries, 'annotation' if self.annotated else 'entry'):
            key, category = _image_key(entry, place), entry.get('category_id')
            box = _box(entry)
            if key not in known:
                left_out['of images that it does not list'] += 1
            elif category is not None and _key(category) not in wanted:
                left_out[f'of other categories than {", ".join(map(str, wanted))}'] += 1
            elif entry.get('iscrowd') not in (None, 0, False, '0'):
                left_out['crowds'] += 1
            elif box is not None and min(box[2:4]) <= 0:
                left_out['without width or height'] += 1
            else:
                bad += [place] if box is None else []
                people[key].append(box or [float('nan')] * 5)
        if len(bad) == sum(map(len, people.values())):
            reasons = [f'{count} {reason}' for reason, count in left_out.items()]
            reasons += [f'{len(bad)} without usable numbers for `bbox` and score'] * bool(bad)
            raise ValueError(f'nobody is in it: {"; ".join(reasons) or "its list is empty"}')
        sides = [side for boxes in people.values() for box in boxes for side in box[2:4]]
        if not any(side > 1 for side in sides):
            raise ValueError('no box is larger than a pixel: boxes are in pixels, not in shares')
        for reason, count in left_out.items():
            logger.warning(
                '%s: %d of %d boxes left out: %s', self.path, count, len(entries), reason
            )
        self._log(bad, 'without usable numbers for `bbox` and score')
        return dict(people)

    def _find(self, name: str, path: Path | None) -> ListedImage | None:
        own = _parts(name) or ('',)
        whole = _parts(str(path.absolute())) if path else own
        listed = self._images.get(own[-1], ())
        fitting = [image for image in listed if whole[-len(image.parts) :] == image.parts]
        longest = max((len(image.parts) for image in fitting), default=0)
        fitting = [image for image in fitting if len(image.parts) == longest]
        fitting = fitting or [image for image in listed if image.parts[-len(own) :] == own]
        if len(fitting) > 1:
            raise ValueError(f'{path or name} could be {fitting[0]} or {fitting[1]} of {self.path}')
        if fitting:
            return fitting[0]
        stem = Path(name).stem
        if stem.isdecimal() and int(stem) in self._numbered:
            return ListedImage(self._numbered[int(stem)], (name,))
        return None

    def _look_at_sizes(self, frame: Frame, listed: ListedImage | None, corners: np.ndarray) -> None:
        """Log, once, that the boxes seem to be of another size of the image, or of another format."""
        size = frame.size
        if listed and listed.size and listed.size != size and not self._sizes_differ:
            self._sizes_differ = True
            logger.warning(
                '%s says that %s has %sx%s pixels, it has %dx%d: was it resized or turned after its '
                'boxes were drawn?', self.path, frame.name, *listed.size, *size,
            )  # fmt: skip
        before = self._is_often_beyond()
        self._looked_at += len(corners)
        self._beyond += int((corners[:, 2:] > (1 + BEYOND) * np.array(size)).any(axis=1).sum())
        if self._is_often_beyond() and not before:
            logger.warning(
                '%s: %d of the first %d boxes reach far beyond their image: they must be [left, top, '
                'width, height]; or were the images resized?', self.path, self._beyond, self._looked_at,
            )  # fmt: skip

    def _is_often_beyond(self) -> bool:
        return self._beyond >= 2 and 3 * self._beyond > self._looked_at

    def _log(self, what: list[str], remark: str) -> None:
        """Name what a remark is true of: the first, and how many more."""
        if what:
            more = f' and {len(what) - 1} more' if len(what) > 1 else ''
            logger.warning('%s: %s%s: %s', self.path, what[0], more, remark)


def _read_json(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'it is no JSON that can be read ({error})') from error


def _objects(entries: list[Any], name: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Objects of a list, and what to call each in a message.

    Raises:
        ValueError: If one is something else.
    """
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ValueError(f'{name} {index} is no object but {shown(entry)}')
        yield (f'{name} with id {entry["id"]}' if 'id' in entry else f'{name} {index}'), entry


def _field(entry: dict[str, Any], field: str, kind: type, place: str) -> Any:
    value = entry.get(field)
    if not isinstance(value, kind) or (isinstance(value, str) and not _parts(value)):
        found = shown(value) if field in entry else 'nothing'
        raise ValueError(f'{place} should have `{field}`, a {kind.__name__}, and has {found}')
    return value


def _check_unique(entries: list[Any], name: str) -> None:
    """Refuse an id that two have, as merged files may: one would be taken for the other."""
    ids = [_key(entry['id']) for _, entry in _objects(entries, name) if 'id' in entry]
    if len(set(ids)) < len(ids):
        repeated = Counter(ids).most_common(1)[0][0]
        raise ValueError(f'two or more {name}s have the id {repeated}: number them anew')


def _image_key(entry: dict[str, Any], place: str) -> Key:
    if entry.get('image_id') is None:
        raise ValueError(f'{place} has no `image_id`')
    return _key(entry['image_id'])


def _key(value: object) -> Key:
    """An id or category as it is compared.

    Raises:
        ValueError: If it is neither whole number nor text.
    """
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 20 else value
    if not is_number(value) or value != int(value):
        raise ValueError(f'{shown(value)} is no id or category: it must be a whole number or text')
    return int(value)


def _categories_of_people(content: Any) -> set[Key]:
    """Those that the file calls person."""
    categories = content.get('categories') if isinstance(content, dict) else None
    return {
        _key(entry['id'])
        for entry in (categories if isinstance(categories, list) else ())
        if isinstance(entry, dict) and 'id' in entry
        and str(entry.get('name')).strip().lower() == 'person'
    }  # fmt: skip


def _choose_categories(entries: list[Any], named: set[Key], path: object) -> list[Key]:
    """The categories that are people: those named so, else the only one, else 1."""
    there = {_key(e['category_id']) for e in entries if e.get('category_id') is not None}
    if named or len(there) != 1 or there == {PERSON_CATEGORY}:
        return sorted(named, key=str) or [PERSON_CATEGORY]
    logger.warning('%s: its only category, %s, is taken for people', path, *there)
    return list(there)


def _box(entry: dict[str, Any]) -> list[float] | None:
    """Left, top, width, height and score; None if they are no numbers, or none that can be."""
    box, score = entry.get('bbox'), entry.get('score', 1.0)
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, [*box, score])):
        return None
    return [*box, score] if max(map(abs, box)) <= FAR / 2 else None


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.replace('\\', '/').split('/') if part not in ('', '.', '..'))
