"""What MMPose's COCO metric needs of the file that it compares with, and would miss after an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .annotations import Annotations
from .findings import Finding, others, short, some
from .people import describe_nobody, describe_people


def check_truth(
    truth: Annotations, metric: dict[str, Any], place: str, with_boxes: bool
) -> Iterator[Finding]:
    """What is missing, with the remedy.

    Args:
        truth: The file.
        metric: Config of the CocoMetric.
        place: Where the config has it.
        with_boxes: Whether people are found by a file of boxes, all of category 1.
    """
    if truth.people is None:
        yield Finding(
            f'{truth.path} has no list "annotations", so that there is nothing to compare with: '
            f'{place}.format_only=True with an outfile_prefix writes the predictions alone'
        )
        return
    yield from describe_people(truth)
    yield from describe_nobody(truth)
    yield from _check_categories(truth, with_boxes)
    if metric.get('use_area', True):
        yield from _check_area(truth, place)
    if metric.get('iou_type') == 'keypoints_crowd':
        yield from _check_crowd(truth, place)


def _check_categories(truth: Annotations, with_boxes: bool) -> Iterator[Finding]:
    if truth.categories is None:
        yield Finding(
            f'{truth.path} has no list "categories", which the metric needs: add '
            '"categories": [{"id": 1, "name": "person"}]'
        )
        return
    predicted = {1} if with_boxes else set(truth.category_ids)
    compared = predicted.intersection(truth.categories)
    left_out = {kind: n for kind, n in truth.category_ids.items() if kind not in compared}
    if not left_out:
        return
    text = (
        f'{truth.path}: {sum(left_out.values())} of {truth.people} people are of category '
        f'{some(sorted(left_out))} and count for nothing. The metric compares people of a category '
        f'that "categories" lists ({some(truth.categories)})'
        + ' and, where a bbox_file finds them, of category 1'
        * with_boxes
    )
    nobody = len(left_out) == len(truth.category_ids)
    yield Finding(f'{text}: write the same number in both' if nobody else text, fatal=nobody)


def _check_area(truth: Annotations, place: str) -> Iterator[Finding]:
    entries = truth.troubles.get('area', [])
    missing = [name for name, area in entries if area is None]
    wrong = [(name, area) for name, area in entries if area is not None]
    remedy = (
        f'write the area of the person, or width x height of its box, or say {place}.use_area=False, '
        'which takes 0.53 of the box'
    )
    if missing:
        yield Finding(
            f'{truth.path}: annotation {short(missing[0])} has no area{others(len(missing) - 1)}; the '
            f'metric divides by it: {remedy}'
        )
    if wrong:
        first, area = wrong[0]
        yield Finding(
            f'{truth.path}: annotation {short(first)} has {short(area)} as area'
            f'{others(len(wrong) - 1)}, and would never be found: {remedy}',
            fatal=len(wrong) >= len(truth.loaded),
        )


def _check_crowd(truth: Annotations, place: str) -> Iterator[Finding]:
    remedy = f"CrowdPose's files have it; for others, say {place}.iou_type='keypoints'"
    without = [name for name, picture in truth.pictures.items() if not picture.has_crowd_index]
    if without:
        more = others(len(without) - 1)
        yield Finding(f'{truth.path}: image {short(without[0])} has no crowdIndex{more}: {remedy}')
    uncounted = truth.troubles.get('num_keypoints', [])
    if uncounted:
        first, more = short(uncounted[0][0]), others(len(uncounted) - 1)
        yield Finding(f'{truth.path}: annotation {first} has no num_keypoints{more}: {remedy}')
