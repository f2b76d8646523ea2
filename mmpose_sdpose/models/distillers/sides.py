"""Student and teacher while they run: what each says of a batch, computed where a loss asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from mmpose.models import TopdownPoseEstimator
from mmpose.models.heads import BaseHead
from torch import Tensor

from ..heads import innermost, num_keypoints_of
from ..layers import constants
from .codecs import heatmap_frame
from .registries import Adapter, Lacking, Quantity, Value, adapter_of, all_quantities, find_quantity
from .watching import NoSuchOutput, recorded


@dataclass(frozen=True)
class Request:
    """A quantity that a loss compares, with the options it is read with."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()


class Unreadable(ValueError):
    """What is asked of a model cannot be read of it; says whose fault it is."""


class Side:
    """What one model says of a batch: quantities by name, each computed once, when it is asked for.

    Args:
        role: 'student' or 'teacher'.
        model: Its pose estimator.
        given: What the head's adapter read off its output: values, or functions that compute them.
        seen: What was watched for each request while the model ran.

    Examples:
        A quantity of one's own reads it; any model that gives coordinates has this one:

        >>> from mmpose_sdpose.models.distillers import register_quantity
        >>> @register_quantity('example_bones', shape='B J 2', select=None)
        ... def example_bones(side):
        ...     points = side['coordinates']
        ...     return points[:, 1:] - points[:, :-1]
    """

    def __init__(
        self,
        role: str,
        model: TopdownPoseEstimator,
        given: Mapping[str, Any],
        seen: Mapping[Request, Any],
    ) -> None:
        self.role = role
        self.model = model
        self.head = innermost(model.head)
        self.given = given
        self._seen = seen
        #: What has been read so far, by a loss or by a quantity.
        self.values: dict[Request, Value] = {}

    def __getitem__(self, name: str) -> Value:
        return self.read(Request(name))

    def read(self, request: Request) -> Value:
        """A quantity's value.

        Raises:
            Lacking: If the model does not give it.
        """
        if request not in self.values:
            self.values[request] = self._read(request)
        return self.values[request]

    def _read(self, request: Request) -> Value:
        if request.name in self.given:
            value = self.given[request.name]
            return value() if callable(value) else value
        quantity = find_quantity(request.name)
        if quantity.needed_options and not request.options:
            raise Lacking
        seen = [] if quantity.watch is None else [self._seen.get(request)]
        return quantity.read(self, *seen, **dict(request.options))

    @property
    def keypoints(self) -> int:
        return num_keypoints_of(self.head)

    def to_heatmap(self, positions: Tensor) -> Tensor:
        """(…, 2), from fractions of the image to fractions of the model's heatmaps."""
        return positions * constants(positions, heatmap_frame(self.head.decoder))

    def from_heatmap(self, positions: Tensor) -> Tensor:
        """The other way."""
        return positions / constants(positions, heatmap_frame(self.head.decoder))

    def names(self) -> list[str]:
        """Quantities that the model gives."""
        return [quantity.name for quantity in all_quantities() if self._offers(quantity)]

    def _offers(self, quantity: Quantity) -> bool:
        if quantity.offered is not None:
            return quantity.offered(self)
        try:
            self[quantity.name]
        except Exception:  # whatever is wrong with it, is said where it is asked for
            return False
        return True


class Heard:
    """What a model said, after :func:`listen` is over."""

    side: Side


@contextmanager
def listen(role: str, model: TopdownPoseEstimator, requests: Sequence[Request]) -> Iterator[Heard]:
    """Record what the requests need while a model runs once, in its ``loss`` or plainly.

    Raises:
        ValueError: If the head is of no known kind.
        RuntimeError: If it did not run once.
    """
    head, heard = innermost(model.head), Heard()
    seen: dict[Request, Any] = {}
    adapter = adapter_of(head)
    if not hasattr(head, adapter.method):
        raise Unreadable(
            f'the adapter of {type(head).__name__} reads what its method {adapter.method!r} gives, but '
            'there is none: register_adapter(…, method=…) names the one that its loss calls once'
        )
    with ExitStack() as stack:
        outputs = stack.enter_context(recorded(head, adapter.method))
        for request in requests:
            watch = find_quantity(request.name).watch
            if watch is not None and request not in seen:
                watching = _naming(role, request, watch(model, **dict(request.options)))
                seen[request] = stack.enter_context(watching)
        try:
            yield heard
        except NoSuchOutput as error:
            raise Unreadable(f"the {role}'s {error}") from error
    if len(outputs) != 1:
        raise RuntimeError(
            f'the {role} called {type(head).__name__}.{adapter.method} {len(outputs)} times in a step '
            "instead of once: name the method that the head's loss calls once with "
            'register_adapter(…, method=…)'
        )
    heard.side = Side(role, model, _given(head, adapter, outputs[0]), seen)


@contextmanager
def _naming(role: str, request: Request, watching: AbstractContextManager) -> Iterator[Any]:
    """Says of what is to be watched whose it is, where it cannot be."""
    with ExitStack() as stack:
        try:
            seen = stack.enter_context(watching)
        except (TypeError, ValueError) as error:
            raise Unreadable(f'{request.name} of the {role}: {error}') from error
        yield seen


def _given(head: BaseHead, adapter: Adapter, output: Any) -> Mapping[str, Any]:
    who = (
        f'the adapter of {type(head).__name__}, {getattr(adapter.read, "__name__", adapter.read)},'
    )
    try:
        given = adapter.read(head, output)
    except Exception as error:  # others write adapters, which may raise anything
        raise Unreadable(
            f'{who} cannot read what {adapter.method} gives: {type(error).__name__}: {error}'
        ) from error
    if not isinstance(given, Mapping):
        raise Unreadable(
            f'{who} gives a {type(given).__name__} instead of a dict of quantities by name'
        )
    for name in given:
        try:
            find_quantity(name)
        except ValueError as error:
            raise Unreadable(
                f'{who} gives {name!r}: {error}; one of your own needs @register_quantity'
            ) from error
    return given


def ask(
    role: str, model: TopdownPoseEstimator, inputs: Tensor, requests: Sequence[Request]
) -> Side:
    """What a model says of images (B, 3, H, W): one plain forward pass, and no prediction.

    Heads' ``predict`` may write into what they return.
    """
    head = innermost(model.head)
    adapter = adapter_of(head)
    with listen(role, model, requests) as heard:
        getattr(head, adapter.method)(model.extract_feat(inputs), *adapter.arguments)
    return heard.side
