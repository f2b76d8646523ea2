"""What an exported file says about itself, in the metadata entry ``mmpose_sdpose``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .metadata_format import FORMAT, HEATMAPS, KEY, NORMALISED, PIXELS

OUTPUTS = {
    HEATMAPS: ('heatmaps',),
    NORMALISED: ('keypoints', 'scores'),
    PIXELS: ('keypoints', 'scores'),
}


@dataclass(frozen=True)
class HeatmapCodec:
    """How heatmaps become coordinates: the inference half of MMPose's ``MSRAHeatmap``."""

    unbiased: bool
    blur_kernel_size: int


@dataclass(frozen=True)
class ModelInfo:
    """What an exported file says about itself.

    Args:
        config: Name of the config that it was made from.
        package_version: Version of the package that wrote it.
        input_size: Width and height of the input, pixels.
        mean: Mean of each input channel, in 0..255.
        std: Standard deviation of each input channel, in 0..255.
        bgr_to_rgb: Whether the input is RGB.
        padding: Factor from a person's box to what is cropped.
        output: ``heatmaps``, ``normalised_keypoints`` (0..1 of the input) or ``pixel_keypoints``.
        codec: How heatmaps are decoded; None for the other outputs.
        shift_heatmap: Whether the flip test moves mirrored heatmaps by one cell.
        shift_coords: Whether the flip test moves mirrored normalised coordinates by one pixel.
        keypoint_names: K names.
        flip_pairs: Keypoints that trade places in a mirror.
        skeleton: Pairs of keypoints to join in a picture.
        sigmas: (K,) of object keypoint similarity.
        precision: ``fp32``, ``fp16`` or ``int8``.
        dataset: Whose keypoints these are.
    """

    config: str
    package_version: str
    input_size: tuple[int, int]
    mean: np.ndarray
    std: np.ndarray
    bgr_to_rgb: bool
    padding: float
    output: str
    codec: HeatmapCodec | None
    shift_heatmap: bool
    shift_coords: bool
    keypoint_names: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    skeleton: tuple[tuple[int, int], ...]
    sigmas: np.ndarray
    precision: str
    dataset: str

    @property
    def flip_indices(self) -> np.ndarray:
        """(K,): where each keypoint is found in a mirrored image."""
        indices = np.arange(len(self.keypoint_names))
        for first, second in self.flip_pairs:
            indices[[first, second]] = second, first
        return indices


def read_info(metadata: dict[str, str], path: object) -> ModelInfo:
    """Read the entry of an ONNX file's custom metadata.

    Raises:
        ValueError: If there is none, it is of a later format, or something in it is missing or unknown.
    """
    if KEY not in metadata:
        raise ValueError(
            f'{path} has no metadata entry {KEY!r}, so its input and keypoints are unknown: '
            'write it with `mim run mmpose_sdpose export_onnx`'
        )
    try:
        entry = json.loads(metadata[KEY])
        written = int(entry.get('format', 0))
        if written > FORMAT:
            raise ValueError(
                f'it is of format {written}, and this version of mmpose_sdpose reads {FORMAT} '
                'and earlier: install a later one'
            )
        return _read_entry(entry)
    except KeyError as error:
        raise ValueError(f'the metadata of {path} lacks {error}: export the model again') from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f'the metadata of {path} cannot be read: {error}') from error


def _read_entry(entry: dict[str, Any]) -> ModelInfo:
    if entry['output'] not in OUTPUTS:
        raise ValueError(
            f'its output {entry["output"]!r} is for other runtimes, here it is one of '
            f'{", ".join(OUTPUTS)}: export the model without further options, or with --decode'
        )
    width, height = entry['input_size']
    names = tuple(entry['keypoint_names'])
    sigmas = np.array(entry['sigmas'], np.float32)
    if len(sigmas) != len(names):
        raise ValueError(f'{len(sigmas)} sigmas for {len(names)} keypoints')
    return ModelInfo(
        config=entry['config'],
        package_version=entry['package_version'],
        input_size=(int(width), int(height)),
        mean=_channels(entry['mean']),
        std=_channels(entry['std']),
        bgr_to_rgb=bool(entry['bgr_to_rgb']),
        padding=float(entry['padding']),
        output=entry['output'],
        codec=_codec(entry['codec']) if entry['output'] == HEATMAPS else None,
        shift_heatmap=bool(entry.get('shift_heatmap', True)),
        shift_coords=bool(entry.get('shift_coords', False)),
        keypoint_names=names,
        flip_pairs=_pairs(entry['flip_pairs'], len(names)),
        skeleton=_pairs(entry['skeleton'], len(names)),
        sigmas=sigmas,
        precision=entry.get('precision', 'fp32'),
        dataset=entry.get('dataset') or '',
    )


def _channels(values: list[float]) -> np.ndarray:
    array = np.array(values, np.float32)
    if array.shape != (3,):
        raise ValueError(f'{values} is not one value for each of 3 channels')
    return array


def _codec(codec: dict[str, Any]) -> HeatmapCodec:
    if codec['type'] != 'MSRAHeatmap':
        raise ValueError(
            f'heatmaps of the codec {codec["type"]} are not decoded here, only those of MSRAHeatmap: '
            'export the model with decoding inside the graph'
        )
    kernel = int(codec.get('blur_kernel_size') or 11)
    if kernel % 2 == 0:
        raise ValueError(f'blur_kernel_size ({kernel}) must be odd')
    return HeatmapCodec(bool(codec.get('unbiased', False)), kernel)


def _pairs(pairs: list[list[int]], num_keypoints: int) -> tuple[tuple[int, int], ...]:
    for pair in pairs:
        if len(pair) != 2 or not all(0 <= index < num_keypoints for index in pair):
            raise ValueError(f'{pair} is no pair of {num_keypoints} keypoints')
    return tuple((int(first), int(second)) for first, second in pairs)
