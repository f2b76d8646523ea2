"""ONNX files: the network alone, the runtime from an image to keypoints, and a clip through it.

A session's threads wait busily for work: within a run, and by ONNX Runtime's default after it. Sessions
that take turns in one process then slow each other, and so do processes that take turns at once. The
runtime's sessions end their waiting with the run; the network alone is timed in processes of its own
(:mod:`.alone`), and where it runs here, as for its memory, in a session that does not wait busily.
On two cores that others used as well, four models in turn took, relative to each alone in a process
(the fastest twentieth of 90 runs, in brackets the median): by default 1.23 (1.60), in processes of their
own 1.50 (1.94); without busy waiting 1.00 (1.01) in one process, 0.98 (0.63) in processes of their own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sdpose_runtime import Boxes, PoseModel, Stopwatch, draw_people
from sdpose_runtime.metadata_format import KEY
from sdpose_runtime.pipeline import PipelineOptions, PosePipeline
from sdpose_runtime.sessions import open_session, run_session
from sdpose_runtime.sources import Frame

from ..configs import input_size
from ..evaluation.complexity import Complexity
from .alone import Job, Network, open_network
from .made_up_data import made_up_boxes, made_up_image
from .measuring import timed
from .pytorch_models import cost_of_config
from .spec import PEOPLE_OF_CLIP, CannotMeasure, Spec, Subject

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Measure = Callable[[], dict[str, float]]

_FRAMES = 8  # of a clip, different ones; then from the first again
_LOWEST = float(np.finfo(np.float32).min)  # a threshold that every score is above
_NUMPY_TYPES = {'tensor(float)': 'float32', 'tensor(float16)': 'float16'}
_PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


def onnx_subject(spec: Spec) -> Subject:
    """An exported model in ONNX Runtime, ready to predict.

    Raises:
        CannotMeasure: If ONNX Runtime is missing, or the file is no model that can be run so.
        FileNotFoundError: If there is no such file.
    """
    if 'flip' in spec.scope:
        raise CannotMeasure(
            f'{spec.source}: an ONNX file has its flip test inside, or none: export it with '
            '--flip-test and time that file'
        )
    job = None
    if spec.scope == 'network':
        session = _session_of(spec.source, spec.threads, spec.device)
        job = _job(spec, session)
        measure = _network(job, session)
    else:
        model = _pose_model(spec)
        session = model.session
        measure = _clip(model) if spec.scope == 'clip' else _pipeline(model, spec.batch)
    subject = Subject(spec, _input_size(spec.source, session), measure, alone=job)
    if read_metadata(session).get('flip_test'):
        subject.passes = 2
        subject.notes.append(f'{spec.name} has its flip test inside: two passes of the network')
    return subject


def cost_of_file(spec: Spec) -> tuple[Complexity | None, list[str]]:
    """The cost of the model that was exported, by its config, and if it is not known, why."""
    session = _session_of(spec.source, spec.threads, spec.device)
    config, name = read_metadata(session).get('config'), Path(spec.source).name
    if config is None:
        return None, [f'{name} names no config: its parameters and GFLOPs are not known']
    try:
        if input_size(config) == _input_size(spec.source, session):
            return cost_of_config(config), []
        return None, [f'{name} has another input size than its config {config}: GFLOPs not known']
    except FileNotFoundError:
        return None, [f'{name} was made from {config}, which is not here: GFLOPs not known']


def read_metadata(session: InferenceSession) -> dict[str, Any]:
    """What ``export_onnx`` wrote about the model; nothing for a file from elsewhere."""
    return json.loads(session.get_modelmeta().custom_metadata_map.get(KEY, '{}'))


@cache
def _session_of(source: str, threads: int, device: str) -> InferenceSession:
    try:
        return open_session(source, threads, [_PROVIDERS[device]], busy_wait=False)
    except (ImportError, ValueError) as error:
        raise CannotMeasure(str(error)) from error


def _pose_model(spec: Spec) -> PoseModel:
    try:
        providers = [_PROVIDERS[spec.device]]
        return PoseModel(spec.source, spec.threads, providers, max_batch=spec.batch)
    except (ImportError, ValueError) as error:
        raise CannotMeasure(str(error)) from error


def _input_size(source: str, session: InferenceSession) -> tuple[int, int]:
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


def _job(spec: Spec, session: InferenceSession) -> Job:
    """A run of a normalised batch."""
    image, (width, height) = session.get_inputs()[0], _input_size(spec.source, session)
    if isinstance(image.shape[0], int) and image.shape[0] != spec.batch:
        raise CannotMeasure(
            f'{spec.source} takes batches of {image.shape[0]} alone, not of {spec.batch}: '
            'export it with a dynamic batch, or choose another --batch'
        )
    if image.type not in _NUMPY_TYPES:
        raise CannotMeasure(f'{spec.source} takes {image.type}, no batch of floating-point images')
    if spec.engine == 'openvino' and spec.device != 'cpu':
        raise CannotMeasure(f'{spec.source}: OpenVINO is timed on the CPU alone')
    shape, provider = (spec.batch, 3, height, width), _PROVIDERS[spec.device]
    dtype = _NUMPY_TYPES[image.type]
    return Job(str(spec.source), spec.engine, spec.threads, shape, dtype, provider)


def _network(job: Job, session: InferenceSession) -> Measure:
    """A normalised batch to the outputs."""
    images = job.images()
    run: Network = partial(run_session, session, None)
    if job.engine != 'onnxruntime':
        try:
            run = open_network(job)
        except (ImportError, ValueError) as error:
            raise CannotMeasure(str(error)) from error
    return lambda: dict(total=timed(lambda: run(images))[1])


def _pipeline(model: PoseModel, people: int) -> Measure:
    """An image and boxes to keypoints."""
    image, boxes = made_up_image(), made_up_boxes(people)
    return lambda: dict(total=timed(lambda: model(image, boxes))[1])


def _clip(model: PoseModel) -> Measure:
    """A frame and its boxes to the picture, frame by frame; every joint is drawn."""
    frames = itertools.cycle([made_up_image(seed) for seed in range(_FRAMES)])
    corners = made_up_boxes(PEOPLE_OF_CLIP)
    boxes = Boxes(corners, np.ones(len(corners), np.float32))
    pipeline = PosePipeline(model, lambda frame: boxes, PipelineOptions(threshold=_LOWEST))

    def show(image: np.ndarray) -> None:
        people = pipeline(Frame('clip', image))
        with pipeline.stopwatch.measure('drawing'):
            draw_people(image, people, model.info, threshold=_LOWEST)

    def measure() -> dict[str, float]:
        image = next(frames)
        stopwatch = pipeline.stopwatch = Stopwatch()
        _, total = timed(lambda: show(image))
        parts = {part: 1000 * seconds for part, seconds in stopwatch.seconds.items()}
        return dict(parts, total=total)

    return measure
