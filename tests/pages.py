"""Commands as pages show them, and how tests run them: in this process, where imports are paid for."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from sdpose_runtime.cli import main as sdpose_runtime

ROOT = Path(__file__).resolve().parents[1]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page, without their indent in a list or a tab."""
    found = re.findall(
        rf'^( *)```{language}[^\n]*\n(.*?)^\1```$', (ROOT / page).read_text(), re.M | re.S
    )
    return [re.sub(rf'^{indent}', '', text, flags=re.M) for indent, text in found]


def titled_blocks(page: str) -> dict[str, str]:
    """Python files that a page shows, by the title of their block."""
    text = (ROOT / page).read_text()
    return dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', text, re.M | re.S))


def commands(page: str) -> list[str]:
    """Every command line of a page, put together where it goes over several lines."""
    text = ''.join(blocks(page, 'bash')).replace('\\\n', ' ')
    lines = (re.sub(r'(^|\s)#.*', '', line).strip() for line in text.splitlines())
    return [re.sub(r'\s+', ' ', line) for line in lines if line]


def run_command(line: str, *options: str) -> None:
    """A command of the package; raises if it ends with an error.

    Args:
        line: ``mim run|train|test mmpose_sdpose …`` or ``sdpose-runtime …``.
        options: Put behind it.
    """
    words = [*shlex.split(line), *options]
    if words[0] == 'sdpose-runtime':
        assert sdpose_runtime(words[1:]) == 0, line
        return
    program, verb, package, *arguments = words
    assert (program, package) == ('mim', 'mmpose_sdpose'), line
    tool = arguments.pop(0) if verb == 'run' else verb
    if verb == 'test':  # MIM hands the option over as MMPose's script has it
        arguments.remove('--checkpoint')
    _run_module(f'mmpose_sdpose.tools.{tool}', arguments)


def _run_module(name: str, arguments: Sequence[str]) -> None:
    with mock.patch.object(sys, 'argv', [name, *arguments]):
        try:
            runpy.run_module(name, run_name='__main__')
        except SystemExit as ending:
            assert not ending.code, f'{name} {" ".join(arguments)} ended with {ending.code}'
