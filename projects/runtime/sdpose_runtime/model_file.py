"""The packaged model, and what an exported file says about itself in its entry ``mmpose_sdpose``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .metadata_format import FORMAT, KEY, THRESHOLD

if TYPE_CHECKING:
    from typing import TypeGuard  # since Python 3.10

#: Pixels of an input's side, and keypoints of a person, that a file may say: far beyond any model.
MOST_PIXELS, MOST_KEYPOINTS = 2048, 4096
#: Where the package has its own model.
WEIGHTS = Path(__file__).parent / 'weights'


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
        use_udp: Whether crops are made as unbiased data processing (UDP) makes them.
        flip_test: Whether the graph averages with the mirrored image.
        keypoint_names: K names.
        flip_pairs: Keypoints that trade places in a mirror.
        skeleton: Pairs of keypoints to join in a picture.
        sigmas: (K,) of object keypoint similarity.
        precision: ``fp32``, ``fp16``, ``fp16-weights`` or ``int8``.
        dataset: Whose keypoints these are.
        threshold: Score from which on a keypoint counts as found. What a score means is the model's own:
            the height of a heatmap, a probability, a share of it.

    Examples:
        >>> from sdpose_runtime import PoseModel
        >>> info = PoseModel('model.onnx').info
        >>> len(info.sigmas) == len(info.keypoint_names)
        True
    """

    config: str
    package_version: str
    input_size: tuple[int, int]
    mean: np.ndarray
    std: np.ndarray
    bgr_to_rgb: bool
    padding: float
    use_udp: bool
    flip_test: bool
    keypoint_names: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    skeleton: tuple[tuple[int, int], ...]
    sigmas: np.ndarray
    precision: str
    dataset: str
    threshold: float


def packaged_model() -> Path:
    """The ONNX file that comes with the package.

    Raises:
        FileNotFoundError: If the installation has none, or several.
    """
    files = sorted(WEIGHTS.glob('*.onnx'))
    if len(files) != 1:
        raise FileNotFoundError(
            f'this installation of sdpose_runtime comes without a model ({len(files)} files '
            f'{WEIGHTS}/*.onnx instead of one): install it again, or name a model of yours'
        )
    return files[0]


def read_info(metadata: dict[str, str], path: object) -> ModelInfo:
    """Read the entry of an ONNX file's custom metadata.

    Raises:
        ValueError: If there is none, it is of another format, or something in it is missing or wrong.
    """
    if KEY not in metadata:
        raise ValueError(
            f'{path} has no metadata entry {KEY!r}, so its input and keypoints are unknown: '
            'write it with `mim run mmpose_sdpose export_onnx`'
        )
    try:
        entry = json.loads(metadata[KEY])
        _check_format(entry)
        return _read_entry(entry)
    except KeyError as error:
        raise ValueError(f'the metadata of {path} lacks {error}: export the model again') from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f'the metadata of {path} cannot be used: {error}') from error


def _check_format(entry: object) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f'it is no object but {shown(entry)}')
    written = entry.get('format')
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise ValueError(f'its format {shown(written)} is no number from 1 on')
    if written < FORMAT:
        raise ValueError(
            f'it is of format {written}, and this version reads {FORMAT}: export the model again'
        )
    if written > FORMAT:
        raise ValueError(
            f'it is of format {written}, and this version reads {FORMAT}: install a later '
            'mmpose_sdpose, or export the model again'
        )


def _read_entry(entry: dict[str, Any]) -> ModelInfo:
    names = _names(entry['keypoint_names'])
    std = _numbers(entry, 'std', 3)
    sigmas = _numbers(entry, 'sigmas', len(names))
    if not ((std > 0).all() and (sigmas > 0).all()):
        raise ValueError('std and sigmas must be above 0')
    return ModelInfo(
        config=_text(entry, 'config'),
        package_version=_text(entry, 'package_version'),
        input_size=_input_size(entry),
        mean=_numbers(entry, 'mean', 3),
        std=std,
        bgr_to_rgb=_flag(entry, 'bgr_to_rgb'),
        padding=_padding(entry),
        use_udp=_flag(entry, 'use_udp'),
        flip_test=_flag(entry, 'flip_test'),
        keypoint_names=names,
        flip_pairs=_pairs(entry, 'flip_pairs', len(names)),
        skeleton=_pairs(entry, 'skeleton', len(names)),
        sigmas=sigmas,
        precision=_text(entry, 'precision'),
        dataset=_text(entry, 'dataset'),
        threshold=_threshold(entry),
    )


def _text(entry: dict[str, Any], field: str) -> str:
    if not isinstance(entry[field], str):
        raise ValueError(f'{field} ({shown(entry[field])}) must be a text')
    return entry[field]


def _flag(entry: dict[str, Any], field: str) -> bool:
    if not isinstance(entry[field], bool):
        raise ValueError(f'{field} ({shown(entry[field])}) must be true or false')
    return entry[field]


def _numbers(entry: dict[str, Any], field: str, count: int) -> np.ndarray:
    values = entry[field]
    if not isinstance(values, list) or len(values) != count or not all(map(is_number, values)):
        raise ValueError(f'{field} ({shown(values)}) must be {count} finite numbers')
    return np.array(values, np.float32)


def _padding(entry: dict[str, Any]) -> float:
    padding = entry['padding']
    if not is_number(padding) or not 0 < padding <= 100:
        raise ValueError(f'padding ({shown(padding)}) must be a number above 0')
    return float(padding)


def _threshold(entry: dict[str, Any]) -> float:
    threshold = entry.get('threshold', THRESHOLD)
    if not is_number(threshold):
        raise ValueError(f'threshold ({shown(threshold)}) must be a number')
    return float(threshold)


def _input_size(entry: dict[str, Any]) -> tuple[int, int]:
    width, height = (int(side) for side in _numbers(entry, 'input_size', 2))
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise ValueError(f'input_size ({width}, {height}) must be 1 to {MOST_PIXELS} pixels')
    return width, height


def _names(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'keypoint_names ({shown(names)}) must be a list of texts')
    if not 1 <= len(names) <= MOST_KEYPOINTS:
        raise ValueError(f'{len(names)} keypoint_names: 1 to {MOST_KEYPOINTS} are possible')
    return tuple(names)


def _pairs(entry: dict[str, Any], field: str, keypoints: int) -> tuple[tuple[int, int], ...]:
    pairs = entry[field]
    if not isinstance(pairs, list):
        raise ValueError(f'{field} ({shown(pairs)}) must be a list of pairs')
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(is_number, pair)):
            raise ValueError(f'{field}: {shown(pair)} is no pair')
        if not all(index in range(keypoints) for index in pair):
            raise ValueError(f'{field}: {shown(pair)} is no pair of {keypoints} keypoints')
    return tuple((int(first), int(second)) for first, second in pairs)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value from JSON is a number that 32 bits can hold; true and NaN are none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return -3e38 < value < 3e38 and not math.isnan(value)


def shown(value: object) -> str:
    """A value in a sentence: as much of it as tells what it is."""
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
