"""Peak memory of one subject, with nothing else in the process."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import torch

from .build import be_quiet, build_subject
from .onnx_subject import import_onnxruntime
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
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
        try:
            return pool.submit(_peak_here, spec).result()
        except BrokenProcessPool as error:
            raise CannotMeasure(
                f'{spec.name}: the process that measures its memory died (out of memory?); '
                'choose a smaller --batch, or --no-memory'
            ) from error


def _peak_here(spec: Spec) -> float:
    be_quiet()
    torch.set_num_threads(spec.threads)
    if spec.is_onnx:
        import_onnxruntime(spec.source)
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
