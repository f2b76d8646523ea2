"""Whether what a run reads fits together: looked at, and tried on two people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmpose_sdpose.arguments import near
from mmpose_sdpose.checkpoint import fetch_state_dict, judge
from mmpose_sdpose.datasets.checks import Finding, Leaf, check_data, leaves_of
from mmpose_sdpose.datasets.checks.findings import some
from mmpose_sdpose.datasets.checks.parts import registered_in, type_name
from mmpose_sdpose.datasets.checks.runs import check_kinds
from mmpose_sdpose.engine.hooks import LossWeightHook
from mmpose_sdpose.tools.refusals import why_not_built
from mmpose_sdpose.tools.run_summary import describe_model, pretrained_backbone, shorten

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpose.registry import HOOKS, LOOPS, MODELS, PARAM_SCHEDULERS
from rich.console import Console
from torch import nn

#: So many images of each data set are tried.
IMAGES = 2


def look_at(cfg: Config, stages: Sequence[str], console: Console) -> list[Finding]:
    """Print what a run reads and how it fits together, and give what is wrong with it.

    Data, settings and files are looked at as before a run; the model is built, and the weights it starts
    from are compared with it. Where no error was found, it learns from and is tested on the people of
    two images.

    Args:
        cfg: Of the run, options merged.
        stages: What runs: of ``train``, ``val``, ``test``.
    """
    findings = check_data(cfg, stages)
    if any(check_kinds(cfg)):
        return findings
    for label, text in _data_lines(cfg, stages):
        _say(console, label, text)
    has_data = not any(finding.fatal for finding in findings)
    for label, result in _try(cfg, stages, has_data):
        if isinstance(result, Finding):
            findings.append(result)
        else:
            _say(console, label, result)
    return list(dict.fromkeys(findings))


def _say(console: Console, label: str, text: str) -> None:
    console.print(f'  {label:12}{text}', markup=False, soft_wrap=True)


def _leaves(cfg: Config, stage: str) -> list[Leaf]:
    loader = cfg.get(f'{stage}_dataloader') or {}
    dataset = loader.get('dataset')
    return list(leaves_of(dataset, f'{stage}_dataloader.dataset')) if dataset else []


def _data_lines(cfg: Config, stages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """How many people there are, and where."""
    seen: dict[str, str] = {}
    for stage in stages:
        parts = [_describe(leaf) for leaf in _leaves(cfg, stage)]
        text = '; '.join(part for part in parts if part)
        if text:
            yield f'{stage} data', f'as {seen[text]} data' if text in seen else text
            seen.setdefault(text, stage)


def _describe(leaf: Leaf) -> str:
    try:
        found = leaf.read()
    except (OSError, ValueError):
        return ''  # that is an error of its own
    boxes = f', detected boxes of {shorten(leaf.bbox_file)}' if leaf.bbox_file else ''
    people, images = len(found.loaded), len(found.pictures)
    return f'{people:,} people in {images:,} images of {shorten(leaf.ann_file)}{boxes}'


def _try(cfg: Config, stages: Sequence[str], has_data: bool) -> Iterator[tuple[str, str | Finding]]:
    """Model and weights, then targets and metrics of what runs; stops at the first error."""
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    try:
        model: BaseModel = MODELS.build(deepcopy(cfg.model))
    except Exception as error:  # whatever a constructor refuses
        yield 'model', Finding(f'the model cannot be built: {why_not_built(error)}')
        return
    yield 'model', _model(model)
    yield from _loops(cfg, stages)
    if 'train' in stages:  # a test is told its weights
        yield 'weights', _weights(cfg, model)
        yield from _training(cfg, model)
    if not has_data:
        return
    if not all(leaf.is_plain for stage in stages for leaf in _leaves(cfg, stage)):
        yield (
            'trial',
            'left out: the data is of classes that read their files in a way of their own',
        )
        return
    for stage in stages:
        if not _leaves(cfg, stage) or (stage == 'test' and 'val' in stages and _same_test(cfg)):
            continue
        with TemporaryDirectory() as folder:
            cut = _cut(cfg, stage, Path(folder))
            try:
                text = _learn(cut, model) if stage == 'train' else _test(cut, stage, model)
            except Exception as error:  # whatever does not fit
                what = f'{type(error).__name__}: {error}'
                yield stage, Finding(f'a trial of {stage} with {IMAGES} images fails with {what}')
                return
        yield f'{stage} trial', text


def _same_test(cfg: Config) -> bool:
    """Whether testing reads and measures what validation does."""
    return all(
        cfg.get(f'test_{part}') == cfg.get(f'val_{part}') for part in ('dataloader', 'evaluator')
    )


def _model(model: nn.Module) -> str:
    codec = getattr(getattr(model, 'head', None), 'decoder', None)
    cells = getattr(codec, 'heatmap_size', None)
    return describe_model(model) + (f', heatmaps {cells[1]}x{cells[0]}' if cells else '')


def _weights(cfg: Config, model: nn.Module) -> str | Finding:
    """How much of the model is filled by what its training starts from."""
    source = cfg.get('load_from')
    if not source:
        pretrained = pretrained_backbone(model)
        return f'backbone from {pretrained}' if pretrained else 'random'
    try:
        fit = judge(fetch_state_dict(source), model, training=True)
    except (OSError, ValueError) as error:
        return Finding(f'load_from: {error}')
    if fit.lacking == fit.total or fit.unusable:
        return Finding(f'load_from: {fit.complaint(source)}')
    return fit.taken(source)


def _training(cfg: Config, model: BaseModel) -> Iterator[tuple[str, Finding]]:
    """What keeps optimizer, schedules or hooks of a training from being built."""
    parts = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    absent = [name for name in parts if not cfg.get(name)]
    if absent:
        if len(absent) < len(parts):
            yield 'training', Finding(f'there is no {absent[0]}, which a training needs')
        return
    hooks = [*(cfg.get('custom_hooks') or []), *(cfg.get('default_hooks') or {}).values()]
    schedulers = cfg.get('param_scheduler') or []
    schedulers = [schedulers] if isinstance(schedulers, dict) else schedulers
    settings = deepcopy(cfg.optim_wrapper)
    if type_name(settings) == 'AmpOptimWrapper' and not torch.cuda.is_available():
        text = 'optim_wrapper is an AmpOptimWrapper, which needs an accelerator: there is none here'
        yield 'training', Finding(text, fatal=False)
        settings = dict(type='OptimWrapper', optimizer=settings.get('optimizer'))
    part = 'optim_wrapper'
    try:
        wrapper = build_optim_wrapper(model, settings)
        part = 'param_scheduler'
        for settings in schedulers if isinstance(wrapper, OptimWrapper) else []:
            settings = {key: settings[key] for key in settings if key != 'convert_to_iter_based'}
            PARAM_SCHEDULERS.build(settings, default_args=dict(optimizer=wrapper))
        Visualizer.get_instance('check')  # a run has one, which MMPose's hook asks for
        for settings in hooks:
            part = 'a hook'
            hook = settings
            if isinstance(settings, dict):
                part = type_name(settings) or part
                # What the runner takes out of it.
                settings = {key: settings[key] for key in settings if key != 'priority'}
                hook = HOOKS.build(settings)
            if isinstance(hook, LossWeightHook):
                hook.check_losses(model)
    except Exception as error:  # whatever a constructor refuses
        yield 'training', Finding(f'{part} cannot be used: {why_not_built(error)}')


def _loops(cfg: Config, stages: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Loops that are unknown, or do not take what the config says; not built, as each needs a runner."""
    for stage in stages:
        settings = dict(cfg.get(f'{stage}_cfg') or {})
        problem = _loop_problem(stage, settings) if settings else None
        if problem:
            yield stage, Finding(f'{stage}_cfg cannot be used: {problem}')


