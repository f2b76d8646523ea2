"""Records what parts of a model give, while it runs once and never longer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmpose.models import TopdownPoseEstimator
from torch import Tensor, nn

from ...arguments import check_counts, near
from ..heads import TokenHead, innermost


@contextmanager
def shadowed(owner: object, name: str, call: Callable[..., Any]) -> Iterator[None]:
    """``call(original, *arguments)`` takes the place of a method of one object.

    On the object itself and for a while: a copy of the object that is made later calls its own.
    """
    before = vars(owner).get(name)
    original = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: call(original, *given, **named))
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@contextmanager
def recorded(owner: object, name: str) -> Iterator[list[Any]]:
    """The results of a method, one for each call; MMPose's heads call their own past all hooks."""
    results: list[Any] = []

    def call(original: Callable, *given: Any, **named: Any) -> Any:
        results.append(original(*given, **named))
        return results[-1]

    with shadowed(owner, name, call):
        yield results


@contextmanager
def module_output(model: nn.Module, module: str, **_: Any) -> Iterator[list[Any]]:
    """What a module of a model gives at its first call.

    Args:
        module: Dotted path, with an index into a list of modules or into the output, such as
            ``backbone.layer3``, ``backbone.layers[2]``, ``backbone[-1]``.

    Raises:
        ValueError: If there is no such module; offers those of a similar name.
    """
    found, index = find_module(model, module)
    outputs: list[Any] = []

    def hook(_: nn.Module, __: Any, output: Any) -> None:
        if not outputs:
            outputs.append(_copied(_one_of(output, index, module)))

    handle = found.register_forward_hook(hook)
    try:
        yield outputs
    finally:
        handle.remove()


def _copied(value: Any) -> Any:
    """A module's output may be changed in place by what follows: a sum, or a ReLU after its norm."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, (tuple, list)):
        return tuple(map(_copied, value))
    return value


class NoSuchOutput(ValueError):
    """A module gives fewer values than a path counts."""


def _one_of(output: Any, index: int | None, path: str) -> Any:
    """A value of an output; a tensor is the only one of its own."""
    values = output if isinstance(output, (tuple, list)) else (output,)
    if index is None:
        return output
    if not -len(values) <= index < len(values):
        raise NoSuchOutput(f'{path}: it gives {len(values)} values, counted from 0')
    return values[index]


def find_module(model: nn.Module, path: str) -> tuple[nn.Module, int | None]:
    """A module by its path, and the index into its output, if there is one.

    Raises:
        TypeError, ValueError: If the path is none, or there is no such module.
    """
    if not isinstance(path, str):
        raise TypeError(f'module ({path!r}) must be a path such as backbone.layer3 or backbone[-1]')
    name, index = path, None
    if match := re.fullmatch(r'(.+?)\[(-?\d+)\]', path):
        name, index = match[1], int(match[2])
    name = re.sub(r'\[(\d+)\]', r'.\1', name)
    modules = {
        known: module
        for known, module in model.named_modules()
        if not known.startswith('distillation_losses')  # the distiller's own, not the student's
    }
    if not name or name not in modules:
        names = [known for known in modules if known and known.count('.') <= name.count('.')]
        raise ValueError(f'there is no module {name!r}{near(name, names)}')
    module = modules[name]
    if index is None or not isinstance(module, (nn.ModuleList, nn.Sequential)):
        return module, index
    if not -len(module) <= index < len(module):
        raise ValueError(f'{path}: {name} has {len(module)} modules, counted from 0')
    return module[index], None


@contextmanager
def attention_of_layers(model: TopdownPoseEstimator, layers: Sequence[int]) -> Iterator[None]:
    """Has the first pass through a token encoder compute the attention maps of these layers too.

    Raises:
        TypeError, ValueError: If they are no layers of it.
    """
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise TypeError(f'layers ({layers!r}) must be a list of layers, counted from 1')
    for layer in layers:
        check_counts(**{'a layer': layer})
    head = innermost(model.head)
    if not isinstance(head, TokenHead):
        yield
        return
    if max(layers) > head.mct.attention_layout.depth:
        raise ValueError(
            f'there is no layer {max(layers)}, the encoder has {head.mct.attention_layout.depth}, '
            'counted from 1'
        )
    wanted = list(layers)

    def call(original: Callable, tokens: Tensor, position: Tensor, asked: Sequence[int]) -> Any:
        maps = original(tokens, position, [*asked, *wanted])
        wanted.clear()  # later passes are those of later cycles
        return maps

    with shadowed(head.mct.encoder, 'with_maps', call):
        yield
