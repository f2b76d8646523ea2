"""Data sets that are mixed into one: the share of each, and keypoints that mean the same in all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .findings import Finding, is_positive, some
from .keypoints import keypoint_names
from .parts import inner_datasets, type_name

#: So often is everyone of a data set seen in an epoch: beyond, MMPose's list of places fills the memory.
_MOST = 10_000


def check_mixture(dataset: dict[str, Any], place: str) -> Iterator[Finding]:
    """Whether a ``CombinedDataset``, and those within it, can be built and give the people of one kind.

    Args:
        dataset: Config of any data set; one that mixes nothing is left alone.
        place: Where the config has it.
    """
    parts = inner_datasets(dataset)
    named = 'datasets' in dataset
    places = [f'{place}.datasets.{n}' if named else f'{place}.dataset' for n in range(len(parts))]
    for part, name in zip(parts, places):
        yield from check_mixture(part, name)
    if type_name(dataset) != 'CombinedDataset':
        return
    if 'metainfo' not in dataset:
        yield Finding(
            f'{place} has no metainfo, which a CombinedDataset needs: say whose keypoints its people '
            "have, as dict(from_file='configs/_base_/datasets/coco.py')"
        )
        return
    yield from _check_shares(dataset.get('sample_ratio_factor'), len(parts), place)
    for part, name in zip(parts, places):
        yield from _check_part(part, name, dataset, place)


def _check_shares(shares: Any, count: int, place: str) -> Iterator[Finding]:
    if shares is None:
        return
    what = f'{place}.sample_ratio_factor ({shares})'
    if not isinstance(shares, (list, tuple)) or len(shares) != count:
        yield Finding(f'{what} must have a number for each of the {count} data sets')
        return
    wrong = [share for share in shares if not is_positive(share) or share > _MOST]
    if wrong:
        yield Finding(
            f'{what}: {wrong[0]!r} must be a number above 0, {_MOST:,} at most; leave a data set out '
            'that nobody is to see'
        )


def _check_part(
    part: dict[str, Any], place: str, mixture: dict[str, Any], whole: str
) -> Iterator[Finding]:
    """Whether a part gives the mixture's keypoints, by number and by name."""
    expected, own = keypoint_names(mixture), keypoint_names(part)
    if not expected or not own:
        return  # data sets that say nothing of their keypoints, or say it elsewhere
    steps = [step for step in part.get('pipeline') or [] if type_name(step) == 'KeypointConverter']
    if not steps:
        if own != expected:
            yield Finding(
                f'{place} has people of {len(own)} keypoints, {some(own)}, where {whole} has '
                f'{len(expected)}, {some(expected)}: convert them with a KeypointConverter in the '
                "data set's own pipeline"
            )
        return
    step, where = steps[-1], f'KeypointConverter in {place}.pipeline'
    if len(steps) > 1:
        return  # what the second one takes has no names
    if step['num_keypoints'] != len(expected):
        yield Finding(
            f'{where} makes {step["num_keypoints"]} keypoints, {whole} has {len(expected)}'
        )
        return
    yield from _check_mapping(step['mapping'], own, expected, where)


def _check_mapping(
    mapping: list[Any], own: list[str], expected: list[str], where: str
) -> Iterator[Finding]:
    for source, target in mapping:
        sources = list(source) if isinstance(source, (list, tuple)) else [source]
        beyond = [index for index in sources if not 0 <= index < len(own)]
        if beyond or not 0 <= target < len(expected):
            yield Finding(
                f'{where} maps {source} to {target}, but there are keypoints 0 to {len(own) - 1} to '
                f'take and 0 to {len(expected) - 1} to make'
            )
            return
        names = [own[index] for index in sources]
        if len(names) == 1 and names[0] != expected[target] and names[0] in expected:
            yield Finding(
                f'{where} makes {expected[target]} ({target}) of {names[0]} ({source}), though there '
                f'is a {names[0]} ({expected.index(names[0])}) to make'
            )
            return
