"""Commands of this checkout in processes that begin with PyTorch and MMPose imported.

A process of its own spends most of a short command on them. Here a server imports them once, and each
command is a fork of it, with arguments, folder, environment and output of its own, from the same code.
What needs a process of its own is tested elsewhere: what is imported when, and what is done at its end.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

_SERVER = multiprocessing.get_context('forkserver')
_SERVER.set_forkserver_preload(['mmpose_sdpose.tools.mmpose_script', 'mmpose.apis'])


def run(
    arguments: Sequence[object],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> CompletedProcess:
    """A module, or a script by its path, with arguments: exit code and what it printed.

    Args:
        arguments: The module or script first.
        cwd: Folder that it runs in, if not this process'.
        environment: Instead of this process' own; folders of PYTHONPATH are looked in first.
    """
    environment = dict(os.environ if environment is None else environment)
    # The server takes no sys.path.
    here = patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    with here, tempfile.TemporaryDirectory() as folder:
        outputs = [os.path.join(folder, name) for name in ('out', 'err')]
        for path in outputs:
            Path(path).touch()
        task = (list(map(str, arguments)), str(cwd or Path.cwd()), environment, outputs)
        process = _SERVER.Process(target=_command, args=task)
        process.start()
        process.join()
        out, err = (Path(path).read_text() for path in outputs)
    return CompletedProcess(arguments, process.exitcode, out, err)


def _command(
    arguments: list[str], cwd: str, environment: dict[str, str], outputs: list[str]
) -> None:
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get('PYTHONPATH', '').split(os.pathsep))
    sys.argv[:] = arguments
    if 'OMP_NUM_THREADS' in environment:  # which PyTorch reads when it is imported
        import torch

        torch.set_num_threads(int(environment['OMP_NUM_THREADS']))
    if arguments[0].endswith('.py'):
        sys.path.insert(0, os.path.dirname(arguments[0]))
        runpy.run_path(arguments[0], run_name='__main__')
    else:
        runpy.run_module(arguments[0], run_name='__main__', alter_sys=True)
