"""What a run is about to do, in a dozen lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmpose_sdpose.engine.hooks.plain_model import plain_model
from mmpose_sdpose.evaluation.complexity import measure_complexity
from mmpose_sdpose.models import DeviceAugmentation

import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn

#: Steps of a pipeline that no two trainings differ in.
_EVERY_PIPELINE = {
    'PackPersonCrop',
    'LoadImage',
    'GetBBoxCenterScale',
    'TopdownAffine',
    'GenerateTarget',
    'PackPoseInputs',
}


def sum_up_training(runner: Runner) -> dict[str, str]:
    """What a training is about to do: label and text of each line."""
    lines = dict(_model_lines(runner))
    lines['starts from'] = _start(runner)
    lines['data'] = '; '.join(_people(runner.train_dataloader.dataset))
    if augmentation := _augmentation(runner):
        lines['augmented by'] = augmentation
    lines['validated on'] = _validation(runner)
    lines['length'] = _length(runner)
    lines['optimizer'] = _optimizer(runner)
    return lines | _place_lines(runner)


def sum_up_test(runner: Runner) -> dict[str, str]:
    """What a test is about to do: label and text of each line."""
    lines = dict(_model_lines(runner))
    lines['weights'] = shorten(runner._load_from)
    lines['data'] = '; '.join(_people(runner.test_dataloader.dataset))
    flip = (getattr(plain_model(runner), 'test_cfg', None) or {}).get('flip_test', False)
    lines['flip test'] = 'yes' if flip else 'no'
    lines['metrics'] = ', '.join(type(part).__name__ for part in runner.test_evaluator.metrics)
    return lines | _place_lines(runner)


def _model_lines(runner: Runner) -> Iterator[tuple[str, str]]:
    model = plain_model(runner)
    yield 'model', describe_model(model)
    if teacher := getattr(model, 'teacher', None):
        yield 'taught by', f'{_parts(teacher)} of {runner.cfg.model.get("teacher_ckpt")}'
    if size := _input_size(model):
        yield 'cost', _cost(model, size)


def describe_model(model: nn.Module) -> str:
    """Its parts, and the size of its input if that is known."""
    size = _input_size(model)
    return _parts(model) + (f', input {size[1]}x{size[0]} pixels (height x width)' if size else '')


def _input_size(model: nn.Module) -> tuple[int, int] | None:
    """Width and height."""
    return getattr(getattr(getattr(model, 'head', None), 'decoder', None), 'input_size', None)


def _parts(model: nn.Module) -> str:
    parts = [getattr(model, name, None) for name in ('backbone', 'neck', 'head')]
    names = [type(part).__name__ for part in parts if part is not None]
    return ' + '.join(names) or type(model).__name__


def _cost(model: nn.Module, size: tuple[int, int]) -> str:
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.random.fork_rng(devices=[]):
            cost = measure_complexity(model, size)
    except (RuntimeError, TypeError, ValueError) as error:  # a run may do without
        return f'not counted ({str(error).splitlines()[0]})'
    finally:
        for module, training in modes.items():
            module.training = training
    return f'{cost.params / 1e6:.2f} M parameters, {cost.flops_with_attention / 1e9:.3g} GFLOPs'


def _start(runner: Runner) -> str:
    if runner._resume and runner._load_from:
        done = f'epoch {runner.epoch}, ' if counts_epochs(runner) else ''
        return f'{shorten(runner._load_from)}: {done}step {runner.iter:,} (resumed)'
    if runner._load_from:
        return shorten(runner._load_from)
    pretrained = pretrained_backbone(plain_model(runner))
    return f'backbone from {pretrained}, head untrained' if pretrained else 'random weights'


def pretrained_backbone(model: nn.Module) -> str | None:
    """The checkpoint that a model's backbone starts from by its own config, if any."""
    init = getattr(getattr(model, 'backbone', None), 'init_cfg', None)
    return init.get('checkpoint') if isinstance(init, dict) else None


