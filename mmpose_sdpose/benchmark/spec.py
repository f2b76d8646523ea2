"""What is to be measured, and what is ready to be."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmengine.config import Config

from ..configs import read_config
from .alone import Job

PEOPLE_OF_CLIP = 3

#: What a pass covers, in words, by the scope's name.
SCOPES = {
    'network': 'the network alone, from a normalised batch to heatmaps or coordinates',
    'flip': 'the network with flip test (two passes) and decoding, from a normalised batch to keypoints',
    'pipeline': 'everything from a decoded image with as many boxes as the batch to keypoints: '
    'cropping, normalisation, network, decoding',
    'pipeline+flip': 'everything from a decoded image with as many boxes as the batch to keypoints: '
    'cropping, normalisation, network twice (flip test), decoding',
    'training': 'one training step without the optimizer: preprocessing and forward pass to the loss, '
    'backward pass',
    'clip': f'a clip of 640x480 frames with {PEOPLE_OF_CLIP} people each, through the runtime: from a '
    'decoded frame and its boxes to the picture with all skeletons; no detector',
}
#: What a pass consists of, in the scopes where that is told apart. Data is beside, not in the step.
PARTS = {
    'training': ('data', 'forward', 'backward'),
    'clip': ('preprocessing', 'network', 'decoding', 'drawing'),
}


class CannotMeasure(Exception):
    """A model cannot be built or run as asked; says why, and what to do."""


@dataclass(frozen=True)
class TrainingOptions:
    """How a training step is run.

    Args:
        amp: Mixed precision, as ``mim train --amp``.
        compile: ``torch.compile`` of the forward pass, as MMEngine's ``compile=True``.
        channels_last: Weights of the whole model and images in channels-last memory.
        explicit_attention: Attention as two products around a softmax, not fused.
    """

    amp: bool = False
    compile: bool = False
    channels_last: bool = False
    explicit_attention: bool = False

    def __str__(self) -> str:
        return ' '.join(name.replace('_', '-') for name, on in vars(self).items() if on) or 'plain'


@dataclass(frozen=True)
class Spec:
    """What is to be measured; plain data, so that another process can build the same.

    Args:
        source: A config as :func:`~mmpose_sdpose.configs.read_config` takes it, or an ONNX file.
        batch: Images of a pass.
        scope: A name of :data:`SCOPES`.
        device: ``cpu`` or ``cuda``.
        threads: Threads that may compute.
        all_cycles: Compute every cycle, with explicit attention, as the official code does in a test.
        fuse_conv_bn: Fold each BatchNorm into the convolution before it; of PyTorch's predictions alone.
        training: How a training step is run; of use in the scope ``training`` alone.
        exported_in: What runs an ONNX file: 'onnxruntime', or for the scope ``network`` 'openvino'.
    """

    source: str
    batch: int = 1
    scope: str = 'network'
    device: str = 'cpu'
    threads: int = 1
    all_cycles: bool = False
    fuse_conv_bn: bool = False
    training: TrainingOptions = field(default_factory=TrainingOptions)
    exported_in: str = 'onnxruntime'

    @property
    def is_onnx(self) -> bool:
        return self.source.endswith('.onnx')

    @property
    def engine(self) -> str:
        return self.exported_in if self.is_onnx else 'pytorch'

    @property
    def name(self) -> str:
        """The config's or file's name without its suffix."""
        stem = re.sub(r'\.(py|onnx)$', '', Path(self.source.split('::')[-1]).name)
        variant = ''
        if self.all_cycles:
            variant = 'all cycles'
        elif self.fuse_conv_bn and not self.is_onnx:
            variant = 'conv and bn fused'
        elif self.training != TrainingOptions():
            variant = str(self.training)
        return f'{stem} ({variant})' if variant else stem


@dataclass
class Subject:
    """Something built and ready to be timed.

    Args:
        spec: What it was built from.
        input_size: Width and height of the network's input, in pixels.
        measure: Runs it once; part of it -> milliseconds.
        notes: What the reader of its numbers has to know.
        passes: How often the network sees an image, in a run.
        alone: How to time it in a process of its own; None where it is timed here.
    """

    spec: Spec
    input_size: tuple[int, int]
    measure: Callable[[], dict[str, float]]
    notes: list[str] = field(default_factory=list)
    passes: int = 1
    alone: Job | None = None


def list_specs(
    sources: Sequence[str],
    batches: Sequence[int],
    common: Spec,
    all_cycles: bool = False,
    openvino: bool = False,
) -> list[Spec]:
    """What to measure: batch by batch, models in the order given, all cycles next to one.

    A training step with options has a plain one before it.

    Args:
        sources: Configs and ONNX files.
        batches: Batch sizes; of a clip, whose frames have a set number of people, none count.
        common: What all share; its source and batch are replaced.
        all_cycles: Add models of several cycles as the official code computes them.
        openvino: Add each ONNX file in OpenVINO.

    Raises:
        CannotMeasure: If ``all_cycles`` is on and no model has several, ``openvino`` is and there is no
            ONNX file, or a config cannot be read.
        FileNotFoundError: If there is no such config.
    """
    if common.scope == 'clip':
        batches = [PEOPLE_OF_CLIP]
    sources = [_with_suffix(source) for source in sources]
    cyclic = [source for source in sources if all_cycles and _has_cycles(source)]
    if all_cycles and not cyclic:
        raise CannotMeasure('--all-cycles: none of these models has a second cycle')
    if openvino and not any(source.endswith('.onnx') for source in sources):
        raise CannotMeasure('--openvino: none of these is an ONNX file')
    specs = []
    for batch in batches:
        for source in sources:
            specs.append(replace(common, source=source, batch=batch, training=TrainingOptions()))
            if common.training != TrainingOptions():
                specs.append(replace(common, source=source, batch=batch))
            if openvino and specs[-1].is_onnx:
                specs.append(replace(specs[-1], exported_in='openvino'))
            if source in cyclic:
                specs.append(replace(specs[-1], all_cycles=True, fuse_conv_bn=False))
    return specs


def open_config(source: str) -> Config:
    """A config by path, our name or ``mmpose::PATH``.

    Raises:
        CannotMeasure: If it cannot be read.
        FileNotFoundError: If there is none.
    """
    try:
        return read_config(source)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, ImportError, SyntaxError, KeyError, ValueError) as error:
        raise CannotMeasure(f'{source} is no config: {in_one_line(error)}') from error


def in_one_line(error: Exception) -> str:
    """What an exception says, and where MMEngine's registry says it at length, the gist."""
    text = str(error.args[0] if error.args else error)
    absent = re.search(r'(\w+)\.(\w+) is not in the \S+ registry', text)
    if absent:
        package, name = absent.groups()
        return f'its config asks for {name} of the package {package}, which is not installed here'
    return text.split('\n')[0]


def _has_cycles(source: str) -> bool:
    """Whether a config's model passes its encoder more than once while training."""
    if source.endswith('.onnx'):
        return False
    model = open_config(source).model
    student = model.get('student', model)
    if isinstance(student, str):
        return _has_cycles(student)
    return (student.get('head') or {}).get('num_cycles', 1) > 1


def _with_suffix(source: str) -> str:
    """MMEngine wants the names of MMPose's configs with ``.py``."""
    return f'{source}.py' if '::' in source and not source.endswith('.py') else source
