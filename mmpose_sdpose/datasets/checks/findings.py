"""What a look at the data of a run has found, and what counts as a number there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """A sentence for the user.

    Args:
        text: Names the file, the entry, the field and the value, and the remedy.
        fatal: The run would fail, or learn or measure something else than was meant.
    """

    text: str
    fatal: bool = True

    def __str__(self) -> str:
        return f'{"error" if self.fatal else "warning"}: {self.text}'


class DataError(ValueError):
    """What keeps a run from starting, all of it."""


def raise_errors(findings: Iterable[Finding]) -> None:
    """Turn the fatal ones of some findings into one exception.

    Raises:
        DataError: If there are any.
    """
    errors = [finding.text for finding in findings if finding.fatal]
    if errors:
        raise DataError('\n'.join([f'to mend before this can run ({len(errors)}):', *errors]))


def some(items: Sequence[Any], shown: int = 3) -> str:
    """The first few of many, and how many more there are."""
    more = len(items) - shown
    return ', '.join(map(str, items[:shown])) + (f' and {more} more' if more > 0 else '')


def others(count: int) -> str:
    """What follows a sentence about the first of several."""
    return f', as have {count} others' if count else ''


def short(value: Any, length: int = 60) -> str:
    """A value as it stands in a file, cut where it is long."""
    text = repr(value)
    return text if len(text) <= length else f'{text[: length - 1]}…'


def as_id(value: Any) -> str:
    """An id as it is compared: tools write it as a number or as text."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def first_wrong(values: Any) -> Any:
    """The first of some values that is no finite number; what is no list, as it is."""
    if not isinstance(values, list):
        return values
    return next(value for value in values if not only_finite([value]))


def is_box(value: Any) -> bool:
    """Whether a value is x, y, width, height."""
    return isinstance(value, list) and len(value) == 4 and only_finite(value)


def is_positive(value: Any) -> bool:
    """Whether a value is a finite number above 0."""
    return isinstance(value, (int, float)) and only_finite([value]) and value > 0


def is_whole(value: Any) -> bool:
    """Whether a value can be an id."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def only_finite(values: list[Any]) -> bool:
    """Whether all values are finite numbers."""
    try:
        return all(map(math.isfinite, values))
    except (TypeError, OverflowError):
        return False
