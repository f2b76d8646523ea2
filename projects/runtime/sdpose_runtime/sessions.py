"""ONNX files opened with ONNX Runtime; what is wrong with a file is said in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnxruntime

MOST_THREADS = 1024
#: Numbers in one input or output of a network that runs here: a gigabyte.
MOST_NUMBERS = 2**28


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
    name = 'the graph' if isinstance(model, bytes) else str(model)
    if not isinstance(model, bytes) and not Path(model).is_file():
        raise FileNotFoundError(f'no model at {name}')
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise ValueError(f'threads ({threads}) must be 1 to {MOST_THREADS}')
    providers = _checked(providers, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    options.intra_op_num_threads = threads or 0
    # Between runs its threads would wait busily, beside decoding, drawing and another model.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    if not busy_wait:
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        content = model if isinstance(model, bytes) else name
        return onnxruntime.InferenceSession(content, options, providers)
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise ValueError(
            f'{name} cannot be run as an ONNX model by ONNX Runtime {onnxruntime.__version__}: '
            f'{_first_line(error)}'
        ) from error


@dataclass(frozen=True)
class ImageInput:
    """The images that a network takes, (B, 3, H, W).

    Args:
        batch: How many at once; None: any number.
        size: Their width and height, pixels; None: left open.
    """

    batch: int | None
    size: tuple[int, int] | None


def image_input(session: onnxruntime.InferenceSession, path: object) -> ImageInput:
    """The one input of a network.

    Raises:
        ValueError: If it has another number of inputs, or its input is no float32 batch of images.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ValueError(f'{path} has {len(inputs)} inputs: expected one, images (B, 3, H, W)')
    shape, kind = inputs[0].shape, inputs[0].type
    if kind != 'tensor(float)' or len(shape) != 4 or (_known(shape[1]) and shape[1] != 3):
        raise ValueError(f'{path} takes {kind} {shape}, not float32 images (B, 3, H, W)')
    _check_extent(shape, path)
    batch, _, height, width = (side if _known(side) else None for side in shape)
    return ImageInput(batch, (width, height) if width and height else None)


def check_outputs(session: onnxruntime.InferenceSession, path: object) -> None:
    """See that a network gives numbers, and not more of them than memory holds.

    Raises:
        ValueError: If not.
    """
    for output in session.get_outputs():
        if output.type not in ('tensor(float)', 'tensor(int64)', 'tensor(int32)'):
            raise ValueError(f'{path} gives {output.name} as {output.type}, not as numbers')
        _check_extent(output.shape, path)


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
        raise RuntimeError(
            f'the network cannot be run on {inputs.shape}: {_first_line(error)}'
        ) from error


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


def _known(side: object) -> bool:
    """Whether a side is given as a number; else it is a name, or nothing."""
    return isinstance(side, int)


def _check_extent(shape: Sequence[object], path: object) -> None:
    sides = [side for side in shape or () if isinstance(side, int)]
    if any(side < 0 for side in sides) or math.prod(sides) > MOST_NUMBERS:
        raise ValueError(f'{path} has an input or output of shape {shape}, which cannot be')


def _first_line(error: Exception) -> str:
    return str(error).strip().split('\n')[0]
