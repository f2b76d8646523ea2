"""Whether student, teacher and losses fit together, tried once on random images before any training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .comparisons import Comparison
from .registries import Lacking, find_quantity
from .sides import Request, Side, Unreadable
from .trial import IMAGES, Trial, sizes_of

#: What a model raises whose parts do not fit together, or its input.
_NOT_RUN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
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
    except Unreadable:
        raise
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
    """Have each loss adapt to what it compares, compare it once, and see who learns from it.

    Raises:
        ValueError: Names what does not fit, both sides and the way out.
    """
    of_losses = {id(weight) for loss in losses.values() for weight in loss.parameters()}
    trained = {id(weight) for weight in student.model.parameters() if weight.requires_grad}
    for name, loss in losses.items():
        comparison = comparisons[name]
        _check_given(name, comparison, student, teacher)
        _check_weights(name, comparison, student, teacher)
        Trial(name, loss, comparison, (student, teacher), joints).run(trained - of_losses)


def _check_given(name: str, comparison: Comparison, student: Side, teacher: Side) -> None:
    sides = ((student, comparison.student), (teacher, comparison.teacher))
    for side, requests in sides:
        for request in requests:
            _read(name, request, side, student, teacher)


def _check_weights(name: str, comparison: Comparison, student: Side, teacher: Side) -> None:
    if comparison.weights == 'teacher':
        _read(f"{name}: weights='teacher'", Request('scores'), teacher, student, teacher)


def _read(name: str, request: Request, side: Side, student: Side, teacher: Side) -> None:
    try:
        side.read(request)
    except Lacking:
        raise ValueError(_lacking(name, request, side, student, teacher)) from None
    except ValueError as error:
        raise ValueError(f'losses.{name}: {error}') from error
    except Exception as error:  # a quantity may be a user's own
        _check_shapes(side)  # of what it is computed from
        raise ValueError(
            f"losses.{name}: the {side.role}'s {request.name} cannot be read "
            f'({type(error).__name__}: {error}): mend the function of the quantity, or the '
            f'adapter of {type(side.head).__name__}'
        ) from error
    _check_shapes(side)


def _lacking(name: str, request: Request, side: Side, student: Side, teacher: Side) -> str:
    gives = '; '.join(
        f'the {one.role}, a {type(one.head).__name__}, gives: {", ".join(one.names())}'
        for one in (student, teacher)
    )
    return f'losses.{name} needs {request.name} of the {side.role}, which it does not give. {gives}'


def _check_shapes(side: Side) -> None:
    """Whether quantities that were read are what their registered shapes say."""
    sizes = dict(B=IMAGES, K=side.keypoints)
    for request, value in side.values.items():
        shapes = find_quantity(request.name).shape
        values = value if len(shapes) > 1 and isinstance(value, (tuple, list)) else (value,)
        if not shapes or (
            len(values) == len(shapes) and all(map(_is_of, values, shapes, [sizes] * len(values)))
        ):
            continue
        raise ValueError(
            f"the {side.role}'s {request.name} is [{', '.join(map(sizes_of, values))}], but should be "
            f'{" and ".join(shapes)} with B={IMAGES} images and K={sizes["K"]} keypoints: mend the '
            f'adapter of {type(side.head).__name__}, or the function of the quantity'
        )


def _is_of(value: Any, shape: str, sizes: dict[str, int]) -> bool:
    letters = shape.split()
    if not isinstance(value, Tensor) or value.ndim != len(letters):
        return False
    return all(
        size == (int(letter) if letter.isdigit() else sizes.get(letter, size))
        for size, letter in zip(value.shape, letters)
    )
