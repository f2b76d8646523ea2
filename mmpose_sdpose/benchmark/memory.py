"""Peak memory of one subject, with nothing else in the process."""

from __future__ import annotations

import signal
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from .build import be_quiet, build_subject
from .onnx_subject import import_sessions
from .subject import CannotMeasure, Spec

_PASSES = 3
_STATUS = Path('/proc/self/status')


def peak_memory_of(spec: Spec) -> float:
    """What a model adds to a process's peak of resident memory, in MB (a million bytes).

    A process of its own is started, with all libraries loaded but nothing built; from there to the end
    of three passes counts: weights, activations, buffers, threads.

    Raises:
        CannotMeasure: If that process did not survive.
    """
    # Started anew, not forked: a copy would share the memory of what was built here.
    context = get_context('spawn')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(spec, sender))
    # Ctrl-C is this process's affair: the other one would die with a traceback.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.start()
    signal.signal(signal.SIGINT, handler)
    sender.close()
    try:
        return receiver.recv()
    except EOFError as error:
        raise CannotMeasure(
            f'{spec.name}: the process that measures its memory died (out of memory?); '
            'choose a smaller --batch, or --no-memory'
        ) from error
    finally:
        process.kill()
        process.join()


def _report(spec: Spec, sender: Connection) -> None:
    sender.send(_peak_here(spec))


def _peak_here(spec: Spec) -> float:
    be_quiet()
    torch.set_num_threads(spec.threads)
    if spec.is_onnx:
        import_sessions(spec.source)
    before = _peak_bytes()
    measure = build_subject(spec).measure
    for _ in range(_PASSES):
        measure()
    return (_peak_bytes() - before) / 1e6


def _peak_bytes() -> int:
    """Peak of resident memory so far.

    Linux's ``ru_maxrss`` begins at the peak of the process that started this one, so there the peak is
    read where it is this process's own.
    """
    if _STATUS.exists():
        lines = dict(line.split(':', 1) for line in _STATUS.read_text().splitlines())
        return 1024 * int(lines['VmHWM'].split()[0])
    import resource  # Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else 1024 * peak
