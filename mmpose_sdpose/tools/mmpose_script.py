"""Runs MMPose's own train and test scripts, so that all their options work, once the data is checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.datasets.checks import check_data, raise_errors
from mmpose_sdpose.datasets.checks.parts import type_name
from mmpose_sdpose.datasets.checks.runs import check_kinds
from mmpose_sdpose.engine import newest_checkpoint
from mmpose_sdpose.engine.earlier_training import refuse_to_replace
from mmpose_sdpose.tools.console import fail
from mmpose_sdpose.tools.mmpose_script_help import find_script
from mmpose_sdpose.tools.quiet import Quiet
from mmpose_sdpose.tools.refusals import refusal
from mmpose_sdpose.tools.run_report import RunReport

import mmpose
from mmengine.config import Config
from rich.console import Console

from sdpose_runtime.files import check_writable

#: Every run through these tools has them, also with a config of MMPose's own.
HOOKS = ('CheckDataHook', 'CheckpointGuardHook', 'CheckFiniteHook')


def run_mmpose_script(name: str, stages: Sequence[str]) -> int:
    """Run ``train.py`` or ``test.py`` of the installed MMPose with this process' arguments.

    The script parses them and merges them into the config as it always does; before it goes on, what it
    is about to read is looked at.

    Args:
        name: File of the script.
        stages: What it runs: of ``train``, ``val``, ``test``.

    Returns:
        The exit code.

    Raises:
        FileNotFoundError: If the installed MMPose does not carry the script.
    """
    script, tool = _load(name), Path(name).stem
    merge_args = script.merge_args

    def merge_and_check(cfg: Config, args: Any) -> Config:
        start = cfg.get('load_from')
        cfg = merge_args(cfg, args)
        raise_errors(check_kinds(cfg))
        if getattr(args, 'resume', None) == 'auto':
            _resume_or_start(cfg, start)
        if 'train' in stages and _is_first_process():
            refuse_to_replace(cfg)  # before the folder's config is
        if cfg.get('work_dir') and _is_first_process():
            _check_folder(Path(cfg.work_dir))
        _check(cfg, stages)
        return cfg

    console = Console(highlight=False)
    report = RunReport(console)
    script.merge_args = merge_and_check
    with Quiet(console, _is_first_process()) as quiet:
        script.Runner = quiet.runner(report)
        try:
            script.main()
        except KeyboardInterrupt:
            return fail(tool, report.interrupted(), 130)
        except Exception as error:
            said = error if _is_meant(error) else refusal(error)
            if said is None:
                raise
            return fail(tool, said)
        finally:
            report.close()
    return 0


def _check_folder(folder: Path) -> None:
    """Whether a run can write there; nothing is made yet, as the run may still be refused.

    Raises:
        OSError: If not.
    """
    there = next((part for part in (folder, *folder.parents) if part.exists()), folder)
    check_writable((there if there.is_dir() else folder) / 'last_checkpoint', True)


def _is_meant(error: Exception) -> bool:
    """Whether this package raised it, to say what the user is to do: no traceback says more."""
    if not isinstance(error, (OSError, TypeError, ValueError, FloatingPointError)):
        return False
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get('__name__', '').startswith(('mmpose_sdpose.', 'sdpose_runtime.'))


def _check(cfg: Config, stages: Sequence[str]) -> None:
    hooks = list(cfg.get('custom_hooks') or [])
    has_hook = {type_name(hook) for hook in hooks}
    cfg.custom_hooks = hooks + [dict(type=hook) for hook in HOOKS if hook not in has_hook]
    if stages == ['test']:
        cfg.resume = False  # the config that a resumed training leaves says so
    # The other processes would read and say the same; warnings are the hook's to log.
    if _is_first_process():
        raise_errors(check_data(cfg, stages))


def _resume_or_start(cfg: Config, start: str | None) -> None:
    """What ``--resume`` means before the first checkpoint: the start that the config asks for.

    MMPose's script forgets ``load_from``; given by ``--cfg-options``, it would be resumed every time.
    """
    cfg.resume = newest_checkpoint(cfg.work_dir) is not None
    cfg.load_from = None if cfg.resume else cfg.get('load_from') or start


def _is_first_process() -> bool:
    names = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
    return all(os.environ.get(name, '0') == '0' for name in names)


def _load(name: str) -> Any:
    """A script of MMPose as a module."""
    package = Path(mmpose.__file__).parent
    path = find_script(package, name)
    if path is None:
        raise FileNotFoundError(
            f'MMPose in {package} has no tools/{name}: install MMPose 1.3 as a wheel'
        )
    sys.argv[0] = str(path)
    script = ModuleType(f'mmpose_{path.stem}_script')
    script.__file__ = str(path)
    SourceFileLoader(script.__name__, str(path)).exec_module(script)
    return script
