"""What each loss of a distillation compares: said by its key, its class or its config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...arguments import near
from ..heads.token_head import keypoint_weights
from .registries import all_quantities, find_quantity
from .sides import Request, Side

ROLES = ('student', 'teacher')
#: Whose weights joints have: those of the labels, all one, or the teacher's scores.
WEIGHTS = ('labels', 'all', 'teacher')


@dataclass(frozen=True)
class Several:
    """Quantities that go into one loss, in the order of its arguments."""

    student: tuple[str, ...]
    teacher: tuple[str, ...]
    in_heatmaps: bool = False  # the student's coordinates are looked up in the teacher's heatmaps


# All else compares one quantity with itself. A student without heatmaps learns from the teacher's: how
# sure to be, and where and how widely.
SEVERAL = {
    'scores': Several(('coordinates', 'scores'), ('heatmaps',), in_heatmaps=True),
    'simulated_heatmaps': Several(('coordinates', 'sigmas'), ('heatmaps',), in_heatmaps=True),
}


@dataclass(frozen=True)
class Comparison:
    """What one loss takes of the student and of the teacher, in the order of its arguments.

    Args:
        weights: Whose weights its joints have, of :data:`WEIGHTS`.
        weighted: Whether the loss takes them, after the quantities.
    """

    student: tuple[Request, ...]
    teacher: tuple[Request, ...]
    in_heatmaps: bool
    weights: str
    weighted: bool

    def values(self, student: Side, teacher: Side, joints: tuple[Tensor, Tensor] | None) -> list:
        """The arguments of the loss, without weights; of the joints that both have, if not of all."""
        arguments = []
        sides = ((student, self.student, 0), (teacher, self.teacher, 1))
        for side, requests, index in sides:
            for request in requests:
                value, quantity = side.read(request), find_quantity(request.name)
                if self.in_heatmaps and request.name == 'coordinates':
                    value = teacher.to_heatmap(value)
                if joints is not None and quantity.select is not None:
                    value = quantity.select(value, joints[index])
                arguments.append(value)
        return arguments

    def joint_weights(
        self, samples: list[PoseDataSample], teacher: Side, joints: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """(B, K), likewise."""
        if self.weights == 'teacher':
            weights, index = teacher['scores'].clamp(0, 1), 1
        else:
            weights, index = keypoint_weights(samples), 0
            if self.weights == 'all':
                weights = torch.ones_like(weights)
        return weights if joints is None else weights[:, joints[index]]


def build_comparison(name: str, config: Mapping[str, Any]) -> tuple[nn.Module, Comparison]:
    """The loss of a config, and what it compares.

    Raises:
        TypeError, ValueError: If it compares what is not known, or does not say which module.
    """
    config = dict(config)
    compared = _compared(name, config)
    weights = config.pop('weights', 'labels')
    if weights not in WEIGHTS:
        raise ValueError(f'losses.{name}: weights ({weights!r}) must be one of {list(WEIGHTS)}')
    quantities = {role: getattr(compared, role) for role in ROLES}
    given = {role: _take_options(role, quantities[role], config) for role in ROLES}
    for option in {option for names in quantities.values() for option in _options(names)}:
        config.pop(option, None)
    loss = MODELS.build(config)
    requests = {
        role: tuple(
            _request(name, role, quantity, given[role], loss) for quantity in quantities[role]
        )
        for role in ROLES
    }
    count = len(requests['student']) + len(requests['teacher'])
    return loss, Comparison(
        requests['student'],
        requests['teacher'],
        compared.in_heatmaps,
        weights,
        _takes_weights(loss, count),
    )


def _compared(name: str, config: dict[str, Any]) -> Several:
    """By ``on`` in the config, which is taken out, or ``compares`` of the class, or the key."""
    kind = config['type']
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    on, said = config.pop('on', None), getattr(kind, 'compares', None)
    quantities = {quantity.name for quantity in all_quantities()}
    known = {*SEVERAL, *quantities}
    if on is None and said is not None and name in known and name != said:
        raise ValueError(
            f'losses.{name}: a {kind.__name__} compares {said}: name the loss so, or say on={name!r}'
        )
    if isinstance(on, Mapping):
        return _several(name, on, quantities)
    compared = on or said or name
    if compared not in known:
        raise ValueError(
            f'losses.{name} compares {compared!r}, unknown{near(str(compared), known)}'
        )
    # Said by ``on``, a quantity is that quantity: scores with scores.
    if compared in SEVERAL and (on is None or on not in quantities):
        return SEVERAL[compared]
    return Several((compared,), (compared,))


def _several(name: str, on: Mapping[str, Any], known: set[str]) -> Several:
    sides = {role: on.get(role, ()) for role in ROLES}
    sides = {r: (names,) if isinstance(names, str) else tuple(names) for r, names in sides.items()}
    if set(on) - set(ROLES) or not all(sides.values()):
        raise ValueError(
            f'losses.{name}: on ({dict(on)}) must name quantities of both sides: '
            "dict(student=['coordinates'], teacher=['heatmaps'])"
        )
    for quantity in (*sides['student'], *sides['teacher']):
        if quantity not in known:
            raise ValueError(f'losses.{name} compares {quantity!r}, unknown{near(quantity, known)}')
    return Several(sides['student'], sides['teacher'])


def _options(quantities: tuple[str, ...]) -> dict[str, Any]:
    return {
        option: default
        for quantity in quantities
        for option, default in find_quantity(quantity).options.items()
    }


def _take_options(role: str, quantities: tuple[str, ...], config: dict[str, Any]) -> dict[str, Any]:
    """What a config says of one side's quantities: ``student_module=…``, or ``module=…`` for both."""
    given = {}
    for option in _options(quantities):
        own = f'{role}_{option}'
        if own in config or option in config:
            given[option] = config.pop(own) if own in config else config[option]
    return given


def _request(
    name: str, role: str, quantity: str, given: dict[str, Any], loss: nn.Module
) -> Request:
    """What the config leaves out, the loss may say, as its attribute ``student_…``."""
    options = {}
    for option, default in find_quantity(quantity).options.items():
        value = given.get(option, getattr(loss, f'{role}_{option}', default))
        if value is Parameter.empty:
            raise ValueError(
                f'losses.{name} compares {quantity}: say which of the {role}, with '
                f'{role}_{option}=…, or {option}=… for both sides'
            )
        options[option] = tuple(value) if isinstance(value, list) else value
    return Request(quantity, tuple(options.items()))


def _takes_weights(loss: nn.Module, count: int) -> bool:
    """Whether a loss has an argument for weights after those for the quantities."""
    parameters = list(signature(loss.forward).parameters.values())
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        return True
    return len(parameters) > count and 'weight' in parameters[count].name
