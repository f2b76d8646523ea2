"""Why MMEngine, MMPose or torch refused a part of a config, in a sentence instead of a traceback."""

from __future__ import annotations

from inspect import getmembers, isfunction
from traceback import walk_tb
from types import FrameType
from typing import Any

from mmpose_sdpose.arguments import near
from mmpose_sdpose.datasets.checks.findings import short

from mmengine.config import Config, DictAction
from mmengine.registry import Registry, build_from_cfg
from mmengine.runner import Runner

#: What is raised elsewhere may be a mistake in the user's own code, which a traceback shows.
_LIBRARIES = ('mmengine', 'mmpose', 'mmcv', 'torch', 'numpy')
#: What of MMEngine makes parts of a config.
_BUILDING = {
    build_from_cfg.__code__,
    *(
        function.__code__
        for name, function in getmembers(Runner, isfunction)
        if name == '__init__' or name.startswith('build_')
    ),
}
#: Parts that are handed over besides what the config says.
_PLAIN = (str, int, float, bool, tuple, list, type(None))


def refusal(error: BaseException) -> str | None:
    """What is to be said where a library refused what options or a config say; None otherwise.

    An error that a class of the user's own raises, or that comes once the run has begun, is none.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    codes = [frame.f_code for frame in frames]
    # A config is code and raises what it likes.
    if Config.fromfile.__code__ in codes:
        return f'the config cannot be read: {type(error).__name__}: {error}'
    if DictAction.__call__.__code__ in codes:
        given = frames[codes.index(DictAction.__call__.__code__)].f_locals.get('kv', '')
        why = f' ({_said(error)})' if '=' in given else ''
        return f'--cfg-options {given}{why}: each must be KEY=VALUE'
    if not _BUILDING.intersection(codes) or _package(frames[-1]) not in _LIBRARIES:
        return None
    return f'the config cannot be built: {why_not_built(error)}'


def why_not_built(error: BaseException) -> str:
    """What a part of a config was refused for, with the part as the config has it."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    built = [frame for frame in frames if frame.f_code is build_from_cfg.__code__]
    said = _said(error)
    part: Any = built[-1].f_locals.get('cfg') if built else None
    if not isinstance(part, dict):
        return said
    registry = built[-1].f_locals.get('registry')
    if isinstance(error, KeyError) and isinstance(registry, Registry) and 'registry' in said:
        kind = part.get('type')
        return f'there is no {kind!r} among what is registered{near(str(kind), registered_in(registry))}'
    plain = {name: value for name, value in part.items() if isinstance(value, _PLAIN)}
    return f'{said} ({short(plain, 160)})'


def _said(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def _package(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '').split('.')[0]


def registered_in(registry: Registry | None) -> set[str]:
    """Names that a registry and those above it know."""
    names: set[str] = set()
    while registry is not None:
        names |= set(registry.module_dict)
        registry = registry.parent
    return names
