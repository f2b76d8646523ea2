from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

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
    'clip': f'a clip of 640x480 frames with {PEOPLE_OF_CLIP} drawn people each, through the runtime: '
    'from a decoded frame and its boxes to the picture with all skeletons; no detector',
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
    """

    source: str
    batch: int = 1
    scope: str = 'network'
    device: str = 'cpu'
    threads: int = 1
    all_cycles: bool = False
    fuse_conv_bn: bool = False
    training: TrainingOptions = field(default_factory=TrainingOptions)

    @property
    def is_onnx(self) -> bool:
        return self.source.endswith('.onnx')

    @property
    def engine(self) -> str:
        return 'onnxruntime' if self.is_onnx else 'pytorch'

    @property
    def passes(self) -> int:
        """How often the network runs."""
        return 2 if 'flip' in self.scope else 1

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
    """

    spec: Spec
    input_size: tuple[int, int]
    measure: Callable[[], dict[str, float]]
    notes: list[str] = field(default_factory=list)
