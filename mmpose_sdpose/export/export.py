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
from sdpose_runtime.metadata_format import THRESHOLD

from ..checkpoint import load_weights
from ..configs import build_model, read_config, read_metainfo
from ..models.heads import innermost
from .decoding import decoding_of
from .graph import ExportNotPossible, OnnxSession, check_opset, check_packages, join, trace
from .inputs import InputMaker
from .metadata import describe, write_entry
from .network import Mirror, Network
from .quantise import store_half, to_half, to_int8
from .verify import check_decoding, check_network, predict, raw_outputs

if TYPE_CHECKING:
    from onnx import ModelProto

#: Fewer images say too little about the range of activations.
LEAST_IMAGES = 8
#: The graph is compared on so many images.
COMPARED = 8

#: Told what is being done, before it is done.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be exported, and how.

    Args:
        config: Path or name of the config.
        checkpoint: File, URL or ``mmpose_sdpose://NAME.pth``.
        precision: 'fp32', 'fp16', 'fp16-weights' or 'int8'.
        flip_test: Whether the graph averages with the mirrored image.
        calibration: For 'int8': a folder of images, or a config that names training data.
        calibration_images: At most so many of them.
        images: What the graph is compared on, a folder or a config too; None: the images of the
            calibration, or made-up people.
        batch: Images in one run; None: any number.
        opset: Version of the operators.
        threshold: Score from which on a keypoint counts as found.
    """

    config: str
    checkpoint: str
    precision: str = 'fp32'
    flip_test: bool = False
    calibration: str | None = None
    calibration_images: int = 64
    images: str | None = None
    batch: int | None = 1
    opset: int = 18
    threshold: float = THRESHOLD


@dataclass(frozen=True)
class Exported:
    """A verified graph, and what was seen on the way.

    Args:
        graph: The graph with its metadata.
        entry: The metadata.
        float_graph: The same in float32.
        model: The estimator.
        seen: What the graphs were run on.
        raw_difference: Largest difference of raw outputs between PyTorch and ``float_graph``.
        decoding_difference: Of decoding inside the graph from MMPose's, pixels of the input.
        pixel_differences: (B, K) of keypoints of ``graph`` from MMPose's, pixels of the input.
    """

    graph: ModelProto
    entry: dict[str, Any]
    float_graph: ModelProto
    model: TopdownPoseEstimator
    seen: str
    raw_difference: float
    decoding_difference: float
    pixel_differences: np.ndarray

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        with whole_file(path) as file:
            file.write(self.graph.SerializeToString())


@dataclass(frozen=True)
class Parts:
    """The graphs that one is put together of: with a flip test the mirror, the network, decoding."""

    mirror: ModelProto | None
    network: ModelProto
    decoding: ModelProto

    def joined(self, network: ModelProto) -> ModelProto:
        """The whole with this network, in whatever precision; mirror and decoding are in float32."""
        parts = dict(mirror=self.mirror, network=network, decoding=self.decoding)
        return join({name: part for name, part in parts.items() if part is not None})


def export(request: Request, say: Say = lambda step: None) -> Exported:
    """Export a model, verify it on real-looking input and describe it.

    Raises:
        ExportNotPossible: If it cannot be exported so, or the graph does not compute what PyTorch does.
        OSError, ValueError, KeyError: If config, checkpoint or calibration data cannot be read.
    """
    check_packages()
    check_opset(request.opset)
    config, model = read_config(request.config), read_model(request.config, request.checkpoint)
    flip_indices = read_metainfo(config)['flip_indices'] if request.flip_test else None
    decoding = decoding_of(innermost(model.head), model.test_cfg or {}, flip_indices)
    entry = describe(config, model, request.precision, request.flip_test, request.threshold)
    say('reading images')
    maker = InputMaker(config, model)
    calibration = _calibration(request, maker)
    images, seen = _images(request, maker, calibration)
    expected = raw_outputs(model, Mirror()(images) if request.flip_test else images)
    _check_keypoints(expected[0].shape[1], entry['keypoint_names'])

    say('PyTorch to ONNX')
    parts = _trace_parts(request, model, decoding, images)
    float_graph = parts.joined(parts.network)
    raw_difference = check_network(parts.network, images, [raw[: len(images)] for raw in expected])
    decoding_difference = check_decoding(parts.decoding, model, expected, flip_indices)

    say(request.precision)
    graph = float_graph
    if request.precision == 'fp16':
        graph = parts.joined(to_half(parts.network))
    elif request.precision == 'fp16-weights':
        graph = parts.joined(store_half(parts.network))
    elif calibration is not None:
        graph = parts.joined(to_int8(parts.network, calibration.numpy()))
    write_entry(graph, entry)

    say('comparison')
    found = OnnxSession(graph)(image=images.numpy())['keypoints']
    poses = predict(model, expected, flip_indices)
    return Exported(
        graph=graph,
        entry=entry,
        float_graph=float_graph,
        model=model,
        seen=f'{len(images)} {seen}',
        raw_difference=raw_difference,
        decoding_difference=decoding_difference,
        pixel_differences=np.linalg.norm(found - poses.keypoints, axis=-1),
    )


def read_model(config: str, checkpoint: str) -> TopdownPoseEstimator:
    """The model of a config (of a distillation: the student) with the weights of a checkpoint.

    Raises:
        FileNotFoundError: If the config or the checkpoint is not there.
        ValueError: If the checkpoint cannot be read or is of another model.
        ExportNotPossible: If the model is no top-down estimator.
    """
    model = build_model(config)
    if not isinstance(model, TopdownPoseEstimator):
        raise ExportNotPossible(f'{config} is a {type(model).__name__}, no TopdownPoseEstimator')
    load_weights(model, checkpoint)
    return model.eval()


def _calibration(request: Request, maker: InputMaker) -> Tensor | None:
    """What gives the ranges of activations in eight bits."""
    if request.precision != 'int8':
        return None
    if request.calibration is None:
        raise ExportNotPossible(
            'int8 needs images to calibrate on: a folder, or a config that names training data'
        )
    return maker.read(request.calibration, request.calibration_images, least=LEAST_IMAGES)


def _images(request: Request, maker: InputMaker, calibration: Tensor | None) -> tuple[Tensor, str]:
    """Real-looking inputs to compare on, and what they are."""
    if request.images is not None:
        return maker.read(request.images, COMPARED), f'images of {request.images}'
    if calibration is not None:
        return calibration[:COMPARED], 'calibration images'
    return maker.make_up(COMPARED), 'made-up people'


def _check_keypoints(found: int, names: list[str]) -> None:
    if found != len(names):
        raise ExportNotPossible(
            f'the head predicts {found} keypoints, but the data that the config tests on has '
            f'{len(names)}: use the config that the checkpoint was trained with'
        )


def _trace_parts(
    request: Request, model: TopdownPoseEstimator, decoding: nn.Module, images: Tensor
) -> Parts:
    dynamic = request.batch is None
    # An example of 1 would be taken for a constant where any number is wanted.
    image = torch.zeros(request.batch or 2, *images.shape[1:])
    mirror, batch = None, 'batch' if dynamic else None
    if request.flip_test:
        mirror = trace(Mirror(), (image,), ['image'], ['images'], request.opset, batch)
        image, batch = Mirror()(image), 'images' if dynamic else None
    network = Network(model, for_int8=request.precision == 'int8').eval()
    with torch.inference_mode():
        raw = network(image)
    names = [f'raw_{number}' for number in range(len(raw))]
    return Parts(
        mirror=mirror,
        network=trace(network, (image,), ['image'], names, request.opset, batch),
        decoding=trace(decoding, raw, names, ['keypoints', 'scores'], request.opset, batch),
    )
