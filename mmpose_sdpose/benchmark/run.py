"""A benchmark: everything is built, and timed in turn in one run."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

import cv2
import numpy as np
import torch
from mmengine.logging import MMLogger
from rich.progress import Progress

from ..evaluation.complexity import Complexity
from .alone import time_alone
from .measuring import WARMUP_ROUNDS, MatrixProduct, measure_in_turn, peak_bytes
from .onnx_files import cost_of_file, onnx_subject
from .pytorch_models import cost_of_config, pytorch_subject
from .spec import PARTS, CannotMeasure, Spec, Subject
from .training import training_subject

#: Processes in which an exported network is timed.
PROCESSES = 5


@dataclass
class Result:
    """What was measured of one subject.

    Args:
        subject: Whose numbers these are.
        cost: Parameters and multiply-adds of one image and one pass, where known.
        times: Part (``total``, and those of :data:`~.spec.PARTS`) -> milliseconds of each round.
        peak_memory_mb: In millions of bytes; None where it was not measured.
        product_rate: Giga multiply-adds a second of the machine's matrix product, in the same run.
        processes: In how many processes it was timed, whose medians' median is given; milliseconds of
            one after the other are in ``times``.
    """

    subject: Subject
    cost: Complexity | None
    times: dict[str, np.ndarray]
    peak_memory_mb: float | None
    product_rate: float
    processes: int = 1

    def median_ms(self, part: str = 'total') -> float:
        return float(np.median(self.medians_ms(part)))

    def medians_ms(self, part: str = 'total') -> np.ndarray:
        """The median of each process."""
        return np.median(self.times[part].reshape(self.processes, -1), axis=1)

    @property
    def p90_ms(self) -> float:
        return float(np.percentile(self.times['total'], 90))

    @property
    def fps(self) -> float:
        """Images a second, by the median; of a clip: frames a second."""
        spec = self.subject.spec
        return 1000 * (1 if spec.scope == 'clip' else spec.batch) / self.median_ms()

    @property
    def share_of_product_rate(self) -> float | None:
        """Multiply-adds a second, attention's included, in units of the machine's rate."""
        spec, cost = self.subject.spec, self.cost
        if cost is None or spec.scope in PARTS:
            return None
        done = cost.flops_with_attention * spec.batch * self.subject.passes
        return done / self.median_ms() / 1e6 / self.product_rate


def run_benchmark(
    specs: Sequence[Spec],
    repeats: int,
    with_memory: bool,
    progress: Progress,
    processes: int = PROCESSES,
) -> list[Result]:
    """Build all, then time all in turn in one run, the machine's matrix product among them.

    Networks that are exported are timed after that, in turn too, in processes of their own.

    Args:
        specs: What to measure; all on the same device, with the same number of threads.
        repeats: Passes of each that count.
        with_memory: Measure peak memory as well; on a CPU this takes a process for each.
        progress: Is told how far things are.
        processes: Of each exported network, ``repeats`` passes in each.

    Raises:
        CannotMeasure, FileNotFoundError: Before anything is timed, if something cannot be built.
    """
    torch.set_num_threads(specs[0].threads)
    # A worker of a loader, whose time of the data is meant, has a single thread.
    cv2.setNumThreads(0 if specs[0].scope == 'training' else specs[0].threads)
    subjects, memory = _build_all(specs, with_memory, progress)
    costs = [_cost_of(subject) for subject in subjects]
    product = MatrixProduct(specs[0].device)
    here = [subject for subject in subjects if subject.alone is None]
    task = progress.add_task('timing', total=(len(here) + 1) * (repeats + WARMUP_ROUNDS))
    measures = [product.measure, *(subject.measure for subject in here)]
    times = measure_in_turn(measures, repeats, lambda: progress.advance(task))
    rate = product.rate(float(np.median(times[0]['product'])))
    found = dict(zip(map(id, here), times[1:]))
    found |= _time_alone(subjects, processes, repeats, progress)
    return [
        Result(
            subject,
            cost,
            found[id(subject)],
            peak,
            rate,
            1 if subject.alone is None else processes,
        )
        for subject, cost, peak in zip(subjects, costs, memory)
    ]


def _time_alone(
    subjects: Sequence[Subject], processes: int, repeats: int, progress: Progress
) -> dict[int, dict[str, np.ndarray]]:
    """Times of those that have processes of their own, by the subject's ``id``."""
    jobs = {id(subject): subject.alone for subject in subjects if subject.alone is not None}
    if not jobs:
        return {}
    task = progress.add_task('processes of their own', total=processes * len(jobs))
    try:
        times = time_alone(list(jobs.values()), processes, repeats, lambda: progress.advance(task))
    except RuntimeError as error:
        raise CannotMeasure(str(error)) from error
    return {name: dict(total=rounds.ravel()) for name, rounds in zip(jobs, times)}


