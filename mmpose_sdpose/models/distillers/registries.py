"""What can be taught, by name, and how it is read off a head, by the head's class; open to others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from torch import Tensor, nn

from ...arguments import near

#: What a quantity is of a batch: most often a tensor.
Value = Any


class Lacking(LookupError):
    """A model does not give a quantity."""


def select_joints(value: Value, joints: Tensor) -> Value:
    """(B, K, ...), or several such, of some joints."""
    if isinstance(value, Tensor):
        return value[:, joints]
    return tuple(part[:, joints] for part in value)


@dataclass(frozen=True)
class Quantity:
    """Something that a model says of a batch and another can be taught.

    Args:
        read: (side[, seen], options) -> its value, from what the side's head gives; raises
            :class:`Lacking` where it cannot be had.
        shape: Of each of its tensors, a letter or number a dimension, such as ``('B K 2',)``; empty for
            what is no tensor. B and K are the images and the head's keypoints.
        watch: Context manager of (model, options) around a run of the model; what it yields is ``seen``.
        select: The value of some joints, by their indices; None for what has no joints.
        check: Raises ValueError where (loss, student's side, teacher's side) cannot be compared,
            although sizes may be.
        offered: Whether a side gives it, where that cannot be tried because it needs options.
        remedy: What to do where two sizes differ.
    """

    name: str
    read: Callable[..., Value]
    shape: tuple[str, ...]
    watch: Callable[..., AbstractContextManager] | None
    select: Callable[[Value, Tensor], Value] | None
    check: Callable[[nn.Module, Any, Any], None] | None
    offered: Callable[[Any], bool] | None
    remedy: str

    @property
    def options(self) -> dict[str, Any]:
        """What may be chosen, and its default: an option without one must be."""
        given = list(signature(self.read).parameters.values())[1 if self.watch is None else 2 :]
        return {option.name: option.default for option in given}

    @property
    def needed_options(self) -> list[str]:
        return [name for name, default in self.options.items() if default is Parameter.empty]


@dataclass(frozen=True)
class Adapter:
    """How a kind of head is read.

    Args:
        read: (head, output) -> quantities by name, each its value or a function that computes it.
        method: The head's method that its ``loss`` calls once, and whose output is read.
        arguments: What a plain call of the method takes besides the features.
    """

    read: Callable[[nn.Module, Any], Mapping[str, Value | Callable[[], Value]]]
    method: str
    arguments: tuple


_QUANTITIES: dict[str, Quantity] = {}
_ADAPTERS: dict[type, Adapter | str] = {}


def register_quantity(
    name: str,
    shape: str | tuple[str, ...] = (),
    watch: Callable[..., AbstractContextManager] | None = None,
    select: Callable[[Value, Tensor], Value] | None = select_joints,
    check: Callable[[nn.Module, Any, Any], None] | None = None,
    offered: Callable[[Any], bool] | None = None,
    remedy: str = '',
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Name a function that reads a quantity off a side; arguments as of :class:`Quantity`.

    Raises:
        TypeError: If no name is given.
        ValueError: If the name is taken, or the shape does not say where joints are.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"the name of a quantity ({name!r}) comes first: @register_quantity('bones')"
        )

    def register(read: Callable[..., Value]) -> Callable[..., Value]:
        taken = _QUANTITIES.get(name)
        if taken is not None and _origin(taken.read) != _origin(read):
            raise ValueError(
                f'there is a quantity {name!r} already ({_origin(taken.read)[0]}): choose another name'
            )
        shapes = (shape,) if isinstance(shape, str) else tuple(shape)
        if select is select_joints and any(one.split()[1:2] != ['K'] for one in shapes):
            raise ValueError(
                f'the quantity {name!r} ({" and ".join(shapes)}) has not its joints, K, after B: say '
                'select=None if it has no joints, or how they are taken out of it'
            )
        _QUANTITIES[name] = Quantity(name, read, shapes, watch, select, check, offered, remedy)
        return read

    return register


def _origin(function: Callable) -> tuple[str, str]:
    """Where a function is written; a file that is loaded again may register again."""
    code = getattr(function, '__code__', None)
    return getattr(code, 'co_filename', repr(function)), getattr(function, '__qualname__', '')


def register_adapter(
    *heads: type, method: str = 'forward', arguments: tuple = ()
) -> Callable[[Callable], Callable]:
    """Name a function that reads heads of these classes; the most specific class of a head counts.

    Arguments as of :class:`Adapter`. A later one takes the place of an earlier one.

    Raises:
        TypeError: If no class is given.
    """
    if not heads or not all(isinstance(head, type) for head in heads):
        raise TypeError(
            f'register_adapter{heads!r}: which classes of heads it reads comes first: '
            '@register_adapter(MyHead)'
        )

    def register(read: Callable) -> Callable:
        _ADAPTERS.update(dict.fromkeys(heads, Adapter(read, method, arguments)))
        return read

    return register


def refuse_heads(reason: str, *heads: type) -> None:
    """Heads that neither learn nor teach, and why, though a class of theirs may have an adapter."""
    _ADAPTERS.update(dict.fromkeys(heads, reason))


def adapter_of(head: nn.Module) -> Adapter:
    """How a head is read.

    Raises:
        ValueError: If that is not known, with the way out.
    """
    for kind in type(head).__mro__:
        adapter = _ADAPTERS.get(kind)
        if isinstance(adapter, Adapter):
            return adapter
        if adapter is not None:
            raise ValueError(f'a {type(head).__name__} cannot be distilled: {adapter}')
    known = sorted(kind.__name__ for kind, value in _ADAPTERS.items() if isinstance(value, Adapter))
    raise ValueError(
        f'no adapter says what a {type(head).__name__} gives; known are {", ".join(known)}. Register '
        f'one with @register_adapter({type(head).__name__}) in a module that custom_imports names'
    )


def find_quantity(name: str) -> Quantity:
    """A quantity by its name.

    Raises:
        ValueError: If there is none; offers those of a similar name.
    """
    if name not in _QUANTITIES:
        raise ValueError(f'there is no quantity {name!r}{near(name, _QUANTITIES)}')
    return _QUANTITIES[name]


def all_quantities() -> Iterator[Quantity]:
    yield from _QUANTITIES.values()