def _loop_problem(stage: str, settings: dict[str, Any]) -> str | None:
    """Why a runner could not build a loop, as it goes about it."""
    given = dict(runner=None, dataloader=None) | ({} if stage == 'train' else dict(evaluator=None))
    has_type, has_epochs = 'type' in settings, 'by_epoch' in settings
    kind = settings.pop('type', f'{stage.title()}Loop')
    if stage == 'train' and not has_type:
        by_epoch = settings.pop('by_epoch', True)
        kind = 'EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop'
    settings.pop('_scope_', None)
    found = LOOPS.get(kind) if isinstance(kind, str) else kind
    if not callable(found):
        return f'there is no loop {kind!r}{near(str(kind), registered_in(LOOPS))}'
    if stage == 'train' and has_type == has_epochs:
        return 'it needs either type or by_epoch, and not both'
    try:
        signature(found).bind(**{**given, **settings})
    except TypeError as error:
        return f'{getattr(found, "__name__", found)}: {error}'
    return None


def _cut(cfg: Config, stage: str, folder: Path) -> Config:
    """The config with the first images of each of a stage's data sets, and the people in them."""
    cut = deepcopy(cfg)
    for number, (leaf, settings) in enumerate(zip(_leaves(cfg, stage), _leaves(cut, stage))):
        content = json.loads(Path(leaf.ann_file).read_text(encoding='utf-8'))
        ids = list(dict.fromkeys(leaf.read().loaded))[:IMAGES]
        content['images'] = [image for image in content['images'] if image['id'] in ids]
        people = [person for person in content['annotations'] if person['image_id'] in ids]
        content['annotations'] = people
        path = folder / f'{number}.json'
        path.write_text(json.dumps(content), encoding='utf-8')
        settings.settings.update(ann_file=str(path.resolve()))
        settings.settings.pop('bbox_file', None)
        if stage != 'train' and len(_leaves(cfg, stage)) == 1:
            _compare_with(cut[f'{stage}_evaluator'], str(path.resolve()))
    loader = cut[f'{stage}_dataloader']
    loader.update(num_workers=0, persistent_workers=False, drop_last=False)
    loader.batch_size = min(loader.batch_size, 2 * IMAGES)
    return cut


