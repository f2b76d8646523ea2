"""Files of detected boxes, as top-down tests take them instead of annotated ones."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from .annotations import Annotations, WrongFile, load_json
from .findings import Finding, is_box, short

_REMEDIES = {
    'object': 'is {value}, no object with image_id, category_id, bbox and score',
    'image_id': 'has {value} as image_id, which {annotations} does not list: take it out, or use the '
    'annotation file of the images on which people were detected',
    'category_id': 'has {value} as category_id: MMPose tests boxes of category 1 alone, so write 1',
    'bbox': 'has {value} as bbox: wanted are four finite numbers x, y, width, height',
    'score': 'has {value} as score: wanted is the confidence of the box, a finite number (1 if there is '
    'none)',
}


@dataclass
class Detections:
    """What a file of boxes says.

    Args:
        images: Ids of the images that MMPose would open.
        best_score: The highest of their boxes.
        findings: What is wrong with it.
    """

    images: set[Any] = field(default_factory=set)
    best_score: float = -math.inf
    findings: list[Finding] = field(default_factory=list)


def read_detections(path: str | Path, annotations: Annotations) -> Detections:
    """Look through a file of boxes, every entry.

    Raises:
        OSError: If the file cannot be read.
        WrongFile: If it is no JSON, or of another kind.
    """
    entries, found, wrong = _read(path), Detections(), defaultdict(list)
    others = 0
    for number, entry in enumerate(entries):
        trouble = _trouble_with(entry, annotations)
        if trouble:
            wrong[trouble].append((number, entry.get(trouble) if trouble != 'object' else entry))
        elif entry['category_id'] != 1:
            others += 1
        else:
            found.images.add(entry['image_id'])
            found.best_score = max(found.best_score, entry['score'])
    for name, places in wrong.items():
        number, value = places[0]
        text = _REMEDIES[name].format(value=short(value), annotations=annotations.path)
        more = f'; so it is with {len(places) - 1} more' if len(places) > 1 else ''
        found.findings.append(Finding(f'{path}: entry {number} (from 0) {text}{more}'))
    if not wrong and not found.images:
        why = f'its {others} boxes are all of another category than 1' if others else 'it is empty'
        found.findings.append(
            Finding(
                f'{path} has nobody to test, {why}: detect people first, or test with annotated boxes, '
                'bbox_file=None'
            )
        )
    elif others:
        left_out = f'{others} of {len(entries)} boxes are of another category than 1: not tested'
        found.findings.append(Finding(f'{path}: {left_out}', fatal=False))
    return found


def _read(path: str | Path) -> list[Any]:
    state = os.stat(path)
    return _load(str(path), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _load(path: str, mtime: int, size: int) -> list[Any]:
    entries = load_json(path)
    if not isinstance(entries, list):
        kind = (
            'a COCO annotation file'
            if isinstance(entries, dict) and 'images' in entries
            else (f'a JSON {type(entries).__name__}')
        )
        raise WrongFile(
            f'{path} is {kind}, no box file, which is a list of image_id, category_id, bbox and score: '
            'to test with annotated boxes, say bbox_file=None'
        )
    return entries


def _trouble_with(entry: Any, annotations: Annotations) -> str:
    """The field of an entry that MMPose could not use, '' if it can use all."""
    if not isinstance(entry, dict):
        return 'object'
    if 'category_id' not in entry or isinstance(entry['category_id'], str):
        return 'category_id'
    if entry['category_id'] != 1:
        return ''
    image_id, box, score = (entry.get(name) for name in ('image_id', 'bbox', 'score'))
    if not isinstance(image_id, (int, float)) or image_id not in annotations.pictures:
        return 'image_id'
    if not isinstance(box, list) or not is_box(box[:4]):
        return 'bbox'
    return '' if is_box([score] * 4) else 'score'
