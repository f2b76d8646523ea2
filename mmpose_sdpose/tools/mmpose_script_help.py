"""What MMPose's scripts print for ``--help``, in a tenth of a second.

``mim train`` asks a script for its help before every training, and to import PyTorch and MMPose for it
takes longer than all else before the first step. So only the script's own parser is run here.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmpose_sdpose import register
from mmpose_sdpose.compat import asks_for_help


def main(name: str, stages: Sequence[str]) -> int:
    """Run ``train.py`` or ``test.py`` of the installed MMPose, or print its help.

    Args:
        name: File of the script.
        stages: What it runs: of ``train``, ``val``, ``test``.

    Returns:
        The exit code.
    """
    if asks_for_help(sys.argv):
        print_help(name)
        register()  # which was left out
    # Only now: this imports MMPose.
    from mmpose_sdpose.tools.mmpose_script import run_mmpose_script

    return run_mmpose_script(name, stages)


def print_help(name: str) -> None:
    """Print what the script's parser says of its options, and exit; nothing where it has none.

    Raises:
        SystemExit: As the parser does.
    """
    spec = find_spec('mmpose')
    path = find_script(Path(spec.origin).parent, name) if spec and spec.origin else None
    if path is None:
        return
    tree = ast.parse(path.read_text(encoding='utf-8'))
    tree.body = [node for node in tree.body if getattr(node, 'name', '') == 'parse_args']
    scope: dict[str, Any] = dict(argparse=argparse, os=os, DictAction=_Ignored)
    exec(compile(tree, str(path), 'exec'), scope)
    if tree.body:
        scope['parse_args']()


class _Ignored(argparse.Action):
    """In place of MMEngine's action for ``--cfg-options``; beside ``--help`` none are needed."""

    def __call__(self, *arguments: Any) -> None:
        pass


def find_script(package: Path, name: str) -> Path | None:
    """A script of MMPose: a wheel keeps them in ``.mim``, a source checkout beside the package."""
    candidates = [package / '.mim' / 'tools' / name, package.parent / 'tools' / name]
    return next((path for path in candidates if path.is_file()), None)
