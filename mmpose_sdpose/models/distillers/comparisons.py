"""What each loss of a distillation compares: said by its key, its class or its config."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from itertools import chain
from typing import Any

import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...arguments import check_weights, near
from ..heads.token_head import keypoint_weights
from .registries import all_quantities, find_quantity
from .sides import Request, Side

ROLES = ('student', 'teacher')
#: Whose weights joints have: those of the labels, all one, or the teacher's scores.
WEIGHTS = ('labels', 'all', 'teacher')
#: How losses call the weights of joints; attention's weights are a quantity.
_WEIGHTS_NAME = re.compile(r'^(?!attention)(.*_)?weights?$')


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
        TypeError, ValueError: If it is no loss, has unknown options, compares what is not known, or does
            not say which module.
    """
    config = dict(config)
    _check_name(name)
    kind = _class_of(name, config['type'])
    compared = _compared(name, kind, config)
    chosen = 'weights' in config
    weights = config.pop('weights', 'labels')
    if weights not in WEIGHTS:
        raise ValueError(f'losses.{name}: weights ({weights!r}) must be one of {list(WEIGHTS)}')
    quantities = {role: getattr(compared, role) for role in ROLES}
    options = {role: list(_options(quantities[role])) for role in ROLES}
    given = {role: _take_options(role, quantities[role], config) for role in ROLES}
    for option in chain(*options.values()):
        config.pop(option, None)
    _check_options(name, kind, config, options)
    loss = _build(name, config)
    requests = {
        role: tuple(
            _request(name, role, quantity, given[role], loss) for quantity in quantities[role]
        )
        for role in ROLES
    }
    count = len(requests['student']) + len(requests['teacher'])
    weighted = _takes_weights(name, loss, count)
    if chosen and weights != 'all':
        _check_weights_used(name, weights, loss, weighted)
    return loss, Comparison(
        requests['student'], requests['teacher'], compared.in_heatmaps, weights, weighted
    )


def _check_name(name: str) -> None:
    """Names of losses become names of modules, and of lines in the log."""
    if not isinstance(name, str) or not name or '.' in name or hasattr(nn.ModuleDict(), name):
        raise ValueError(
            f'losses has a loss named {name!r}, which no module can be named: give it another name, a '
            'word without dots, as the log shows it after loss_distill_'
        )


def _class_of(name: str, kind: Any) -> Callable[..., nn.Module]:
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    if callable(found):
        return found
    losses = [known for known in MODELS.module_dict if known.endswith('Loss')]
    raise ValueError(
        f'losses.{name}: {kind!r} is no registered loss; custom_imports names modules with your own'
        f'{near(str(kind), losses)}'
    )


def _check_options(
    name: str,
    kind: Callable[..., nn.Module],
    config: Mapping[str, Any],
    options: Mapping[str, Sequence[str]],
) -> None:
    """Whether the loss knows what is left of its config.

    Args:
        options: Those of what is compared, of each side.
    """
    parameters = signature(kind).parameters
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    sided = [f'{role}_{option}' for role in ROLES for option in options[role]]
    known = {*parameters, 'on', 'weights', *chain(*options.values()), *sided}
    for option in config:
        if option not in (*parameters, 'type'):
            raise TypeError(
                f'losses.{name}: a {kind.__name__} has no option {option!r}{near(option, known)}'
            )


def _build(name: str, config: dict[str, Any]) -> nn.Module:
    try:
        if 'loss_weight' in config:  # which MMPose's losses take as it is
            check_weights(loss_weight=config['loss_weight'])
        loss = MODELS.build(config)
    except (TypeError, ValueError) as error:
        raise type(error)(f'losses.{name}: {error}') from error
    if not isinstance(loss, nn.Module):
        raise TypeError(
            f'losses.{name}: a {type(loss).__name__} is no torch.nn.Module, as losses are'
        )
    return loss


def _check_weights_used(name: str, weights: str, loss: nn.Module, weighted: bool) -> None:
    """Weights that are asked for must count: MMPose's losses take and ignore them by default."""
    kind = type(loss).__name__
    if not weighted:
        raise ValueError(
            f'losses.{name}: a {kind} takes no weights of joints: leave weights={weights!r} out'
        )
    if not getattr(loss, 'use_target_weight', True):
        raise ValueError(
            f'losses.{name}: a {kind} ignores weights={weights!r}: set use_target_weight=True besides'
        )


