"""What keypoint tokens look at: which views of a model are drawn, and what each one shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpose.codecs import SimCCLabel
from mmpose.models import TopdownPoseEstimator
from mmpose.models.heads import BaseHead
from mmpose.structures import PoseDataSample
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor

from ..configs import keypoint_names
from ..models.distillers import TopdownDistiller
from ..models.distillers.codecs import heatmap_frame
from ..models.heads import TokenHead
from ..models.layers import AttentionMaps
from ..models.losses.simulated_heatmap_loss import simulate_heatmaps

#: Keypoints drawn where none are named: a few from head to foot, left and right.
USUAL_KEYPOINTS = ('nose', 'top_head', 'left_shoulder', 'right_wrist', 'left_hip', 'right_ankle')
#: Attention panels of a block where no layers are named, by the number of blocks.
_PANELS = {1: 4, 2: 3}


@dataclass(frozen=True)
class AttentionChoice:
    """What to draw; all numbers count from 1.

    Args:
        keypoints: Names; default: a few from head to foot.
        layers: Of the model, or of the student; default: some from first to last, or those whose
            attention a distiller compares.
        teacher_layers: The same of the teacher.
        cycles: Default: the first, which is the one that predicts.
        heads: Heads to draw one by one; default: their mean.
    """

    keypoints: Sequence[str] | None = None
    layers: Sequence[int] | None = None
    teacher_layers: Sequence[int] | None = None
    cycles: Sequence[int] | None = None
    heads: Sequence[int] | None = None


@dataclass(frozen=True)
class View:
    """A block of the picture: one cycle of one model."""

    title: str
    model: TopdownPoseEstimator
    cycle: int
    layers: tuple[int, ...]  # none: a model without attention between tokens
    heads: tuple[int, ...]  # none: the mean over all
    simulated: tuple[int, int] | None = None  # rows and columns of the heatmap its sigmas learned


def plan_views(model: TopdownPoseEstimator, choice: AttentionChoice) -> list[View]:
    """The blocks of a picture: each cycle asked for, then the teacher if the model is a distiller.

    Raises:
        ValueError: If the model has no keypoint tokens, or no such cycle, layer or head.
    """
    if not isinstance(getattr(model, 'head', None), TokenHead):
        raise ValueError(
            f'the model has a {type(getattr(model, "head", None)).__name__}, which has no keypoint '
            'tokens: attention is drawn of models with an MCTHead, a TokenRegressionHead or a '
            'TokenSimCCHead'
        )
    cycles = _numbers('cycle', choice.cycles or (1,), model.head.num_cycles, 'the config trains')
    if isinstance(model, TopdownDistiller):
        return _student_and_teacher(model, cycles, choice)
    if choice.teacher_layers:
        raise ValueError(
            f'teacher layers {list(choice.teacher_layers)} were asked for, but the config has no '
            'teacher: leave them out, or use the config of a distillation'
        )
    return [_view('', model, cycle, choice.layers, choice, len(cycles)) for cycle in cycles]


def choose_keypoints(wanted: Sequence[str] | None, names: Sequence[str]) -> list[int]:
    """Indices of keypoints by name; default: :data:`USUAL_KEYPOINTS`, or some of another skeleton.

    Raises:
        ValueError: If there is no keypoint of a name.
    """
    unknown = [name for name in wanted or () if name not in names]
    if unknown:
        raise ValueError(f'no keypoint {", ".join(unknown)}: the data has {", ".join(names)}')
    wanted = wanted or [name for name in USUAL_KEYPOINTS if name in names]
    return [list(names).index(name) for name in wanted] or [
        index - 1 for index in _spread(len(names), 5)
    ]


def check_choice(
    model: TopdownPoseEstimator, metainfo: dict[str, Any], choice: AttentionChoice
) -> None:
    """Say what could not be drawn, before anything runs.

    Raises:
        ValueError: As :func:`plan_views` and :func:`choose_keypoints`, or if the data has other
            keypoints than the model.
    """
    plan_views(model, choice)
    model.head.check_keypoints(metainfo['num_keypoints'])
    choose_keypoints(choice.keypoints, keypoint_names(metainfo))


def _student_and_teacher(
    model: TopdownDistiller, cycles: Sequence[int], choice: AttentionChoice
) -> list[View]:
    compared, teacher_compared = _layers_compared(model)
    layers = choice.layers or compared
    teacher_layers = choice.teacher_layers or teacher_compared
    simulated: tuple[int, int] | None = None
    if 'simulated_heatmaps' in model.distillation_losses:
        columns, rows = model.teacher.head.decoder.heatmap_size
        simulated = rows, columns
    blocks = len(cycles) + 1
    views = [_view('student', model, cycle, layers, choice, blocks, simulated) for cycle in cycles]
    return [*views, _teacher_view(model.teacher, teacher_layers, choice, blocks)]


def _layers_compared(model: TopdownDistiller) -> tuple[Sequence[int] | None, ...]:
    """Whose attention is compared, of the student and of the teacher, if any is."""
    for comparison in model.comparisons.values():
        for requests in zip(comparison.student, comparison.teacher):
            if requests[0].name == 'attention':
                return tuple(dict(request.options)['layers'] for request in requests)
    return None, None


def _view(
    role: str,
    model: TopdownPoseEstimator,
    cycle: int,
    layers: Sequence[int] | None,
    choice: AttentionChoice,
    blocks: int,
    simulated: tuple[int, int] | None = None,
) -> View:
    layout = model.head.mct.attention_layout
    owner = f'the {role or "model"} has'
    heads = _numbers('head', choice.heads or (), layout.num_heads, owner)
    panels = max(1, _PANELS.get(blocks, 2) // max(1, len(heads)))
    layers = _numbers(
        f'{role} layer'.strip(), layers or _spread(layout.depth, panels), layout.depth, owner
    )
    return View(_title(role, cycle, model.head.num_cycles), model, cycle, layers, heads, simulated)


def _teacher_view(
    teacher: TopdownPoseEstimator,
    layers: Sequence[int] | None,
    choice: AttentionChoice,
    blocks: int,
) -> View:
    if isinstance(teacher.head, TokenHead):
        return _view('teacher', teacher, 1, layers, choice, blocks)
    if choice.teacher_layers:
        raise ValueError(
            f'teacher layers {list(choice.teacher_layers)} were asked for, but the teacher has a '
            f'{type(teacher.head).__name__}, without attention between tokens: leave them out'
        )
    return View('teacher (a network without tokens)', teacher, 1, (), ())


def _title(role: str, cycle: int, num_cycles: int) -> str:
    if num_cycles == 1 or role == 'teacher':
        return role
    number = f'cycle {cycle} ' + ('(the one that predicts)' if cycle == 1 else '(training only)')
    return f'{role}, {number}' if role else number


def _numbers(name: str, wanted: Sequence[int], last: int, owner: str) -> tuple[int, ...]:
    """Check numbers that count from 1."""
    wrong = [number for number in wanted if not 1 <= number <= last]
    if wrong:
        valid = '1 only' if last == 1 else f'1 to {last}'
        raise ValueError(f'no {name} {", ".join(map(str, wrong))}: {owner} {valid}')
    return tuple(wanted)


def _spread(last: int, count: int) -> list[int]:
    """At most ``count`` numbers from 1 to ``last``, evenly; the last one in any case."""
    if count == 1:
        return [last]
    return sorted({round(number) for number in np.linspace(1, last, min(count, last))})


@dataclass
class Person:
    """A crop as the model gets it, and where its joints are."""

    crop: np.ndarray  # (H, W, 3), BGR
    true: np.ndarray  # (K, 2), pixels of the crop
    annotated: np.ndarray  # (K,), whether the joint's position is known


@dataclass
class Heatmaps:
    """Heatmaps of some people."""

    title: str
    values: np.ndarray  # (B, K, H, W)
    cells_per_pixel: tuple[float, float]  # x and y: from pixels of the crop to cells


@dataclass
class Look:
    """What one cycle of one model shows of some people."""

    attention: dict[str, np.ndarray]  # title -> (B, K, rows, columns), the part each patch gets
    heatmaps: Heatmaps | None
    keypoints: np.ndarray  # (B, K, 2), predicted, pixels of the crop


def read_person(packed: dict[str, Any]) -> Person:
    """A person as a test pipeline packs it; positions are known where it was annotated."""
    crop = to_numpy(packed['inputs']).transpose(1, 2, 0)
    sample: PoseDataSample = packed['data_samples']
    given = sample.gt_instances.get('keypoints', np.zeros((1, 0, 2)))[0]
    visible = sample.gt_instances.get('keypoints_visible', np.zeros((1, 0)))[0]
    # A box of a detector comes with joints at zero that count as visible.
    annotated = (visible > 0) & given.any(-1)
    size = np.array(crop.shape[1::-1])
    corner = sample.input_center - 0.5 * sample.input_scale
    return Person(crop, (given - corner) / sample.input_scale * size, annotated)


@torch.no_grad()
def look(view: View, packed: Sequence[dict[str, Any]]) -> Look:
    """Run a model on people and keep where its keypoint tokens look, and what it says.

    Args:
        view: The cycle of the model, the layers and the heads.
        packed: People as a test pipeline packs them; no flip test is made.
    """
    head, training = view.model.head, view.model.training
    view.model.eval()
    try:
        feats = view.model.extract_feat(_inputs(view.model, packed))
        if not isinstance(head, TokenHead):
            raw = head(feats)
            if isinstance(head.decoder, SimCCLabel):
                return Look({}, None, _decode(head, raw))
            return _of_heatmaps(head, raw, {})
        cycle = head.run_cycles(feats, view.cycle, {view.cycle: view.layers})[-1]
    finally:
        view.model.train(training)
    quantities = head.read(cycle.output)
    attention = _titled(cycle.tokens.attention, view.heads)
    if 'heatmaps' in quantities:
        return _of_heatmaps(head, quantities['heatmaps'], attention)
    said = quantities['simcc'] if 'simcc' in quantities else quantities['coordinates'][:, None]
    keypoints = _decode(head, said)
    return Look(attention, _simulated(view, quantities), keypoints)


def keypoint_attention(maps: Tensor, grid_size: tuple[int, int]) -> Tensor:
    """What keypoint tokens give to each patch; they keep the rest for keypoint tokens.

    Shape:
        (B, heads, K + N, K + N) -> (B, heads, K, rows, columns)
    """
    keypoints = maps.shape[-1] - grid_size[0] * grid_size[1]
    return maps[..., :keypoints, keypoints:].unflatten(-1, grid_size)


def _titled(attention: AttentionMaps, heads: Sequence[int]) -> dict[str, np.ndarray]:
    """Maps by title: a layer's mean over heads, or each head asked for."""
    titled = {}
    for layer, maps in attention.layers.items():
        maps = keypoint_attention(maps.float(), attention.grid_size)
        if not heads:
            titled[f'layer {layer}'] = to_numpy(maps.mean(1))
        for number in heads:
            titled[f'layer {layer}, head {number}'] = to_numpy(maps[:, number - 1])
    return titled


