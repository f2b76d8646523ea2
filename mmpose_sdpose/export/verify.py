"""Whether an exported graph computes what PyTorch and MMPose's codec compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from mmpose.codecs import MSRAHeatmap
from torch import Tensor

from sdpose_runtime.metadata_format import HEATMAPS, NORMALISED

from .network import Network
from .packages import ExportNotPossible
from .request import SIMCC
from .session import OnnxSession
from .simcc import read_simcc

if TYPE_CHECKING:
    from onnx import ModelProto

#: Largest difference of raw outputs between PyTorch and a float32 graph.
TOLERANCE = 1e-4
#: Largest difference, pixels of the input, between the codec and decoding inside the graph.
TOLERANCE_PIXELS = 0.01


def raw_outputs(network: Network, images: Tensor, batch: int = 16) -> dict[str, np.ndarray]:
    """What PyTorch computes from the images, by name."""
    with torch.inference_mode():
        parts = [network(chunk) for chunk in images.split(batch)]
    return {
        name: torch.cat(values).numpy() for name, values in zip(network.output_names, zip(*parts))
    }


def largest_difference(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> float:
    """Over all outputs; infinite where one is not a number."""
    return max(float(np.nan_to_num(abs(one[name] - two[name]), nan=np.inf).max()) for name in one)


def check_network(difference: float) -> None:
    """Whether a float32 graph may be kept.

    Raises:
        ExportNotPossible: If not.
    """
    if not difference <= TOLERANCE:
        raise ExportNotPossible(
            f'the graph differs from PyTorch by {difference:.2g}, more than {TOLERANCE:g}, so no file '
            'was written: try another --opset, or report this with the config'
        )


def pixels(codec: object, outputs: dict[str, np.ndarray], output: str) -> np.ndarray:
    """Keypoints (B, K, 2) in pixels of the input, by the codec itself where the outputs are raw."""
    width, height = codec.input_size
    if output == HEATMAPS:
        return np.concatenate([codec.decode(heatmaps)[0] for heatmaps in outputs['heatmaps']])
    if output == SIMCC:
        return read_simcc(outputs['simcc_x'], outputs['simcc_y'], width)['keypoints']
    unit = (width, height) if output == NORMALISED else (1, 1)
    return outputs['keypoints'] * np.array(unit, np.float32)


def made_up_raw(network: Network, batch: int) -> dict[str, np.ndarray]:
    """Raw outputs with keypoints at random places, some outside, whatever the weights are."""
    codec, numbers = network.model.head.decoder, np.random.default_rng(0)
    count = (
        network.model.head.mct.num_keypoints if network.tokens else network.model.head.out_channels
    )
    shape = (batch, count)
    if not isinstance(codec, MSRAHeatmap):
        places = numbers.uniform(0, 1, (*shape, 2)).astype(np.float32)
        return dict(keypoints=places, scores=numbers.uniform(0, 1, shape).astype(np.float32))
    low, high = -0.05 * np.array(codec.input_size), 1.05 * np.array(codec.input_size)
    maps = np.stack(
        [codec.encode(numbers.uniform(low, high, (1, count, 2)))['heatmaps'] for _ in range(batch)]
    )
    return dict(heatmaps=(maps + numbers.normal(0, 0.01, maps.shape)).astype(np.float32))


def check_decoding(graph: ModelProto, network: Network) -> float:
    """Largest difference, in pixels, of a decoding graph from the model's codec.

    Raises:
        ExportNotPossible: If it is more than 0.01 pixels.
    """
    raw = made_up_raw(network, batch=16)
    expected = pixels(network.model.head.decoder, raw, network.output)
    inputs = {f'raw_{name}': value for name, value in raw.items()}
    difference = float(abs(OnnxSession(graph)(**inputs)['keypoints'] - expected).max())
    if not difference <= TOLERANCE_PIXELS:
        raise ExportNotPossible(
            f'decoding inside the graph differs from the codec by {difference:.2g} pixels: leave '
            '--decode and --simcc out, and report this with the config'
        )
    return difference