def _compared(name: str, kind: Callable[..., nn.Module], config: dict[str, Any]) -> Several:
    """By ``on`` in the config, which is taken out, or ``compares`` of the class, or the key."""
    on, said = config.pop('on', None), getattr(kind, 'compares', None)
    quantities = {quantity.name for quantity in all_quantities()}
    known = {*SEVERAL, *quantities}
    if on is None and said is not None and name in known and name != said:
        raise ValueError(
            f'losses.{name}: a {kind.__name__} compares {said}: name the loss so, or say on={name!r}'
        )
    if isinstance(on, Mapping):
        return _several(name, on, quantities)
    if on is not None and not isinstance(on, str):
        raise TypeError(
            f"losses.{name}: on ({on!r}) must be a quantity, on='coordinates', or some of each side: "
            "dict(student=['coordinates'], teacher=['heatmaps'])"
        )
    compared = (said or name) if on is None else on
    if compared not in known:
        raise ValueError(f'losses.{name} compares {compared!r}, unknown{near(compared, known)}')
    # Said by ``on``, a quantity is that quantity: scores with scores.
    if compared in SEVERAL and (on is None or on not in quantities):
        return SEVERAL[compared]
    return Several((compared,), (compared,))


def _several(name: str, on: Mapping[str, Any], known: set[str]) -> Several:
    sides = {role: on.get(role, ()) for role in ROLES}
    sides = {r: [names] if isinstance(names, str) else names for r, names in sides.items()}
    named = all(
        isinstance(names, (list, tuple)) and names and all(isinstance(one, str) for one in names)
        for names in sides.values()
    )
    if set(on) - set(ROLES) or not named:
        raise ValueError(
            f'losses.{name}: on ({dict(on)}) must name quantities of both sides: '
            "dict(student=['coordinates'], teacher=['heatmaps'])"
        )
    for quantity in (*sides['student'], *sides['teacher']):
        if quantity not in known:
            raise ValueError(f'losses.{name} compares {quantity!r}, unknown{near(quantity, known)}')
    return Several(tuple(sides['student']), tuple(sides['teacher']))


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
        options[option] = _hashable(f'losses.{name}: {option} of {quantity}', value)
    return Request(quantity, tuple(options.items()))


def _hashable(what: str, value: Any) -> Any:
    """A choice by which a quantity is kept; lists, as configs have them, become tuples."""
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(what, one) for one in value)
    try:
        hash(value)
    except TypeError as error:
        raise TypeError(
            f'{what} ({value!r}) must be a name, a number, or a list of such'
        ) from error
    return value


def _takes_weights(name: str, loss: nn.Module, count: int) -> bool:
    """Whether a loss has an argument for weights after those for the quantities.

    Raises:
        ValueError: If it takes more or fewer quantities, or weights elsewhere.
    """
    parameters = list(signature(loss.forward).parameters.values())
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        return True
    parameters = [one for one in parameters if one.kind is not Parameter.VAR_KEYWORD]
    what = f'losses.{name}: forward of a {type(loss).__name__}'
    names = [one.name for one in parameters]
    places = [place for place, one in enumerate(names[:count]) if _WEIGHTS_NAME.search(one)]
    takes = places[0] if places else len(names)
    if takes < count:
        raise ValueError(
            f'{what} takes {takes} quantities ({", ".join(names[:takes])}), and is to compare {count}, '
            f"the student's and then the teacher's; weights of joints are said by weights={WEIGHTS}"
        )
    needed = [one.name for one in parameters[count:] if one.default is Parameter.empty]
    needed = [one for one in needed if 'weight' not in one]
    if needed:
        raise ValueError(
            f'{what} needs {", ".join(needed)} besides the {count} quantities: name as many with on=…, '
            'or give it a default'
        )
    weights = [parameter for parameter in parameters[count:] if 'weight' in parameter.name]
    if not weights:
        return False
    if weights[0] is not parameters[count] or weights[0].kind is Parameter.KEYWORD_ONLY:
        raise ValueError(
            f'{what} has {weights[0].name} elsewhere than right after the {count} quantities: '
            'forward(student, teacher, weights), in this order'
        )
    return True
