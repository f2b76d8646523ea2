"""JSON in which one value is of another kind than it should be, at every place in turn."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

WRONG = [
    None,
    True,
    -1,
    0.5,
    10**400,
    float('nan'),
    float('inf'),
    '',
    'text',
    [],
    [[]],
    {},
    [None] * 4,
]


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every place in a value, itself first; of longer lists the first three."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(3, len(value))):
            yield from places(value[index], (*path, index))


def put(value: Any, path: tuple, wrong: Any) -> Any:
    """A copy of a value with something else at a place."""
    if not path:
        return wrong
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    return value


def every_wrong_kind(value: Any) -> Iterator[tuple[str, Any]]:
    """Place and kind, and what came of it."""
    for path in places(value):
        for wrong in WRONG:
            name = '/'.join(map(str, path)) or 'all of it'
            yield f'{name} = {str(wrong)[:20]}', put(value, path, wrong)
