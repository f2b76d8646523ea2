"""One loss of a distillation tried on random images, before any training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .comparisons import Comparison
from .registries import find_quantity
from .sides import Request, Side

#: Random images that go through both models.
IMAGES = 3


class Trial:
    """One loss and what it compares once: the student's and the teacher's quantities of random images.

    Args:
        joints: Indices of the joints that both have, student's and teacher's; None where all are.
    """

    def __init__(
        self,
        name: str,
        loss: nn.Module,
        comparison: Comparison,
        sides: tuple[Side, Side],
        joints: tuple[Tensor, Tensor] | None,
    ) -> None:
        self.name = f'losses.{name}'
        self.loss = loss
        self.kind = type(loss).__name__
        self.comparison = comparison
        self.sides = sides
        self.joints = joints

    def run(self, trained: set[int]) -> None:
        """Have the loss adapt to what it compares, compare it, and see whether the student learns.

        Args:
            trained: The student's weights that are, by their id.

        Raises:
            ValueError: If it does not fit, or the student does not learn from it.
        """
        self._check()
        self._adapt()
        self._judge(self._compare(), trained)

    def _check(self) -> None:
        """What the quantities themselves know of what can be compared."""
        names = list(dict.fromkeys(request.name for request in self._requests))
        try:
            for name in names:
                check = find_quantity(name).check
                if check is not None and len(self._requests) == 2:
                    check(self.loss, *self.sides)
            self._values()
        except ValueError as error:
            raise ValueError(f'{self.name}: {error}') from error
        except Exception as error:
            raise ValueError(
                f'{self.name}: the joints that both have cannot be taken out of {" and ".join(names)} '
                f'({type(error).__name__}: {error}): register it with select=None if it has no joints, '
                'or with a function of (value, joints)'
            ) from error

    def _adapt(self) -> None:
        adapt = getattr(self.loss, 'fit', None)
        if adapt is None:
            return
        try:
            with torch.no_grad():
                adapt(*self._values())
        except ValueError as error:
            raise ValueError(f'{self.name}: {error}') from error
        except Exception as error:
            raise self._misfit(error) from error

    def _compare(self) -> Any:
        number = self.sides[0].keypoints if self.joints is None else len(self.joints[0])
        try:
            values = self._values()
            versions = _versions(values)
            value = self.loss(*values, *[torch.ones(IMAGES, number)] * self.comparison.weighted)
        except Exception as error:
            raise self._misfit(error) from error
        if versions != _versions(values):
            raise ValueError(
                f'{self.name}: {self.kind} changes what it compares in place, and other losses compare '
                'it too: have it compute new tensors'
            )
        return value

    def _judge(self, value: Any, trained: set[int]) -> None:
        if not isinstance(value, Tensor) or value.ndim or not value.is_floating_point():
            raise ValueError(
                f'{self.name}: {self.kind} gives no single number, but {sizes_of(value)}: have it '
                'average what it gives, as a tensor of floats without dimensions'
            )
        if not value.isfinite():
            raise ValueError(
                f'{self.name}: {self.kind} gives {value.item()} for random images: {self._not_finite()}'
            )
        if not _reaches(value, trained) and not torch.is_inference_mode_enabled():
            raise ValueError(
                f'{self.name}: nothing of the student is trained by it: {self._no_gradient()}'
            )

    @property
    def _requests(self) -> tuple[Request, ...]:
        return *self.comparison.student, *self.comparison.teacher

    def _values(self) -> list:
        return self.comparison.values(*self.sides, self.joints)

    def _named(self) -> list[tuple[str, Any]]:
        owners = [f"the student's {request.name}" for request in self.comparison.student]
        owners += [f"the teacher's {request.name}" for request in self.comparison.teacher]
        return list(zip(owners, self._values()))

    def _misfit(self, error: Exception) -> ValueError:
        named = [(owner, sizes_of(value)) for owner, value in self._named()]
        values = ' and '.join(f'{owner} {sizes}' for owner, sizes in named)
        differ = len({sizes for _, sizes in named}) > 1
        found = {find_quantity(request.name).remedy for request in self._requests if differ}
        remedies = sorted(found - {''})
        return ValueError(
            f'{self.name}: {self.kind} cannot compare {values}'
            f'{"".join(f": {remedy}" for remedy in remedies)} '
            f'({"weights are (B, K); " * self.comparison.weighted}{type(error).__name__}: {error})'
        )

    def _not_finite(self) -> str:
        for owner, value in self._named():
            if not all(tensor.isfinite().all() for tensor in _tensors(value)):
                return f'{owner} is not finite, mend the adapter of its head or the quantity'
        return (
            'what it compares is finite: choose another loss or option, as where probabilities are '
            'wanted and logits compared, or mend the loss'
        )

    def _no_gradient(self) -> str:
        compared = [request.name for request in self.comparison.student]
        values = self._values()[: len(compared)]
        if any(tensor.requires_grad for tensor in _tensors(values)):
            return (
                f'{self.kind} passes no gradient to what it gets of the student (first, before the '
                "teacher's), as after detach() or argmax: mend the loss"
            )
        return (
            f'{" and ".join(compared)} of the student has no gradient, from weights that are frozen, or '
            'recomputed (with_cp), or after detach() or argmax: compare what is trained, or leave the '
            'loss out'
        )


def _tensors(value: Any) -> list[Tensor]:
    """Those in a quantity, or in several."""
    if isinstance(value, Tensor):
        return [value]
    parts: Iterable = ()
    if isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, (tuple, list)):
        parts = value
    elif is_dataclass(value):
        parts = vars(value).values()
    return [tensor for part in parts for tensor in _tensors(part)]


def _versions(values: list) -> list[int]:
    """Which grow where a tensor is changed in place; those of inference mode have none."""
    return [tensor._version for tensor in _tensors(values) if not tensor.is_inference()]


def _reaches(value: Tensor, weights: set[int]) -> bool:
    """Whether one of these weights, by their id, would get a gradient from a value."""
    pending, seen = [value.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if id(getattr(node, 'variable', None)) in weights:
            return True
        pending += [following for following, _ in node.next_functions]
    return False


def sizes_of(value: Any) -> str:
    """Of a quantity, for a message."""
    if isinstance(value, Tensor):
        kind = '' if value.is_floating_point() else f' {value.dtype}'.replace('torch.', '')
        return f'{tuple(value.shape)}{kind}'
    if isinstance(value, (tuple, list)):
        return ' and '.join(map(sizes_of, value))
    return 'None' if value is None else type(value).__name__
