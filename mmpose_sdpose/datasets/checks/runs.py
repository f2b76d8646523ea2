"""Settings of a run: whether a runner, a loader and a checkpoint hook can take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmpose.registry import OPTIMIZERS

from ...arguments import near
from .findings import Finding, is_positive, is_whole, short
from .parts import COCO_METRICS, registered_in, type_name

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
    yield from _check_whole(loader.get('num_workers', 0), 0, f'{place}.num_workers')
    size = loader.get('batch_size', 1)
    if type(size) is float and size >= 1 and is_whole(size):  # which passes elsewhere
        yield Finding(f'{place}.batch_size ({size!r}) must be written without a point: {size:.0f}')
    else:
        yield from _check_whole(size, 1, f'{place}.batch_size')
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
