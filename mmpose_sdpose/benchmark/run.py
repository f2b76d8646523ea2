from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from rich.progress import Progress

from ..evaluation.complexity import Complexity
from .build import build_subject, cost_of
from .matrix_product import MatrixProduct
from .memory import peak_memory_of
from .subject import PARTS, Spec, Subject
from .timing import WARMUP_ROUNDS, measure_in_turn


@dataclass
class Result:
    """What was measured of one subject.

    Args:
        subject: Whose numbers these are.
        cost: Parameters and multiply-adds of one image and one pass, where known.
        times: Part (``total``, and those of :data:`~.subject.PARTS`) -> milliseconds of each round.
        peak_memory_mb: In millions of bytes; None where it was not measured.
        product_rate: Giga multiply-adds a second of the machine's matrix product, in the same run.
    """

    subject: Subject
    cost: Complexity | None
    times: dict[str, np.ndarray]
    peak_memory_mb: float | None
    product_rate: float

    def median_ms(self, part: str = 'total') -> float:
        return float(np.median(self.times[part]))

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
        done = cost.flops_with_attention * spec.batch * spec.passes
        return done / self.median_ms() / 1e6 / self.product_rate


def run_benchmark(
    specs: Sequence[Spec], repeats: int, with_memory: bool, progress: Progress
) -> list[Result]:
    """Build all, then time all in turn in one run, the machine's matrix product among them.

    Args:
        specs: What to measure; all on the same device, with the same number of threads.
        repeats: Passes of each that count.
        with_memory: Measure peak memory as well; on a CPU this takes a process for each.
        progress: Is told how far things are.

    Raises:
        CannotMeasure, FileNotFoundError: Before anything is timed, if something cannot be built.
    """
    torch.set_num_threads(specs[0].threads)
    cv2.setNumThreads(specs[0].threads)
    subjects, memory = _build_all(specs, with_memory, progress)
    costs = [_cost_of(subject) for subject in subjects]
    product = MatrixProduct(specs[0].device)
    turns = len(subjects) + 1
    task = progress.add_task('timing', total=turns * (repeats + WARMUP_ROUNDS))
    measures = [product.measure, *(subject.measure for subject in subjects)]
    times = measure_in_turn(measures, repeats, lambda: progress.advance(task))
    rate = product.rate(float(np.median(times[0]['product'])))
    return [Result(*parts, rate) for parts in zip(subjects, costs, times[1:], memory)]


def _cost_of(subject: Subject) -> Complexity | None:
    cost, notes = cost_of(subject.spec)
    subject.notes += notes
    return cost


def _build_all(
    specs: Sequence[Spec], with_memory: bool, progress: Progress
) -> tuple[list[Subject], list[float | None]]:
    task = progress.add_task('building', total=len(specs))
    subjects, memory = [], []
    for spec in specs:
        on_device = with_memory and spec.device == 'cuda' and not spec.is_onnx
        subject, peak = _with_peak(spec) if on_device else (build_subject(spec), None)
        subjects.append(subject)
        memory.append(peak)
        progress.advance(task)
    if with_memory and specs[0].device == 'cpu':
        task = progress.add_task('memory, each in a process of its own', total=len(specs))
        memory = []
        for spec in specs:
            memory.append(peak_memory_of(spec))
            progress.advance(task)
    return subjects, memory


def _with_peak(spec: Spec) -> tuple[Subject, float]:
    """A subject on a CUDA device, and the peak of what it alone has there, in MB."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    subject = build_subject(spec)
    torch.cuda.reset_peak_memory_stats()
    subject.measure()
    return subject, (torch.cuda.max_memory_allocated() - before) / 1e6