def build_subject(spec: Spec) -> Subject:
    """Build what a spec describes.

    Raises:
        CannotMeasure: If it cannot be built here, or not be run so.
        FileNotFoundError: If its config or file is not there.
    """
    if spec.is_onnx and spec.scope == 'training':
        raise CannotMeasure(f'{spec.source} is an ONNX file, which cannot be trained')
    if spec.is_onnx:
        return onnx_subject(spec)
    if spec.scope == 'clip':
        raise CannotMeasure(
            f'{spec.source}: a clip goes through the runtime, which takes ONNX files: '
            'mim run mmpose_sdpose export_onnx'
        )
    return training_subject(spec) if spec.scope == 'training' else pytorch_subject(spec)


def cost_of(spec: Spec) -> tuple[Complexity | None, list[str]]:
    """Cost of one image and one pass of the network, and if it is not known, why.

    Raises:
        CannotMeasure, FileNotFoundError: As :func:`build_subject`.
    """
    if spec.is_onnx:
        return cost_of_file(spec)
    return cost_of_config(spec.source, spec.all_cycles), []


def be_quiet() -> None:
    """Keep back what MMEngine and MMPose remark while they build models.

    Where one of their configs names a package that is not there, a note of the subject says so.
    """
    MMLogger.get_current_instance().setLevel('ERROR')
    warnings.filterwarnings('ignore', module='mmpose')


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
    process = context.Process(target=_report_peak, args=(spec, sender))
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


def _report_peak(spec: Spec, sender: Connection) -> None:
    be_quiet()
    torch.set_num_threads(spec.threads)
    if spec.is_onnx:
        import onnxruntime  # noqa: F401  a library, too
    before = peak_bytes()
    measure = build_subject(spec).measure
    for _ in range(3):
        measure()
    sender.send((peak_bytes() - before) / 1e6)


def _build_all(
    specs: Sequence[Spec], with_memory: bool, progress: Progress
) -> tuple[list[Subject], list[float | None]]:
    task = progress.add_task('building', total=len(specs))
    subjects, memory = [], []
    for spec in specs:
        on_device = with_memory and spec.device == 'cuda' and not spec.is_onnx
        subject, peak = peak_on_device(spec) if on_device else (build_subject(spec), None)
        subjects.append(subject)
        memory.append(peak)
        progress.advance(task)
    if with_memory and specs[0].device == 'cpu':
        task = progress.add_task('memory, each in a process of its own', total=len(specs))
        for number, spec in enumerate(specs):
            if spec.engine != 'openvino':  # beside which there is ONNX Runtime, for the metadata
                memory[number] = peak_memory_of(spec)
            progress.advance(task)
    return subjects, memory


def peak_on_device(spec: Spec) -> tuple[Subject, float]:
    """A subject on a CUDA device, and the peak of what it alone has there, in MB (a million bytes).

    Raises:
        CannotMeasure, FileNotFoundError: As :func:`build_subject`.
    """
    _fill_workspaces()
    before = torch.cuda.memory_allocated()
    subject = build_subject(spec)
    torch.cuda.reset_peak_memory_stats()
    subject.measure()
    return subject, (torch.cuda.max_memory_allocated() - before) / 1e6


def _fill_workspaces() -> None:
    """Let cuBLAS allocate what it keeps, for both passes: else the first model measured pays for it."""
    for dtype in (torch.float32, torch.float16):
        left, right = torch.ones(2, 64, 64, device='cuda', dtype=dtype, requires_grad=True)
        (left @ right).sum().backward()
    torch.cuda.synchronize()


def _cost_of(subject: Subject) -> Complexity | None:
    cost, notes = cost_of(subject.spec)
    subject.notes += notes
    return cost
