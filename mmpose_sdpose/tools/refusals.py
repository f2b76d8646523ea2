"""Why MMEngine, MMPose or torch refused a part of a config, in a sentence instead of a traceback."""

from __future__ import annotations

import sys
from inspect import getmembers, isfunction
from traceback import walk_tb
from types import FrameType
from typing import Any

from mmpose_sdpose.arguments import near
from mmpose_sdpose.datasets.checks.findings import short
from mmpose_sdpose.datasets.checks.parts import registered_in

from mmengine.config import Config, DictAction
from mmengine.registry import Registry, build_from_cfg
from mmengine.runner import Runner

#: What passes through other code may be a mistake of the user's own, which a traceback shows.
_LIBRARIES = {'mmengine', 'mmpose', 'mmcv', 'torch', 'numpy', 'mmpose_sdpose'}
_LIBRARIES |= sys.stdlib_module_names
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

    An error in a class of the user's own, or one that comes once the run has begun, is none.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    codes = [frame.f_code for frame in frames]
    building = [number for number, code in enumerate(codes) if code in _BUILDING]
    # A config is code and raises what it likes; a part may read another one.
    if not building and Config.fromfile.__code__ in codes:
        return f'the config cannot be read: {type(error).__name__}: {error}'
    if DictAction.__call__.__code__ in codes:
        given = frames[codes.index(DictAction.__call__.__code__)].f_locals.get('kv', '')
        why = f' ({_said(error)})' if '=' in given else ''
        return f'--cfg-options {given}{why}: each must be KEY=VALUE'
    if Config.merge_from_dict.__code__ in codes:
        return f'--cfg-options: {_said(error)}'
    if not building or not _LIBRARIES.issuperset(map(_package, frames[building[-1] :])):
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
    kind = part.get('type')
    is_unknown = isinstance(kind, str) and frames[-1].f_code is build_from_cfg.__code__
    if is_unknown and isinstance(registry, Registry) and registry.get(kind) is None:
        return f'there is no {kind!r} among what is registered{near(str(kind), registered_in(registry))}'
    plain = {name: value for name, value in part.items() if isinstance(value, _PLAIN)}
    return f'{said} ({short(plain, 160)})'


def _said(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def _package(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '').split('.')[0]
