"""A graph beside PyTorch and MMPose: on some images, on made-up outputs, and in AP on a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.codecs import RegressionLabel, SimCCLabel
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor
from torch.utils.data import DataLoader

from ..datasets.checks import check_data, raise_errors
from ..models.backbones import IdentityBackbone
from ..models.heads import innermost
from .graph import ExportNotPossible, OnnxSession

if TYPE_CHECKING:
    from onnx import ModelProto

#: Largest difference of raw outputs between PyTorch and a float32 graph; above 1, as share of them.
TOLERANCE = 1e-4
#: Largest difference, pixels of the input, between MMPose and decoding inside the graph.
TOLERANCE_PIXELS = 0.01

#: Called with the number of people done and of all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Poses:
    """Keypoints (B, K, 2) in pixels of the input, and scores (B, K)."""

    keypoints: np.ndarray
    scores: np.ndarray


def raw_outputs(model: TopdownPoseEstimator, images: Tensor, batch: int = 16) -> list[Tensor]:
    """What the head's ``forward`` gives for images, in PyTorch."""
    head, parts = innermost(model.head), []
    with torch.inference_mode():
        for chunk in images.split(batch):
            raw = head(model.extract_feat(chunk))
            parts.append(raw if isinstance(raw, tuple) else (raw,))
    return [torch.cat(values) for values in zip(*parts)]


