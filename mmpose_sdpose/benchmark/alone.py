"""Exported networks by themselves, in ONNX Runtime or OpenVINO, each timed in processes of its own.

Run as a script, this file loads NumPy, an engine and the runtime's few lines around it, and nothing of
PyTorch or MMPose: what is timed is alone, as it is on a device. The processes take turns, round after
round, so that noise hits all alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module

import numpy as np

from sdpose_runtime.sessions import open_session, run_session

Network = Callable[[np.ndarray], list[np.ndarray]]

#: What runs exported files.
ENGINES = ('onnxruntime', 'openvino')
#: Runs before the first one that counts.
WARMUP = 10


@dataclass(frozen=True)
class Job:
    """What a process times; plain data, handed over as text.

    Args:
        source: An ONNX file.
        engine: One of :data:`ENGINES`.
        threads: Threads that may compute.
        shape: Of the images of a run.
        dtype: Their type, as NumPy calls it.
        provider: Of ONNX Runtime.
    """

    source: str
    engine: str
    threads: int
    shape: tuple[int, ...]
    dtype: str = 'float32'
    provider: str = 'CPUExecutionProvider'

    def images(self) -> np.ndarray:
        return np.random.default_rng(0).standard_normal(self.shape).astype(self.dtype)


def open_network(job: Job) -> Network:
    """A function from a normalised batch to the outputs, in the order of the graph.

    Raises:
        FileNotFoundError, ImportError, ValueError: If the file or the engine is not there, or it cannot
            run the file.
    """
    if job.engine == 'openvino':
        return _open_in_openvino(job)
    session = open_session(job.source, job.threads, [job.provider])
    return lambda images: run_session(session, None, images)


def _open_in_openvino(job: Job) -> Network:
    try:
        openvino = import_module('openvino')
    except ImportError as error:
        raise ImportError(f'OpenVINO cannot be imported ({error}): pip install openvino') from error
    if not os.path.isfile(job.source):
        raise FileNotFoundError(f'no model at {job.source}')
    # Float32 as the file has it: on some processors OpenVINO would compute in bfloat16.
    settings = dict(
        INFERENCE_NUM_THREADS=job.threads,
        INFERENCE_PRECISION_HINT='f32',
        PERFORMANCE_HINT='LATENCY',
    )
    try:
        compiled = openvino.Core().compile_model(job.source, 'CPU', settings)
    except RuntimeError as error:
        reason = str(error).strip().split('\n')[-1]
        raise ValueError(f'{job.source} cannot be run by OpenVINO: {reason}') from error
    request = compiled.create_infer_request()

    def run(images: np.ndarray) -> list[np.ndarray]:
        found = request.infer({0: images})
        return [found[output] for output in compiled.outputs]

    return run


def time_alone(
    jobs: Sequence[Job],
    processes: int,
    repeats: int,
    after_turn: Callable[[], None] = lambda: None,
) -> list[np.ndarray]:
    """Round after round, start a process for each job that opens it and times it.

    Args:
        jobs: What to time.
        processes: Rounds.
        repeats: Runs that count, in each process.
        after_turn: Called after every process.

    Returns:
        For each job (processes, repeats) milliseconds.

    Raises:
        RuntimeError: If a process failed; says why.
    """
    rounds = []
    for _ in range(processes):
        turns = []
        for job in jobs:
            turns.append(_run_process(job, repeats))
            after_turn()
        rounds.append(turns)
    return [np.array([turns[index] for turns in rounds]) for index in range(len(jobs))]


def _run_process(job: Job, repeats: int) -> list[float]:
    command = [sys.executable, __file__, json.dumps(asdict(job)), str(repeats)]
    paths = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    done = subprocess.run(command, env=paths, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or f'ended with {done.returncode}').split('\n')[-1]
        raise RuntimeError(f'{job.source}: the process that times it failed: {last}')
    return json.loads(done.stdout.strip().split('\n')[-1])


def main() -> None:
    """Write the milliseconds of each run to the standard output."""
    job, repeats = Job(**json.loads(sys.argv[1])), int(sys.argv[2])
    run, images = open_network(job), job.images()
    times = []
    for _ in range(WARMUP + repeats):
        begin = time.perf_counter()
        run(images)
        times.append(1000 * (time.perf_counter() - begin))
    sys.stdout.write(json.dumps(times[WARMUP:]))


if __name__ == '__main__':
    main()
