"""ONNX files opened with ONNX Runtime; what is wrong with a file is said in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnxruntime


def open_session(
    model: str | Path | bytes,
    threads: int | None = None,
    providers: Sequence[str] | None = None,
    busy_wait: bool = True,
) -> onnxruntime.InferenceSession:
    """Load an ONNX model.

    Args:
        model: Its file, or what such a file holds.
        threads: Threads for one operator; None: as many as ONNX Runtime finds good.
        providers: What it runs on, in order of preference; None: the CPU.
        busy_wait: Threads wait busily for the next operator of a run: fastest on an idle machine, slow
            on a busy one.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If ONNX Runtime is not installed.
        ValueError: If it is no ONNX model that can be run here, or a provider is not to be had.
    """
    onnxruntime = _import_onnxruntime()
    in_memory = isinstance(model, bytes)
    if not in_memory and not Path(model).is_file():
        raise FileNotFoundError(f'no model at {model}')
    if threads is not None and threads < 1:
        raise ValueError(f'threads ({threads}) must be 1 or more')
    providers = _checked(providers, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    options.intra_op_num_threads = threads or 0
    # Between runs its threads would wait busily, beside decoding, drawing and another model.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    if not busy_wait:
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        content = model if in_memory else str(model)
        return onnxruntime.InferenceSession(content, options, providers)
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        reason = str(error).strip().split('\n')[0]
        name = 'the graph' if in_memory else model
        raise ValueError(
            f'{name} cannot be run as an ONNX model by ONNX Runtime {onnxruntime.__version__}: {reason}'
        ) from error


def run_session(
    session: onnxruntime.InferenceSession, names: Sequence[str] | None, inputs: np.ndarray
) -> list[np.ndarray]:
    """The outputs of these names, or all of them, for the one input.

    Raises:
        RuntimeError: If the network cannot be run on this input.
    """
    try:
        return session.run(names and list(names), {session.get_inputs()[0].name: inputs})
    except Exception as error:  # as above
        reason = str(error).strip().split('\n')[0]
        raise RuntimeError(f'the network cannot be run on {inputs.shape}: {reason}') from error


def _import_onnxruntime() -> ModuleType:
    """Imported with the first file, so that the rest of the package does without."""
    try:
        return import_module('onnxruntime')
    except ImportError as error:
        raise ImportError(
            f'sdpose_runtime runs models with ONNX Runtime, which cannot be imported ({error}): '
            'pip install onnxruntime'
        ) from error


def _checked(providers: Sequence[str] | None, available: Sequence[str]) -> list[str]:
    providers = ['CPUExecutionProvider'] if providers is None else list(providers)
    unknown = [name for name in providers if name not in available]
    if unknown:
        raise ValueError(
            f'no provider {unknown[0]} here: there are {", ".join(available)}; CUDA comes with '
            'pip install onnxruntime-gpu'
        )
    return providers