def _inputs(model: TopdownPoseEstimator, packed: Sequence[dict[str, Any]]) -> Tensor:
    data = dict(
        inputs=[person['inputs'] for person in packed],
        data_samples=[person['data_samples'] for person in packed],
    )
    return model.data_preprocessor(data, False)['inputs']


def _of_heatmaps(head: BaseHead, values: Tensor, attention: dict[str, np.ndarray]) -> Look:
    codec = head.decoder
    sizes = zip(heatmap_frame(codec), codec.heatmap_size, codec.input_size)
    scale = tuple(frame * cells / pixels for frame, cells, pixels in sizes)
    heatmaps = Heatmaps('heatmap', to_numpy(values.float()), scale)
    return Look(attention, heatmaps, _decode(head, values))


def _decode(head: BaseHead, output: Tensor) -> np.ndarray:
    return np.stack([instance.keypoints[0] for instance in head.decode(output)])


def _simulated(view: View, quantities: dict[str, Tensor]) -> Heatmaps | None:
    """What a regression student was taught to draw as a heatmap; sigmas nothing taught say nothing."""
    if view.simulated is None or 'sigmas' not in quantities:
        return None
    rows, columns = view.simulated
    values = simulate_heatmaps(quantities['coordinates'], quantities['sigmas'], view.simulated)
    width, height = view.model.head.decoder.input_size
    return Heatmaps('simulated heatmap', to_numpy(values), (columns / width, rows / height))
