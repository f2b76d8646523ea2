"""What constructors accept, asked before anything is built; each error names the argument."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real


def check_counts(**counts: int) -> None:
    """Widths, depths and other counts: whole numbers of at least 1.

    Raises:
        TypeError: If one is no whole number; True and False are none.
        ValueError: If one is below 1.
    """
    check_whole(1, **counts)


def check_whole(least: int, /, **numbers: int) -> None:
    """Whole numbers of at least ``least``.

    Raises:
        TypeError: If one is no whole number; True and False are none.
        ValueError: If one is smaller.
    """
    for name, value in numbers.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f'{name} ({value!r}) must be a whole number')
        if value < least:
            raise ValueError(f'{name} ({value}) must be at least {least}')


def check_sizes(**sizes: tuple[int, int]) -> None:
    """Two counts each, such as width and height.

    Raises:
        TypeError: If one is no sequence of whole numbers.
        ValueError: If one has not two of them, or one below 1.
    """
    for name, value in sizes.items():
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise TypeError(f'{name} ({value!r}) must be two whole numbers')
        if len(value) != 2:
            raise ValueError(f'{name} ({value}) must be two whole numbers, not {len(value)}')
        for count in value:
            check_counts(**{name: count})


def check_positive(**values: float) -> None:
    """Finite numbers above 0.

    Raises:
        TypeError: If one is no number.
        ValueError: If one is not finite, or not above 0.
    """
    for name, value in values.items():
        _check_finite(name, value)
        if value <= 0:
            raise ValueError(f'{name} ({value}) must be above 0')


def check_weights(**weights: float) -> None:
    """Factors of losses: finite numbers of at least 0.

    Raises:
        TypeError: If one is no number.
        ValueError: If one is not finite, or below 0.
    """
    for name, value in weights.items():
        _check_finite(name, value)
        if value < 0:
            raise ValueError(f'{name} ({value}) must not be negative')


def check_probabilities(**values: float) -> None:
    """Numbers from 0 to 1.

    Raises:
        TypeError: If one is no number.
        ValueError: If one is below or above.
    """
    for name, value in values.items():
        _check_finite(name, value)
        if not 0 <= value <= 1:
            raise ValueError(f'{name} ({value}) must be a probability, 0 to 1')


def check_ranges(highest: float | None, /, **ranges: tuple[float, float]) -> None:
    """Two numbers each, above 0 and not falling.

    Args:
        highest: What none may be above; None: anything.
        ranges: Range of each argument.

    Raises:
        TypeError: If one is no sequence of numbers.
        ValueError: If one is no such range.
    """
    limit = '' if highest is None else f', {highest} at most'
    for name, value in ranges.items():
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise TypeError(f'{name} ({value!r}) must be two rising numbers above 0{limit}')
        for number in value:
            _check_finite(name, number)
        rises = len(value) == 2 and 0 < value[0] <= value[1]
        if not rises or (highest is not None and value[1] > highest):
            raise ValueError(f'{name} ({value}) must be two rising numbers above 0{limit}')


def check_flags(**flags: bool) -> None:
    """True or False.

    Raises:
        TypeError: If one is neither.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f'{name} ({value!r}) must be True or False')


def check_texts(**texts: str) -> None:
    """Texts.

    Raises:
        TypeError: If one is something else.
    """
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f'{name} ({value!r}) must be a text')


def check_dicts(**dicts: Mapping | None) -> None:
    """Dicts of arguments, or None.

    Raises:
        TypeError: If one is something else.
    """
    for name, value in dicts.items():
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f'{name} ({value!r}) must be a dict')


def check_configs(**configs: Mapping | None) -> None:
    """Configs of parts that a registry builds; None where there is to be none.

    Raises:
        TypeError: If one is something else.
        ValueError: If one does not say of what type the part is.
    """
    check_dicts(**configs)
    for name, value in configs.items():
        if value is not None and 'type' not in value:
            raise ValueError(f"{name} ({value}) must say its type: dict(type='…')")


def _check_finite(name: str, value: float) -> None:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f'{name} ({value!r}) must be a number')
    if not math.isfinite(value):
        raise ValueError(f'{name} ({value}) must be finite')


def near(name: str, names: Iterable[str]) -> str:
    """Where a name is unknown: which was meant, and what there is, to end a sentence with."""
    names = sorted(names)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f'; did you mean {" or ".join(close)}?'
    return f'; choose from {names[:20]}{" …" * (len(names) > 20)}'