def _people(dataset: BaseDataset) -> Iterator[str]:
    """Of each data set within one: how many people, and from where."""
    if parts := _inner(dataset):
        for part in parts:
            yield from _people(part)
        return
    boxes, ann_file = getattr(dataset, 'bbox_file', None), getattr(dataset, 'ann_file', None)
    people = f'people of {shorten(ann_file)}' if ann_file else ''
    if boxes:
        yield f'{len(dataset):,} detected boxes of {shorten(boxes)}, {people}'
    elif people:
        yield f'{len(dataset):,} {people}'
    else:
        yield f'{len(dataset):,} samples ({type(dataset).__name__})'


def shorten(path: str | Path) -> str:
    """A path as it is shortest: from here, where it lies below."""
    path = str(path)
    relative = os.path.relpath(path) if '://' not in path else path
    return path if relative.startswith('..') else relative


def _inner(dataset: BaseDataset) -> Sequence[BaseDataset]:
    """Data sets that another one wraps."""
    wrapped = getattr(dataset, 'dataset', None)
    return getattr(dataset, 'datasets', [wrapped] * (wrapped is not None))


def _augmentation(runner: Runner) -> str:
    names = [
        name for name in _steps(runner.train_dataloader.dataset) if name not in _EVERY_PIPELINE
    ]
    if isinstance(plain_model(runner).data_preprocessor, DeviceAugmentation):
        names.append(DeviceAugmentation.__name__)
    return ', '.join(names)


def _steps(dataset: BaseDataset) -> dict[str, None]:
    """Names of the pipelines' steps, each once, in their order."""
    own = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    names = [name for part in _inner(dataset) for name in _steps(part)]
    return dict.fromkeys([*names, *(type(step).__name__ for step in own)])


def _validation(runner: Runner) -> str:
    if runner.val_loop is None:
        return 'nothing (no validation)'
    every, unit = runner.val_interval, 'epoch' if counts_epochs(runner) else 'step'
    when = f'every {unit}' if every == 1 else f'every {every:,} {unit}s'
    return '; '.join(_people(runner.val_dataloader.dataset)) + f'; {when}'


def counts_epochs(runner: Runner) -> bool:
    """Whether a training goes by epochs, rather than by steps alone."""
    return isinstance(runner.train_loop, EpochBasedTrainLoop)


def _length(runner: Runner) -> str:
    loader, loop = runner.train_dataloader, runner.train_loop
    size = f'{loader.batch_size} people'
    if runner.world_size > 1:
        size += f' in each of {runner.world_size} processes'
    if not counts_epochs(runner):
        return f'{loop.max_iters:,} steps of {size}'
    many = 's' * (loop.max_epochs != 1)
    return f'{loop.max_epochs} epoch{many} of {len(loader):,} steps of {size}'


def _optimizer(runner: Runner) -> str:
    optimizer = runner.optim_wrapper.optimizer
    rate = max(group.get('initial_lr', group['lr']) for group in optimizer.param_groups)
    mixed = ', mixed precision' if 'Amp' in type(runner.optim_wrapper).__name__ else ''
    plan = ', '.join(dict.fromkeys(type(part).__name__ for part in runner.param_schedulers or []))
    return (
        f'{type(optimizer).__name__}, learning rate {rate:g}' + (f' ({plan})' * bool(plan)) + mixed
    )


def _place_lines(runner: Runner) -> dict[str, str]:
    device = next(plain_model(runner).parameters()).device
    where = torch.cuda.get_device_name(device) if device.type == 'cuda' else str(device)
    if device.type == 'cpu':
        threads = torch.get_num_threads()
        where += f', {threads} thread' + 's' * (threads > 1)
    many = f'{runner.world_size} processes, each on ' if runner.world_size > 1 else ''
    return {
        'device': many + where,
        'results in': shorten(runner.work_dir),
        'log': shorten(runner.logger.log_file or 'none'),
    }
