"""From config and checkpoint to a verified ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmpose.models import TopdownPoseEstimator
from torch import Tensor, nn

from sdpose_runtime.files import whole_file
from sdpose_runtime.metadata_format import HEATMAPS

from ..configs import read_config
from .decoding_graph import CoordinateDecoding, HeatmapDecoding
from .inputs import InputMaker
from .metadata import describe, write_entry
from .model import load_model
from .network import Network
from .onnx_graph import check_opset, join, trace
from .packages import check_packages
from .quantise import to_half, to_int8
from .request import Request
from .session import OnnxSession
from .simcc import SimccOutput
from .verify import check_decoding, check_network, largest_difference, pixels, raw_outputs

if TYPE_CHECKING:
    from onnx import ModelProto

#: Told what is being done, before it is done.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """A verified graph, and what was seen on the way.

    Args:
        graph: The graph with its metadata.
        entry: The metadata.
        float_network: The same network in float32, with raw outputs.
        raw_output: What ``float_network`` gives, in the words of the metadata.
        model: The estimator.
        seen: What the graphs were run on.
        raw_difference: Largest difference of raw outputs between PyTorch and ``float_network``.
        decoding_difference: Of decoding inside the graph from the codec, pixels; None without it.
        pixel_differences: (B, K) of keypoints of ``graph`` from PyTorch's, pixels of the input.
    """

    graph: ModelProto
    entry: dict[str, Any]
    float_network: ModelProto
    raw_output: str
    model: TopdownPoseEstimator
    seen: str
    raw_difference: float
    decoding_difference: float | None
    pixel_differences: np.ndarray

    @property
    def output(self) -> str:
        return self.entry['output']

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        with whole_file(path) as file:
            file.write(self.graph.SerializeToString())


def export(request: Request, say: Say = lambda step: None) -> Exported:
    """Export a model, verify it on real-looking input and describe it.

    Raises:
        ExportNotPossible: If it cannot be exported so, or the graph does not compute what PyTorch does.
        OSError, ValueError, KeyError: If config, checkpoint or calibration data cannot be read.
    """
    check_packages()
    check_opset(request.opset)
    config, model = read_config(request.config), load_model(request.config, request.checkpoint)
    network, codec = Network(model).eval(), model.head.decoder
    output = request.output(network)
    entry = describe(config, model, output, request.precision)
    say('reading images')
    images, seen = _images(request, InputMaker(config, model))
    some = images[:8].numpy()
    expected = raw_outputs(network, images[:8])

    say('PyTorch to ONNX')
    example = torch.zeros(request.batch or 2, *images.shape[1:])  # 1 would be taken for a constant
    float_network = _trace(request, network, [example], ('image',), network.output_names)
    raw_difference = largest_difference(expected, OnnxSession(float_network)(image=some))
    check_network(raw_difference)

    say(request.precision)
    graph = _in_precision(request, float_network, images.numpy())
    decoding_difference = None
    if request.decodes:
        say('decoding')
        graph, decoding_difference = _with_decoding(request, graph, network, network(example))
    write_entry(graph, entry)

    say('comparison')
    found = pixels(codec, OnnxSession(graph)(image=some), output)
    distances = np.linalg.norm(found - pixels(codec, expected, network.output), axis=-1)
    return Exported(
        graph=graph,
        entry=entry,
        float_network=float_network,
        raw_output=network.output,
        model=model,
        seen=f'{len(some)} {seen}',
        raw_difference=raw_difference,
        decoding_difference=decoding_difference,
        pixel_differences=distances,
    )


def _images(request: Request, maker: InputMaker) -> tuple[Tensor, str]:
    """Real-looking inputs, and what they are."""
    if request.calibration is None:
        return maker.drawn_people(8), 'drawn people'
    source = maker.from_folder if Path(request.calibration).is_dir() else maker.from_config
    return source(request.calibration, request.calibration_images), 'calibration images'


def _trace(request: Request, module: nn.Module, *arguments: Any) -> ModelProto:
    return trace(module, *arguments, opset=request.opset, dynamic=request.batch is None)


def _in_precision(request: Request, graph: ModelProto, images: np.ndarray) -> ModelProto:
    if request.precision == 'int8':
        return to_int8(graph, images)
    return to_half(graph) if request.precision == 'fp16' else graph


def _with_decoding(
    request: Request, graph: ModelProto, network: Network, raw: tuple[Tensor, ...]
) -> tuple[ModelProto, float]:
    """The graph, decoding put behind it in float32, and the difference of that from the codec."""
    codec, points = network.model.head.decoder, ('keypoints', 'scores')
    if network.output == HEATMAPS:
        decoding = HeatmapDecoding(codec)
    else:
        decoding = CoordinateDecoding(codec.input_size)
    # Called otherwise than the outputs, which may be keypoints and scores too.
    inputs = [f'raw_{name}' for name in network.output_names]
    traced = _trace(request, decoding, raw, inputs, points)
    difference = check_decoding(traced, network)
    parts = dict(network=graph, decoding=traced)
    if request.simcc is not None:
        simcc = SimccOutput(codec.input_size, request.simcc)
        parts['simcc'] = _trace(request, simcc, decoding(*raw), points, ('simcc_x', 'simcc_y'))
    return join(parts), difference
