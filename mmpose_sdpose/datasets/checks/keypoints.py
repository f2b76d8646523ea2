"""How many keypoints people of a data set have, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import mmpose
from mmengine.config import Config
from mmpose.registry import DATASETS

from .findings import Finding, some
from .parts import inner_datasets, type_name


def keypoints_given(dataset: dict[str, Any]) -> set[int]:
    """How many keypoints people have after the pipelines of a data set, where that is known."""
    steps = dataset.get('pipeline') or []
    converters = [step for step in steps if type_name(step) == 'KeypointConverter']
    if converters:
        return {converters[-1]['num_keypoints']}
    parts = inner_datasets(dataset)
    if parts:
        return set().union(*map(keypoints_given, parts))
    count = count_keypoints(dataset)
    return set() if count is None else {count}


def count_keypoints(dataset: dict[str, Any]) -> int | None:
    """Of a person, by what the config says; None if it does not."""
    return len(keypoint_names(dataset)) or None


def keypoint_names(dataset: dict[str, Any]) -> list[str]:
    """Names of a person's keypoints in their order, by what the config says; none if it does not."""
    try:
        points = (_metainfo(dataset) or {}).get('keypoint_info', {})
    except FileNotFoundError:
        return []
    return [points[index]['name'] for index in sorted(points, key=int)]


def _metainfo(dataset: dict[str, Any]) -> dict[str, Any] | None:
    """What a data set config says of keypoints, before MMPose has parsed it; None if nothing."""
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    metainfo = dataset.get('metainfo') or getattr(kind, 'METAINFO', None)
    if not metainfo or 'from_file' not in metainfo:
        return metainfo or None
    path = Path(metainfo['from_file'])
    if not path.is_file():  # as MMPose looks for its own
        path = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets' / path.name
    if not path.is_file():
        raise FileNotFoundError(metainfo['from_file'])
    return _read(path.resolve(), path.stat().st_mtime_ns)


@lru_cache
def _read(path: Path, changed: int) -> dict[str, Any]:
    """A file of metainfo, which many data sets name and several checks ask for.

    Args:
        changed: When; a file that was written again is read again.
    """
    return Config.fromfile(path).dataset_info


def check_metainfo(
    dataset: dict[str, Any], place: str, with_sigmas: bool = False
) -> Iterator[Finding]:
    """Whether what is said of keypoints is whole, and the same from both sides.

    Args:
        with_sigmas: A metric needs them; data sets for other metrics may have none.
    """
    try:
        metainfo = _metainfo(dataset)
    except FileNotFoundError as error:
        yield Finding(f'metainfo of {place}: no file {error}')
        return
    if metainfo is None:
        return
    lacking = [
        name
        for name in ('dataset_name', 'keypoint_info', 'skeleton_info', 'joint_weights', 'sigmas')
        if name not in metainfo
    ]
    if lacking:
        yield Finding(f'metainfo of {place} has no {some(lacking, 5)}, which MMPose needs')
        return
    points = metainfo['keypoint_info']
    for name in ('sigmas', 'joint_weights'):
        if len(metainfo[name]) != len(points) and (
            metainfo[name] or name != 'sigmas' or with_sigmas
        ):
            yield Finding(
                f'metainfo of {place} has {len(metainfo[name])} {name} for {len(points)} keypoints: '
                'one is needed for each'
            )
    yield from _check_names(metainfo, place)


def _check_names(metainfo: dict[str, Any], place: str) -> Iterator[Finding]:
    points = metainfo['keypoint_info'].values()
    swaps = {point['name']: point.get('swap') or point['name'] for point in points}
    for name, other in swaps.items():
        if other not in swaps:
            yield Finding(
                f'metainfo of {place} swaps {name} with {other}, which is no keypoint of it'
            )
        elif swaps[other] != name:
            yield Finding(
                f'metainfo of {place} swaps {name} with {other}, but {other} with {swaps[other]}: '
                'mirrored people would have their keypoints mixed up, so say it for both'
            )
    links = [name for link in metainfo['skeleton_info'].values() for name in link['link']]
    unknown = sorted(set(links) - set(swaps))
    if unknown:
        yield Finding(f'skeleton_info of {place} links {some(unknown)}, no keypoints of it')
