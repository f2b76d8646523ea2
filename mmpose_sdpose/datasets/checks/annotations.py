"""COCO annotation files: reading, and what is wrong with what they say of images and people."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from .findings import Finding, is_positive, is_whole, short, some
from .people import look_at_boxes, look_at_person


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
        raise WrongFile(f'{path} is no JSON: it is no text in UTF-8') from error
    if text.startswith('\ufeff'):
        raise WrongFile(
            f'{path} begins with a byte order mark, which MMPose does not read: save it as UTF-8 '
            'without one'
        )
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
            look_at_person(found, person)
        look_at_boxes(found, people)
    return found


def _objects(entries: list[Any]) -> Iterable[dict[str, Any]]:
    return (entry for entry in entries if isinstance(entry, dict))


def _look_at_categories(found: Annotations, categories: Any) -> None:
    entries = categories if isinstance(categories, list) else [None]
    found.categories = [entry.get('id') for entry in _objects(entries)]
    if len(found.categories) < len(entries) or not all(map(is_whole, found.categories)):
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
        if is_whole(image.get('id')):
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
    whole = [value for value in ids if is_whole(value)]
    if len(whole) < len(ids):
        first = next(value for value in ids if not is_whole(value))
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
