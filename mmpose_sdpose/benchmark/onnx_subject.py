from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from sdpose_runtime.metadata_format import KEY

from ..configs import input_size
from ..evaluation.complexity import Complexity
from .made_up_data import made_up_boxes, made_up_image
from .pytorch_subject import cost_of_config
from .subject import CannotMeasure, Spec, Subject
from .timing import timed

if TYPE_CHECKING:
    import onnxruntime

_NUMPY_TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}
PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


def build_onnx_subject(spec: Spec) -> Subject:
    """An exported model in ONNX Runtime, ready to predict.

    Raises:
        CannotMeasure: If onnxruntime is missing, or the file is no model that takes such a batch.
        FileNotFoundError: If there is no such file.
    """
    session = open_session(spec.source, spec.threads, spec.device)
    size = _input_size(spec.source, session)
    run = _network(spec, session, size) if spec.scope == 'network' else _pipeline(spec)
    return Subject(spec, size, lambda: dict(total=timed(run, 'cpu')[1]))


@cache
def open_session(source: str, threads: int, device: str) -> onnxruntime.InferenceSession:
    """The network, computing on so many threads and leaving the processor alone between runs."""
    sessions = import_sessions(source)
    try:
        return sessions.open_session(source, threads, [PROVIDERS[device]])
    except ValueError as error:
        raise CannotMeasure(str(error)) from error


def cost_of_file(spec: Spec) -> tuple[Complexity | None, list[str]]:
    """The cost of the model that was exported, by its config, and if it is not known, why."""
    session = open_session(spec.source, spec.threads, spec.device)
    config, name = read_metadata(session).get('config'), Path(spec.source).name
    if config is None:
        return None, [f'{name} names no config: its parameters and GFLOPs are not known']
    try:
        if input_size(config) == _input_size(spec.source, session):
            return cost_of_config(config), []
        return None, [f'{name} has another input size than its config {config}: GFLOPs not known']
    except FileNotFoundError:
        return None, [f'{name} was made from {config}, which is not here: GFLOPs not known']


def read_metadata(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """What ``export_onnx`` wrote about the model; nothing for a file from elsewhere."""
    return json.loads(session.get_modelmeta().custom_metadata_map.get(KEY, '{}'))


def import_sessions(source: str) -> ModuleType:
    """What opens files in ONNX Runtime, which only ``source`` needs.

    Raises:
        CannotMeasure: If it is not installed, or cannot be imported.
    """
    try:
        import onnxruntime  # noqa: F401  the one that may be missing

        from sdpose_runtime import sessions
    except ImportError as error:
        raise CannotMeasure(
            f'{source} needs ONNX Runtime, which cannot be imported ({error}): '
            'pip install onnxruntime'
        ) from error
    return sessions


def _network(
    spec: Spec, session: onnxruntime.InferenceSession, size: tuple[int, int]
) -> Callable[[], object]:
    image = session.get_inputs()[0]
    if isinstance(image.shape[0], int) and image.shape[0] != spec.batch:
        raise CannotMeasure(
            f'{spec.source} takes batches of {image.shape[0]} alone, not of {spec.batch}: '
            'export it with a dynamic batch, or choose another --batch'
        )
    if image.type not in _NUMPY_TYPES:
        raise CannotMeasure(f'{spec.source} takes {image.type}, no batch of floating-point images')
    shape = (spec.batch, 3, size[1], size[0])
    images = np.random.default_rng(0).standard_normal(shape).astype(_NUMPY_TYPES[image.type])
    return lambda: session.run(None, {image.name: images})


def _pipeline(spec: Spec) -> Callable[[], object]:
    """Image and boxes to keypoints, by the package's own runtime."""
    if spec.scope == 'flip':
        raise CannotMeasure(
            f'{spec.source}: the flip test of an ONNX file is part of --scope pipeline; say '
            '--scope pipeline --flip'
        )
    from sdpose_runtime import PoseModel

    try:
        model = PoseModel(spec.source, spec.threads, [PROVIDERS[spec.device]], max_batch=spec.batch)
    except ValueError as error:
        raise CannotMeasure(str(error)) from error
    image, boxes = made_up_image(), made_up_boxes(spec.batch)
    flip_test = 'flip' in spec.scope
    return lambda: model(image, boxes, flip_test=flip_test)


def _input_size(source: str, session: onnxruntime.InferenceSession) -> tuple[int, int]:
    """Width and height, from the graph, or where they are left open there, from the metadata."""
    shape = session.get_inputs()[0].shape
    if len(shape) != 4:
        raise CannotMeasure(f'{source} takes an input of shape {shape}, not a batch of images')
    height, width = shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        return width, height
    metadata = read_metadata(session)
    if 'input_size' not in metadata:
        raise CannotMeasure(f'{source} leaves its input size open ({shape}): export it with one')
    return tuple(metadata['input_size'])