def predict(
    model: TopdownPoseEstimator, raw: Sequence[Tensor], flip_indices: Sequence[int] | None
) -> Poses:
    """What MMPose makes of raw outputs: ``predict`` of the head itself.

    Args:
        model: The estimator; it is not changed.
        raw: What the head's ``forward`` gave; for a flip test the mirrored images' behind the others.
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.
    """
    head = copy(innermost(model.head))
    # It is given raw outputs in the place of feature maps; some heads write into them.
    head.forward = lambda raw: raw[0].clone() if len(raw) == 1 else raw
    flips = flip_indices is not None
    feats = list(zip(*(part.chunk(2) for part in raw))) if flips else tuple(raw)
    metainfo = dict(input_size=head.decoder.input_size)
    if flip_indices is not None:
        metainfo.update(flip_indices=list(flip_indices))
    samples = [PoseDataSample(metainfo=metainfo)] * (len(raw[0]) // (1 + flips))
    test_cfg = dict(model.test_cfg or {}, flip_test=flips, output_heatmaps=False)
    people = head.predict(feats, samples, test_cfg)
    return Poses(
        np.concatenate([person.keypoints for person in people]).astype(np.float32),
        np.concatenate([person.keypoint_scores for person in people]).astype(np.float32),
    )


def check_network(graph: ModelProto, images: Tensor, expected: Sequence[Tensor]) -> float:
    """Largest difference of the raw outputs of a float32 graph from PyTorch's.

    Args:
        graph: The network in front of decoding.
        images: (B, 3, H, W), normalised.
        expected: What PyTorch computes from them.

    Raises:
        ExportNotPossible: If it is more than 1e-4.
    """
    found = OnnxSession(graph)(image=images.numpy()).values()
    difference = max(map(largest_difference, found, expected))
    if not difference <= TOLERANCE:
        raise ExportNotPossible(
            f'the graph differs from PyTorch by {difference:.2g}, more than {TOLERANCE:g}, so no file '
            'was written: try another --opset, or report this with the config'
        )
    return difference


def largest_difference(found: np.ndarray, expected: Tensor) -> float:
    """Infinite where one is not a number; for outputs above 1 as share of the largest."""
    wanted = expected.numpy()
    difference = abs(found - wanted)
    if not np.isfinite(difference).all():
        return np.inf
    return float(difference.max() / max(1.0, abs(wanted).max()))


def check_decoding(
    graph: ModelProto,
    model: TopdownPoseEstimator,
    raw: Sequence[Tensor],
    flip_indices: Sequence[int] | None,
) -> float:
    """Largest difference, in pixels, of a decoding graph from MMPose.

    Args:
        graph: From raw outputs to keypoints and scores.
        model: The estimator.
        raw: An example of raw outputs.
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.

    Raises:
        ExportNotPossible: If it is more than 0.01 pixels, or scores differ.
    """
    session, numbers = OnnxSession(graph), np.random.default_rng(0)
    names, rows = [value.name for value in graph.graph.input], session.batch or 32
    difference = 0.0
    for _ in range(max(1, 32 // rows)):  # a graph of fixed batch is run several times
        made_up = make_up_raw(model, raw, rows, numbers)
        expected = predict(model, made_up, flip_indices)
        found = session(**{name: part.numpy() for name, part in zip(names, made_up)})
        pixels = abs(found['keypoints'] - expected.keypoints)
        if largest_difference(found['scores'], torch.from_numpy(expected.scores)) > TOLERANCE:
            pixels = np.array(np.inf)
        difference = max(difference, float(np.nan_to_num(pixels, nan=np.inf).max()))
    if not difference <= TOLERANCE_PIXELS:
        raise ExportNotPossible(
            f"decoding inside the graph differs from MMPose's by {difference:.2g} pixels, so no file "
            'was written: report this with the config'
        )
    return difference


def make_up_raw(
    model: TopdownPoseEstimator,
    example: Sequence[Tensor],
    count: int,
    numbers: np.random.Generator,
) -> list[Tensor]:
    """Raw outputs with keypoints at random places in and a little outside the image.

    Args:
        model: The estimator, whose codec says how such outputs look.
        example: Raw outputs, for their shapes.
        count: For so many images.
        numbers: Where the places come from.
    """
    codec, shape = innermost(model.head).decoder, (count, *example[0].shape[1:])
    if isinstance(codec, RegressionLabel):
        places = numbers.uniform(-0.02, 1.02, shape)
        return [torch.from_numpy(places.astype(np.float32))]
    size = np.array(codec.input_size)
    targets = [
        codec.encode(numbers.uniform(-0.02 * size, 1.02 * size, (1, shape[1], 2)))
        for _ in range(count)
    ]
    names = ['heatmaps']
    if isinstance(codec, SimCCLabel):
        names = ['keypoint_x_labels', 'keypoint_y_labels']
    raw = []
    for name, part in zip(names, example):
        values = np.stack([target[name] for target in targets]).reshape(count, *part.shape[1:])
        noise = numbers.normal(0, 0.01 * values.max(), values.shape)
        raw.append(torch.from_numpy((values + noise).astype(np.float32)))
    return raw


@dataclass(frozen=True)
class PeopleToTest:
    """People to test on, and how they are evaluated."""

    loader: DataLoader
    evaluator: dict

    @property
    def dataset(self) -> BaseDataset:
        return self.loader.dataset


def read_test_data(config: Config) -> PeopleToTest:
    """The ``test_dataloader`` and ``test_evaluator`` of a config.

    Raises:
        FileNotFoundError, ValueError: If the data is not there.
    """
    missing = [name for name in ('test_dataloader', 'test_evaluator') if not config.get(name)]
    if missing:
        raise ValueError(f'there is nothing to evaluate on: the config has no {", ".join(missing)}')
    raise_errors(check_data(config, ['test']))
    init_default_scope(config.get('default_scope', 'mmpose'))
    # In this process: small models wait for no worker, and the tool keeps the terminal.
    settings = dict(config.test_dataloader, num_workers=0, persistent_workers=False)
    return PeopleToTest(Runner.build_dataloader(settings), config.test_evaluator)


def with_flip_test(model: TopdownPoseEstimator, flip_test: bool) -> TopdownPoseEstimator:
    """The estimator, tested with or without mirrored images whatever its config says."""
    estimator = copy(model)
    estimator.test_cfg = dict(model.test_cfg or {}, flip_test=flip_test)
    return estimator


def with_graph(model: TopdownPoseEstimator, session: OnnxSession) -> TopdownPoseEstimator:
    """The estimator with a graph's keypoints and scores; preprocessing and all else stay MMPose's.

    Args:
        model: The estimator that the graph was exported from; it is not changed.
        session: The graph; a flip test is in it, or is not done.
    """

    def graph_predict(
        feats: tuple[Tensor, ...], samples: list[PoseDataSample], test_cfg: dict
    ) -> list[InstanceData]:
        outputs = session(image=feats[-1].numpy())
        return [
            InstanceData(keypoints=keypoints[None], keypoint_scores=scores[None])
            for keypoints, scores in zip(outputs['keypoints'], outputs['scores'])
        ]

    estimator = with_flip_test(deepcopy(model), False)
    estimator.backbone, estimator.neck = IdentityBackbone(), None
    estimator.head.predict = graph_predict
    return estimator


def evaluate(
    model: TopdownPoseEstimator, data: PeopleToTest, progress: Progress | None = None
) -> dict[str, float]:
    """Metrics of an estimator, or of what :func:`with_graph` made of it.

    Args:
        model: In evaluation mode.
        data: What it is tested on.
        progress: What to tell how far it is.
    """
    evaluator, people = Evaluator(data.evaluator), data.dataset
    evaluator.dataset_meta = people.metainfo
    done = 0
    with torch.inference_mode():
        for batch in data.loader:
            evaluator.process(data_samples=model.test_step(batch), data_batch=batch)
            done += len(batch['inputs'])
            if progress is not None:
                progress(done, len(people))
    return evaluator.evaluate(len(people))
