"""What an exported file says about itself: one JSON object under the key ``mmpose_sdpose``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmpose.codecs import MSRAHeatmap
from mmpose.models import TopdownPoseEstimator

from sdpose_runtime.metadata_format import FORMAT, HEATMAPS, KEY

from ..configs import read_metainfo
from ..version import __version__
from .packages import ExportNotPossible

if TYPE_CHECKING:
    from onnx import ModelProto


def describe(
    config: Config, model: TopdownPoseEstimator, output: str, precision: str
) -> dict[str, Any]:
    """The entry for a model.

    Args:
        config: The config that the model was built from.
        model: The model.
        output: 'heatmaps', 'normalised_keypoints', 'pixel_keypoints' or 'simcc'.
        precision: 'fp32', 'fp16' or 'int8'.

    Raises:
        ExportNotPossible: If the test pipeline crops in a way that the entry cannot say.
    """
    metainfo = read_metainfo(config)
    test_cfg, preprocessor = model.test_cfg or {}, model.data_preprocessor
    return dict(
        format=FORMAT,
        package_version=__version__,
        config=Path(config.filename).stem,
        input_size=[int(size) for size in model.head.decoder.input_size],
        mean=[round(value, 4) for value in preprocessor.mean.flatten().tolist()],
        std=[round(value, 4) for value in preprocessor.std.flatten().tolist()],
        bgr_to_rgb=bool(preprocessor._channel_conversion),
        padding=box_padding(config.test_dataloader.dataset.pipeline),
        output=output,
        codec=_codec(model.head.decoder) if output == HEATMAPS else None,
        shift_heatmap=bool(test_cfg.get('shift_heatmap', False)),
        shift_coords=bool(test_cfg.get('shift_coords', False)),
        keypoint_names=_names(metainfo),
        flip_pairs=_flip_pairs(metainfo['flip_indices']),
        skeleton=[[int(one), int(two)] for one, two in metainfo['skeleton_links']],
        keypoint_colors=[[int(part) for part in color] for color in metainfo['keypoint_colors']],
        precision=precision,
        dataset=metainfo['dataset_name'],
        sigmas=[round(float(sigma), 6) for sigma in metainfo['sigmas']],
    )


def write_entry(proto: ModelProto, entry: dict[str, Any]) -> None:
    """Put the entry into a graph's metadata, and nothing else."""
    del proto.metadata_props[:]
    proto.metadata_props.add(key=KEY, value=json.dumps(entry))


def _codec(codec: object) -> dict[str, Any]:
    entry = dict(type=type(codec).__name__, heatmap_size=[int(s) for s in codec.heatmap_size])
    if isinstance(codec, MSRAHeatmap):
        entry.update(
            sigma=codec.sigma, unbiased=codec.unbiased, blur_kernel_size=codec.blur_kernel_size
        )
    return entry


def box_padding(pipeline: list[dict]) -> float:
    """How much larger than the person's box the crop is."""
    steps = {step['type']: step for step in pipeline}
    if steps.get('TopdownAffine', {}).get('use_udp'):
        raise ExportNotPossible(
            'the test pipeline crops with TopdownAffine(use_udp=True), which runtimes would not know of'
        )
    return float(steps.get('GetBBoxCenterScale', {}).get('padding', 1.25))


def _names(metainfo: dict[str, Any]) -> list[str]:
    return [metainfo['keypoint_id2name'][index] for index in range(metainfo['num_keypoints'])]


def _flip_pairs(flip_indices: list[int]) -> list[list[int]]:
    return [[one, int(two)] for one, two in enumerate(flip_indices) if one < two]
