"""Settings that a config says twice, or that a metric, a codec and a data set must agree upon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mmpose
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import Registry
from mmpose.registry import DATASETS, OPTIMIZERS

from ...arguments import near
from ...configs import read_config
from .findings import Finding, is_positive, is_whole, short, some

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
#: Metrics that compare with a file of COCO's format.
COCO_METRICS = ('CocoMetric', 'CocoMetricWithInterval')
#: With one of these, they compare other keypoints than those of the data.
_CONVERTERS = ('pred_converter', 'gt_converter')
#: What MMEngine's runner takes as each part of a config; None, where there is to be none.
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(('model', 'optim_wrapper', 'default_hooks', 'randomness', 'env_cfg'), (dict,)),
    **dict.fromkeys(('train_cfg', 'val_cfg', 'test_cfg', 'visualizer'), (dict,)),
    **dict.fromkeys(('train_dataloader', 'val_dataloader', 'test_dataloader'), (dict,)),
    **dict.fromkeys(('param_scheduler', 'val_evaluator', 'test_evaluator'), (dict, list, tuple)),
    'custom_hooks': (list, tuple),
    **dict.fromkeys(('work_dir', 'load_from', 'default_scope'), (str,)),
}
_KIND_NAMES: dict[type, str] = {dict: 'a dict', list: 'a list', str: 'a text'}
_COCO_NAMES = [
    'AP',
    'AP .5',
    'AP .75',
    'AP (M)',
    'AP (L)',
    'AR',
    'AR .5',
    'AR .75',
    'AR (M)',
    'AR (L)',
]
_CROWD_NAMES = ['AP', 'AP .5', 'AP .75', 'AR', 'AR .5', 'AR .75', 'AP(E)', 'AP(M)', 'AP(H)']


def type_name(settings: dict[str, Any]) -> str:
    """Name of the class that a part of a config names: as text, with a scope, or itself."""
    kind = settings.get('type', '')
    return kind.split('.')[-1] if isinstance(kind, str) else kind.__name__


def registered_in(registry: Registry | None) -> set[str]:
    """Names that a registry and those above it know."""
    names: set[str] = set()
    while registry is not None:
        names |= set(registry.module_dict)
        registry = registry.parent
    return names


def transforms_of(dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a data set's pipeline, and of those that it wraps."""
    steps = list(dataset.get('pipeline') or [])
    for inner in inner_datasets(dataset):
        steps += transforms_of(inner)
    return [step for step in steps if isinstance(step, dict)]