def _compare_with(evaluator: Any, path: str) -> None:
    for metric in [evaluator] if isinstance(evaluator, dict) else evaluator:
        if 'ann_file' in metric:
            metric['ann_file'] = path


def _batch(cfg: Config, stage: str) -> tuple[Any, Any]:
    loader = Runner.build_dataloader(cfg[f'{stage}_dataloader'], seed=0)
    return loader.dataset, next(iter(loader))


def _learn(cfg: Config, model: BaseModel) -> str:
    """One step without changing anything: losses and gradients."""
    _, batch = _batch(cfg, 'train')
    data = model.data_preprocessor(batch, True)
    losses = model.train()(**data, mode='loss')
    total, shown = model.parse_losses(losses)
    total.backward()
    model.zero_grad()
    values = {name: float(value.detach()) for name, value in shown.items() if 'loss' in name}
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise FloatingPointError(f'{", ".join(bad)} is no finite number')
    parts = ', '.join(f'{name} {value:.3g}' for name, value in values.items())
    return f'{len(data["inputs"])} people: {parts}'


def _test(cfg: Config, stage: str, model: BaseModel) -> str:
    """Predictions of a batch, through the metrics."""
    dataset, batch = _batch(cfg, stage)
    evaluator = Evaluator(cfg[f'{stage}_evaluator'])
    evaluator.dataset_meta = dataset.metainfo
    with torch.no_grad():
        samples = model.eval().test_step(batch)
    evaluator.process(data_samples=samples, data_batch=batch)
    return f'{len(samples)} people: {some(list(evaluator.evaluate(len(samples))))}'
