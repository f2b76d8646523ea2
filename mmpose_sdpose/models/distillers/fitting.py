"""Whether student, teacher and losses fit together, tried once on random images before any training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .comparisons import Comparison
from .registries import Lacking, find_quantity
from .sides import Request, Side

#: Random images that go through both models.
IMAGES = 3
#: What a model raises whose parts do not fit together, or its input.
_NOT_RUN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
)


@contextmanager
def undisturbed(*models: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; modes and random state are as before afterwards."""
    training = {module: module.training for model in models for module in model.modules()}
    try:
        for model in models:
            model.eval()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            yield
    finally:
        for module, mode in training.items():
            module.training = mode


def random_images(size: tuple[int, int]) -> Tensor:
    """As normalised ones are: (3, 3, H, W), of width and height ``size``."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(IMAGES, 3, *size[::-1], generator=generator)


def try_out(role: str, size: tuple[int, int], run: Callable[[], Side]) -> Side:
    """A model's first run.

    Raises:
        ValueError: If it cannot run.
    """
    try:
        return run()
    except _NOT_RUN as error:
        raise ValueError(
            f'the {role} does not run on images as its decoder says, where the student takes '
            f'{size[0]}x{size[1]} (W x H): {type(error).__name__}: {error}'
        ) from error


def fit(
    losses: Mapping[str, nn.Module],
    comparisons: Mapping[str, Comparison],
    student: Side,
    teacher: Side,
    joints: tuple[Tensor, Tensor] | None,
) -> None:
    """Have each loss adapt to what it compares, and compare it once.

    Raises:
        ValueError: Names what does not fit, both sides and the way out.
    """
    for name, loss in losses.items():
        comparison = comparisons[name]
        _check_given(name, comparison, student, teacher)
        _check_weights(name, comparison, student, teacher)
        _try(name, loss, comparison, student, teacher, joints)


def _check_given(name: str, comparison: Comparison, student: Side, teacher: Side) -> None:
    sides = ((student, comparison.student), (teacher, comparison.teacher))
    for side, requests in sides:
        for request in requests:
            try:
                value = side.read(request)
            except Lacking:
                raise ValueError(_lacking(name, request, side, student, teacher)) from None
            except ValueError as error:
                raise ValueError(f'losses.{name}: {error}') from error
            except Exception as error:  # a quantity may be a user's own
                raise ValueError(
                    f"losses.{name}: the {side.role}'s {request.name} cannot be read "
                    f'({type(error).__name__}: {error}): mend the function of the quantity, or the '
                    f'adapter of {type(side.head).__name__}'
                ) from error
            _check_shape(side, request, value)


def _check_weights(name: str, comparison: Comparison, student: Side, teacher: Side) -> None:
    if comparison.weights != 'teacher':
        return
    request = Request('scores')
    try:
        teacher.read(request)
    except Lacking:
        lacking = _lacking(f"{name}: weights='teacher'", request, teacher, student, teacher)
        raise ValueError(lacking) from None


def _lacking(name: str, request: Request, side: Side, student: Side, teacher: Side) -> str:
    gives = '; '.join(
        f'the {one.role}, a {type(one.head).__name__}, gives: {", ".join(one.names())}'
        for one in (student, teacher)
    )
    return f'losses.{name} needs {request.name} of the {side.role}, which it does not give. {gives}'


def _check_shape(side: Side, request: Request, value: Any) -> None:
    """Whether a quantity is what its registered shape says."""
    shapes = find_quantity(request.name).shape
    values = value if isinstance(value, (tuple, list)) else (value,)
    if not shapes:
        return
    sizes = dict(B=IMAGES, K=side.keypoints)
    found = [tuple(v.shape) if isinstance(v, Tensor) else None for v in values]
    if len(found) != len(shapes) or not all(map(_is_of, found, shapes, [sizes] * len(found))):
        raise ValueError(
            f"the {side.role}'s {request.name} is {found}, but should be {' and '.join(shapes)} with "
            f'B={IMAGES} images and K={sizes["K"]} keypoints: mend the adapter of '
            f'{type(side.head).__name__}, or the function of the quantity'
        )


def _is_of(found: tuple[int, ...] | None, shape: str, sizes: dict[str, int]) -> bool:
    letters = shape.split()
    if found is None or len(found) != len(letters):
        return False
    return all(
        size == (int(letter) if letter.isdigit() else sizes.get(letter, size))
        for size, letter in zip(found, letters)
    )


def _try(
    name: str,
    loss: nn.Module,
    comparison: Comparison,
    student: Side,
    teacher: Side,
    joints: tuple[Tensor, Tensor] | None,
) -> None:
    requests = (*comparison.student, *comparison.teacher)
    kind = type(loss).__name__
    try:
        for request in requests:
            check = find_quantity(request.name).check
            if check is not None and len(requests) == 2:
                check(loss, student, teacher)
        values = comparison.values(student, teacher, joints)
        adapt = getattr(loss, 'fit', None)
        if adapt is not None:
            adapt(*values)
        number = student.keypoints if joints is None else len(joints[0])
        weights = [torch.ones(IMAGES, number)] * comparison.weighted
        value = loss(*values, *weights)
    except ValueError as error:
        raise ValueError(f'losses.{name}: {error}') from error
    except Exception as error:  # and so may a loss
        remedies = {find_quantity(request.name).remedy for request in requests} - {''}
        raise ValueError(
            f'losses.{name}: {kind} cannot compare {_describe(comparison, student, teacher, joints)}'
            f'{"".join(f": {remedy}" for remedy in sorted(remedies))} ({type(error).__name__}: {error})'
        ) from error
    if not isinstance(value, Tensor) or value.ndim:
        raise ValueError(
            f'losses.{name}: {kind} gives no single number, but {_sizes(value)}: have it average what '
            'it gives, as a tensor without dimensions'
        )


def _describe(
    comparison: Comparison, student: Side, teacher: Side, joints: tuple[Tensor, Tensor] | None
) -> str:
    values = comparison.values(student, teacher, joints)
    owners = [('student', request) for request in comparison.student]
    owners += [('teacher', request) for request in comparison.teacher]
    return ' and '.join(
        f"the {role}'s {request.name} {_sizes(value)}"
        for (role, request), value in zip(owners, values)
    )


def _sizes(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    if isinstance(value, (tuple, list)):
        return ' and '.join(map(_sizes, value))
    return type(value).__name__