def inner_datasets(dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """Data sets that another one wraps."""
    inner = dataset.get('datasets') or dataset.get('dataset') or []
    return [inner] if isinstance(inner, dict) else list(inner)


def check_kinds(cfg: Config) -> Iterator[Finding]:
    """Whether the parts of a config are of the kinds that a runner takes, before anything reads them."""
    parts = {name: (cfg.get(name), kinds) for name, kinds in _KINDS.items()}
    for stage in ('train', 'val', 'test'):
        loader = cfg.get(f'{stage}_dataloader')
        if isinstance(loader, dict) and loader:
            parts[f'{stage}_dataloader.dataset'] = loader.get('dataset'), (dict,)
    model = cfg.get('model')
    if isinstance(model, dict) and type_name(model) == 'TopdownPoseEstimator':
        for name in ('backbone', 'neck', 'head', 'data_preprocessor', 'test_cfg'):
            parts[f'model.{name}'] = model.get(name), (dict,)
    hooks = cfg.get('default_hooks')
    for name, hook in hooks.items() if isinstance(hooks, dict) else ():
        parts[f'default_hooks.{name}'] = hook, (dict, Hook)
    for name, (value, kinds) in parts.items():
        if value is not None and not isinstance(value, kinds):
            wanted = ' or '.join(_KIND_NAMES[kind] for kind in kinds if kind in _KIND_NAMES)
            yield Finding(f'{name} ({short(value)}) must be {wanted}')


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


def student_of(model: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What is trained or tested, and where the config has it; of a distillation, the student."""
    student = model.get('student')
    if isinstance(student, str):
        return f'model.student ({student}) model', read_config(student).model
    return ('model', model) if student is None else ('model.student', student)


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


def metrics_of(cfg: Config, stage: str) -> list[dict[str, Any]]:
    """The metrics of ``val`` or ``test``."""
    evaluator = cfg.get(f'{stage}_evaluator') or []
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', [evaluator])
    return [metric for metric in evaluator if isinstance(metric, dict)]


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


def keypoints_given(dataset: dict[str, Any]) -> set[int]:
    """How many keypoints people have after the pipelines of a data set, where that is known."""
    steps = dataset.get('pipeline') or []
    converters = [step for step in steps if type_name(step) == 'KeypointConverter']
    if converters:
        return {converters[-1]['num_keypoints']}
    parts = inner_datasets(dataset)
    if parts:
        return set().union(*map(keypoints_given, parts))
    count = count_keypoints(dataset)
    return set() if count is None else {count}


def count_keypoints(dataset: dict[str, Any]) -> int | None:
    """Of a person, by what the config says; None if it does not."""
    return len(keypoint_names(dataset)) or None


def keypoint_names(dataset: dict[str, Any]) -> list[str]:
    """Names of a person's keypoints in their order, by what the config says; none if it does not."""
    try:
        points = (_metainfo(dataset) or {}).get('keypoint_info', {})
    except FileNotFoundError:
        return []
    return [points[index]['name'] for index in sorted(points, key=int)]


def _metainfo(dataset: dict[str, Any]) -> dict[str, Any] | None:
    """What a data set config says of keypoints, before MMPose has parsed it; None if nothing."""
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    metainfo = dataset.get('metainfo') or getattr(kind, 'METAINFO', None)
    if not metainfo or 'from_file' not in metainfo:
        return metainfo or None
    path = Path(metainfo['from_file'])
    if not path.is_file():  # as MMPose looks for its own
        path = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets' / path.name
    return Config.fromfile(path).dataset_info


def check_metainfo(
    dataset: dict[str, Any], place: str, with_sigmas: bool = False
) -> Iterator[Finding]:
    """Whether what is said of keypoints is whole, and the same from both sides.

    Args:
        with_sigmas: A metric needs them; data sets for other metrics may have none.
    """
    try:
        metainfo = _metainfo(dataset)
    except FileNotFoundError as error:
        yield Finding(f'metainfo of {place}: no file {error}')
        return
    if metainfo is None:
        return
    lacking = [
        name
        for name in ('dataset_name', 'keypoint_info', 'skeleton_info', 'joint_weights', 'sigmas')
        if name not in metainfo
    ]
    if lacking:
        yield Finding(f'metainfo of {place} has no {some(lacking, 5)}, which MMPose needs')
        return
    points = metainfo['keypoint_info']
    for name in ('sigmas', 'joint_weights'):
        if len(metainfo[name]) != len(points) and (
            metainfo[name] or name != 'sigmas' or with_sigmas
        ):
            yield Finding(
                f'metainfo of {place} has {len(metainfo[name])} {name} for {len(points)} keypoints: '
                'one is needed for each'
            )
    yield from _check_names(metainfo, place)


def _check_names(metainfo: dict[str, Any], place: str) -> Iterator[Finding]:
    points = metainfo['keypoint_info'].values()
    swaps = {point['name']: point.get('swap') or point['name'] for point in points}
    for name, other in swaps.items():
        if other not in swaps:
            yield Finding(
                f'metainfo of {place} swaps {name} with {other}, which is no keypoint of it'
            )
        elif swaps[other] != name:
            yield Finding(
                f'metainfo of {place} swaps {name} with {other}, but {other} with {swaps[other]}: '
                'mirrored people would have their keypoints mixed up, so say it for both'
            )
    links = [name for link in metainfo['skeleton_info'].values() for name in link['link']]
    unknown = sorted(set(links) - set(swaps))
    if unknown:
        yield Finding(f'skeleton_info of {place} links {some(unknown)}, no keypoints of it')


def check_run(cfg: Config) -> Iterator[Finding]:
    """Whether a training is set up so that it can begin, and its weights have one average at most."""
    hooks = [hook for hook in cfg.get('custom_hooks') or [] if isinstance(hook, dict)]
    averages = sum(type_name(hook) == 'EMAHook' for hook in hooks)
    if averages > 1:
        yield Finding(
            f'custom_hooks has {averages} EMAHooks, which would exchange their averages: keep one, put '
            'in the place of that of the base config'
        )
    for hook in hooks:
        momentum = hook.get('momentum', 0.5)
        if type_name(hook) == 'EMAHook' and not (is_positive(momentum) and momentum < 1):
            yield Finding(
                f'momentum of the EMAHook in custom_hooks ({momentum!r}) must be between 0 and 1: the '
                'share of the new weights, as 0.0002'
            )
    loop = cfg.get('train_cfg') or {}
    for name in ('val_interval', 'max_epochs', 'max_iters'):
        yield from _check_whole(loop.get(name, 1), 1, f'train_cfg.{name}')
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None and not (type(seed) is int and 0 <= seed < 2**32):
        yield Finding(f'randomness.seed ({seed!r}) must be a whole number from 0 to 2**32 - 1')
    settings = (cfg.get('optim_wrapper') or {}).get('optimizer')
    kind = settings.get('type') if isinstance(settings, dict) else None
    if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
        hint = near(kind, registered_in(OPTIMIZERS))
        yield Finding(f'optim_wrapper.optimizer: there is no {kind!r}{hint}')
    saving = _saving(cfg)
    interval = saving.get('interval', -1)  # 0 and less: never
    if not is_whole(interval):
        yield Finding(f'default_hooks.checkpoint.interval ({interval!r}) must be a whole number')
    folder = saving.get('out_dir')
    if folder and '://' not in str(folder) and Path(folder).is_file():
        yield Finding(f'default_hooks.checkpoint.out_dir ({folder}) is a file: name a folder')


def _saving(cfg: Config) -> dict[str, Any]:
    """What a config says of checkpoints; nothing where it has a hook that is built already."""
    saving = (cfg.get('default_hooks') or {}).get('checkpoint')
    return saving if isinstance(saving, dict) else {}


def check_loader(loader: dict[str, Any], place: str) -> Iterator[Finding]:
    """Whether a loader's numbers are some that torch takes."""
    for name, least in (('batch_size', 1), ('num_workers', 0)):
        yield from _check_whole(loader.get(name, least), least, f'{place}.{name}')
    if loader.get('persistent_workers') and not loader.get('num_workers'):
        yield Finding(
            f'{place}.num_workers is 0, and persistent_workers=True keeps workers: set '
            f'{place}.persistent_workers=False, too'
        )


def _check_whole(value: Any, least: int, place: str) -> Iterator[Finding]:
    if not is_whole(value) or value < least:
        yield Finding(f'{place} ({value!r}) must be a whole number from {least} on')


def check_save_best(cfg: Config, metrics: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Whether the metric by which the best checkpoint is chosen will be there."""
    wanted = _saving(cfg).get('save_best')
    wanted = [wanted] if isinstance(wanted, str) else list(wanted or [])
    names: list[str] = []
    for metric in metrics:
        given = _metric_names(metric)
        if given is None:  # of another kind: it alone knows
            return
        names += given
    if not metrics:
        return
    absent = [name for name in wanted if name not in (*names, 'auto')]
    if absent:
        yield Finding(
            f'default_hooks.checkpoint.save_best is {absent[0]!r}, which val_evaluator does not give: '
            f'choose from {", ".join(names)}'
        )


def _metric_names(metric: dict[str, Any]) -> list[str] | None:
    """What a metric calls its figures; None if that is not known here."""
    kind, prefix = type_name(metric), metric.get('prefix')
    if kind in COCO_METRICS:
        crowd = metric.get('iou_type') == 'keypoints_crowd'
        names, prefix = [*(_CROWD_NAMES if crowd else _COCO_NAMES)], prefix or 'coco'
        if kind == 'CocoMetricWithInterval' and metric.get('bootstrap', 1):
            names += ['AP_low', 'AP_high']
    elif kind in ('AUC', 'EPE', 'NME'):
        names = [kind]
    elif kind == 'PCKAccuracy':
        given = metric.get('norm_item', 'bbox')
        items = [given] if isinstance(given, str) else given
        names = [{'bbox': 'PCK', 'head': 'PCKh', 'torso': 'tPCK'}.get(item, '') for item in items]
    else:
        return None
    return [f'{prefix}/{name}' if prefix else name for name in names]
