"""What an exported file says about itself: one JSON object under the key ``mmpose_sdpose``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor
from mmpose.models import TopdownPoseEstimator

from sdpose_runtime.metadata_format import FORMAT, KEY, THRESHOLD

from ..configs import keypoint_names, read_metainfo
from ..models.heads import innermost
from ..version import __version__
from .graph import ExportNotPossible

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Cropping:
    """How a test pipeline cuts people out.

    Args:
        padding: How much larger than the person's box the crop is.
        use_udp: Whether it is made with MMPose's UDP warp.
    """

    padding: float
    use_udp: bool


def read_cropping(config: Config, input_size: tuple[int, int]) -> Cropping:
    """How the test pipeline of a config cuts people out for a codec.

    Args:
        config: The model's config.
        input_size: The codec's: width and height, pixels.

    Raises:
        ExportNotPossible: If it does not crop people, or to another size.
    """
    steps = {step['type']: step for step in config.test_dataloader.dataset.pipeline}
    if 'TopdownAffine' not in steps:
        raise ExportNotPossible(
            'the test pipeline has no TopdownAffine, so it is not known how people are cut out: it has '
            + ', '.join(steps)
        )
    affine = steps['TopdownAffine']
    if tuple(affine['input_size']) != tuple(input_size):
        raise ExportNotPossible(
            f'the codec of the head has input_size={tuple(input_size)}, but TopdownAffine in the test '
            f'pipeline crops to {tuple(affine["input_size"])}: give both the same, as codec.input_size'
        )
    padding = steps.get('GetBBoxCenterScale', {}).get('padding', 1.25)
    return Cropping(float(padding), bool(affine.get('use_udp', False)))


def describe(
    config: Config,
    model: TopdownPoseEstimator,
    precision: str,
    flip_test: bool,
    threshold: float = THRESHOLD,
) -> dict[str, Any]:
    """The entry for a model.

    Args:
        config: The config that the model was built from.
        model: The model.
        precision: 'fp32', 'fp16', 'fp16-weights' or 'int8'.
        flip_test: Whether the graph averages with the mirrored image.
        threshold: Score from which on a keypoint counts as found.

    Raises:
        ExportNotPossible: If the test pipeline crops in a way that the entry cannot say.
    """
    metainfo, input_size = read_metainfo(config), innermost(model.head).decoder.input_size
    cropping = read_cropping(config, input_size)
    return dict(
        format=FORMAT,
        package_version=__version__,
        config=Path(config.filename).stem,
        input_size=[int(size) for size in input_size],
        **_normalisation(model.data_preprocessor),
        padding=cropping.padding,
        use_udp=cropping.use_udp,
        flip_test=flip_test,
        keypoint_names=keypoint_names(metainfo),
        flip_pairs=_flip_pairs(metainfo['flip_indices']),
        skeleton=[[int(one), int(two)] for one, two in metainfo['skeleton_links']],
        keypoint_colors=[[int(part) for part in color] for color in metainfo['keypoint_colors']],
        sigmas=[round(float(sigma), 6) for sigma in metainfo['sigmas']],
        precision=precision,
        dataset=metainfo['dataset_name'],
        threshold=threshold,
    )


def write_entry(proto: ModelProto, entry: dict[str, Any]) -> None:
    """Put the entry into a graph's metadata, and nothing else."""
    del proto.metadata_props[:]
    proto.metadata_props.add(key=KEY, value=json.dumps(entry))


def _normalisation(preprocessor: BaseDataPreprocessor) -> dict[str, Any]:
    """Mean and standard deviation of the channels, 0 and 1 where a model takes 0 to 255; their order."""
    mean, std = [0.0] * 3, [1.0] * 3
    if getattr(preprocessor, '_enable_normalize', False):
        mean, std = (values.flatten().tolist() for values in (preprocessor.mean, preprocessor.std))
    return dict(
        mean=[round(value, 4) for value in mean],
        std=[round(value, 4) for value in std],
        bgr_to_rgb=bool(getattr(preprocessor, '_channel_conversion', False)),
    )


def _flip_pairs(flip_indices: list[int]) -> list[list[int]]:
    return [[one, int(two)] for one, two in enumerate(flip_indices) if one < two]
