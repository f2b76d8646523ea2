"""Whether head, codec, pipelines and data of a top-down model agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config

from .findings import Finding, some
from .keypoints import keypoints_given
from .parts import metrics_of, student_of, transforms_of, type_name

#: Fields of a codec that decide what a target is; others only decide how one is read.
_OF_TARGETS = (
    'type',
    'input_size',
    'heatmap_size',
    'heatmap_type',
    'simcc_split_ratio',
    'normalize',
)

#: How the heads of this package and MMPose call the number of their keypoints.
_KEYPOINTS = ('out_channels', 'num_joints', 'num_keypoints')

_DATA = dict(train='the training', val='the validation', test='the test')

#: With one of these, they compare other keypoints than those of the data.
_CONVERTERS = ('pred_converter', 'gt_converter')


def check_model(cfg: Config, datasets: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """Whether head, target encoder, pipelines and data of a top-down model agree on sizes and keypoints.

    Args:
        datasets: Data set config of each stage that runs.
    """
    where, model = student_of(cfg.model)
    head = model.get('head') or {}
    codec = head.get('decoder') if isinstance(head, dict) else None
    top_down = cfg.get('data_mode', 'topdown') == 'topdown'
    if not top_down or not isinstance(codec, dict) or 'input_size' not in codec:
        return
    used = [codec, *(encoder for dataset in datasets.values() for encoder in _encoders(dataset))]
    yield from _check_codec(cfg.get('codec'), used, f'{where}.head.decoder')
    for stage, dataset in datasets.items():
        for step in transforms_of(dataset):
            place = f'{stage}_dataloader.dataset.pipeline'
            if type_name(step) == 'TopdownAffine':
                yield from _check_affine(step, codec, place, f'{where}.head.decoder')
            if type_name(step) == 'GenerateTarget':
                yield from _check_encoder(step, codec, place, f'{where}.head.decoder')
        metrics = metrics_of(cfg, stage) if stage != 'train' else []
        if not any(metric.get(name) for metric in metrics for name in _CONVERTERS):
            picked = (model.get('test_cfg') or {}).get('output_keypoint_indices')
            picked = picked if stage != 'train' else None
            yield from _check_keypoints(dataset, head, f'{where}.head', stage, picked)


def _encoders(dataset: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Configs of the codecs that make a data set's targets."""
    for step in transforms_of(dataset):
        if type_name(step) == 'GenerateTarget':
            yield from _encoders_of(step)


def _encoders_of(step: dict[str, Any]) -> list[dict[str, Any]]:
    encoders = step.get('encoder', [])
    return [encoders] if isinstance(encoders, dict) else list(encoders)


def _check_codec(named: Any, used: Sequence[dict[str, Any]], decoder: str) -> Iterator[Finding]:
    """Configs say a codec once, as ``codec``, and use it everywhere: an option changes one place.

    Args:
        named: What the config calls ``codec``.
        used: Configs of the head's codec, first, and of those that make targets.
        decoder: Where the config has the head's.
    """
    if not isinstance(named, dict) or 'type' not in named:
        return
    differing = [
        [name for name in {**named, **codec} if _value(named, name) != _value(codec, name)]
        for codec in used
    ]
    if not all(differing):
        return
    codec, names = used[0], sorted(differing[0], key=lambda name: name not in _OF_TARGETS)
    is_sized = type_name(named) == type_name(codec) and names[0] in _OF_TARGETS
    yield Finding(
        f'codec has {names[0]} {_size(named.get(names[0]))}, {decoder} has '
        f'{_size(codec.get(names[0]))}: an option for one does not change the other, so say '
        'the same in both',
        fatal=is_sized,
    )


def _check_affine(
    step: dict[str, Any], codec: dict[str, Any], place: str, decoder: str
) -> Iterator[Finding]:
    if list(step.get('input_size', codec['input_size'])) != list(codec['input_size']):
        yield Finding(
            f'TopdownAffine in {place} cuts people out at {_size(step["input_size"])}, but {decoder} '
            f'has input_size {_size(codec["input_size"])} (width x height): say the same in both'
        )


def _check_encoder(
    step: dict[str, Any], codec: dict[str, Any], place: str, decoder: str
) -> Iterator[Finding]:
    encoders = _encoders_of(step)
    if encoders:
        yield from check_targets(encoders, codec, f'GenerateTarget.encoder in {place}', decoder)


def check_targets(
    encoders: Sequence[dict[str, Any]], codec: dict[str, Any], place: str, decoder: str
) -> Iterator[Finding]:
    """Whether what makes the targets is what the head reads its own output with.

    Args:
        encoders: Configs of codecs; of several, one is enough.
        codec: The head's.
        place: Where the config has the encoders.
        decoder: Where it has the head's.
    """
    differing = [
        [name for name in _OF_TARGETS if _value(encoder, name) != _value(codec, name)]
        for encoder in encoders
    ]
    if not all(differing):  # of several, one is enough: a head of several levels has one decoder
        return
    name = differing[0][0]
    yield Finding(
        f'the targets are made by another codec than the model has: {place} '
        f'has {name} {_size(encoders[0].get(name))}, {decoder} has {_size(codec.get(name))}; it would '
        'learn the wrong targets, so say the same in both'
    )


def _value(codec: dict[str, Any], name: str) -> Any:
    value = type_name(codec) if name == 'type' else codec.get(name)
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _size(value: Any) -> str:
    return 'x'.join(map(str, value)) if isinstance(value, (list, tuple)) else repr(value)


def _check_keypoints(
    dataset: dict[str, Any], head: dict[str, Any], where: str, stage: str, picked: Any
) -> Iterator[Finding]:
    """Whether a head predicts the keypoints of the data, or those that a test picks of them."""
    name = next((name for name in _KEYPOINTS if isinstance(head.get(name), int)), None)
    kinds = keypoints_given(dataset)
    # UDP's combined heatmaps have three channels a keypoint.
    channels = 3 if head['decoder'].get('heatmap_type') == 'combined' else 1
    if not name or not kinds:
        return
    count = len(picked) * channels if isinstance(picked, (list, tuple)) else head[name]
    if count not in (kind * channels for kind in kinds):
        yield Finding(
            f'{where}.{name} is {count}, but people of {_DATA[stage]} data have '
            f'{some(sorted(kinds))} keypoints: say the same in both, or convert the data with a '
            'KeypointConverter'
        )
