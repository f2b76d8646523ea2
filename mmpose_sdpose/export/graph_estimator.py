"""A graph in the place of an estimator's network, so that MMPose tests it as it tests the model."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor

from sdpose_runtime.metadata_format import HEATMAPS, NORMALISED

from ..models.backbones import IdentityBackbone
from .session import OnnxSession
from .simcc import read_simcc


def with_graph(
    model: TopdownPoseEstimator, session: OnnxSession, output: str
) -> TopdownPoseEstimator:
    """The estimator with the graph instead of backbone and head.

    Preprocessing stays MMPose's; so do flip test and codec where the graph gives raw outputs. Where it
    decodes by itself there is no flip test.

    Args:
        model: The estimator that the graph was exported from; it is not changed.
        session: The graph.
        output: What it gives, in the words of its metadata.
    """
    estimator = deepcopy(model)
    estimator.backbone = IdentityBackbone()
    head = estimator.head
    if output in (HEATMAPS, NORMALISED):
        head.forward = lambda feats: _raw(session, feats[-1])
    else:
        estimator.test_cfg = dict(estimator.test_cfg or {}, flip_test=False)
        width = head.decoder.input_size[0]
        head.predict = _predictor(session, width)
    return estimator


def _raw(session: OnnxSession, image: Tensor) -> Tensor:
    """What the head's own ``forward`` gives."""
    outputs = session(image=image.numpy())
    if 'heatmaps' in outputs:
        return torch.from_numpy(outputs['heatmaps'])
    joined = [outputs['keypoints'], outputs['scores'][..., None]]
    return torch.from_numpy(np.concatenate(joined, axis=-1))


def _predictor(session: OnnxSession, width: int) -> Callable[..., list[InstanceData]]:
    def predict(
        feats: tuple[Tensor, ...], samples: list[PoseDataSample], test_cfg: dict
    ) -> list[InstanceData]:
        outputs = session(image=feats[-1].numpy())
        if 'simcc_x' in outputs:
            outputs = read_simcc(outputs['simcc_x'], outputs['simcc_y'], width)
        return [
            InstanceData(keypoints=keypoints[None], keypoint_scores=scores[None])
            for keypoints, scores in zip(outputs['keypoints'], outputs['scores'])
        ]

    return predict
