"""Any model trained by another config's recipe: the same data, steps and augmentation for all."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from math import sqrt
from typing import Any

from mmpose_sdpose.configs import read_config

from mmengine.config import Config, ConfigDict

#: Sizes in cells of a map that follow the input's size, and lengths in those cells.
_MAP_SIZES = ('heatmap_size', 'in_featuremap_size')

#: What a schedule counts in epochs.
_EPOCHS = ('begin', 'end', 'T_max')


def with_recipe(model: Config, recipe: Config) -> Config:
    """The recipe's config with another config's model and codec, made for the recipe's input size.

    Weights to start from that another config names are left out: what all start from is the study's
    choice, not the model's.

    Args:
        model: Config that gives ``model`` and ``codec``.
        recipe: Config that gives everything else. If it has a ``data_preprocessor``, also that, with the
            model's codec in it; if it says ``same_heatmaps``, models of heatmaps have its codec.

    Raises:
        ValueError: If a map of the model has no whole number of cells at the recipe's input size, or
            heatmaps have another size than the recipe's.
    """
    merged = deepcopy(recipe)
    target = tuple(recipe.codec.input_size)
    merged.codec = _replace(ConfigDict(codec=_codec(model)), target).codec
    merged.model = _replace(_without_start(model.model), target, tuple(_codec(model).input_size))
    if recipe.get('same_heatmaps'):
        merged.codec = _with_heatmaps(ConfigDict(decoder=merged.codec), recipe.codec).decoder
        merged.model = _with_heatmaps(merged.model, recipe.codec)
    if 'data_preprocessor' in recipe:
        _put_preprocessor(merged, merged.pop('data_preprocessor'))
    encoder = merged.codec
    for pipeline in _pipelines(merged):
        for transform in pipeline:
            if transform['type'] == 'TopdownAffine':
                transform['input_size'] = target
            if transform['type'] == 'GenerateTarget':
                transform['encoder'] = encoder
    return merged


def _with_heatmaps(node: Any, codec: ConfigDict) -> Any:
    """A copy in which every decoder of heatmaps is this one."""
    if isinstance(node, Mapping):
        changed = ConfigDict({key: _with_heatmaps(value, codec) for key, value in node.items()})
        old = changed.get('decoder') or {}
        if 'heatmap_size' in old:
            if tuple(old['heatmap_size']) != tuple(codec.heatmap_size):
                raise ValueError(
                    f'heatmaps of {tuple(old["heatmap_size"])} cells cannot be those of the recipe, '
                    f'{tuple(codec.heatmap_size)}: leave same_heatmaps out of it'
                )
            changed.decoder = deepcopy(codec)
        return changed
    if isinstance(node, (list, tuple)):
        return type(node)(_with_heatmaps(value, codec) for value in node)
    return node


def _put_preprocessor(config: Config, preprocessor: ConfigDict) -> None:
    """The recipe's, with what it leaves to the model: its codec, mean and deviation of its pixels."""
    model = config.model.get('student', config.model)
    changed = {**model.get('data_preprocessor', {}), **preprocessor}
    if 'codec' in changed:
        changed['codec'] = config.codec
    model.data_preprocessor = changed


def set_length(config: Config, epochs: float) -> None:
    """Make a training longer or shorter; schedule and evaluations follow in proportion.

    Args:
        config: With a schedule by epochs.
        epochs: How many.

    Raises:
        ValueError: If that is no whole number of them, 1 at least.
    """
    if epochs != int(epochs) or epochs < 1:
        raise ValueError(f'{epochs:g} epochs: choose --epochs so that each run has a whole number')
    factor = epochs / config.train_cfg.max_epochs
    config.train_cfg.max_epochs = int(epochs)
    config.train_cfg.val_interval = max(1, round(config.train_cfg.val_interval * factor))
    for scheduler in config.param_scheduler:
        if scheduler.get('by_epoch', True):
            for key in _EPOCHS:
                if key in scheduler:
                    scheduler[key] = round(scheduler[key] * factor)
            if 'milestones' in scheduler:
                scheduler.milestones = [round(epoch * factor) for epoch in scheduler.milestones]


def _codec(config: Config) -> ConfigDict:
    """The codec that makes the training targets."""
    for transform in config.train_dataloader.dataset.pipeline:
        if transform['type'] == 'GenerateTarget':
            return transform['encoder']
    raise ValueError(f'{config.filename} trains on no codec (GenerateTarget)')


def _without_start(model: ConfigDict) -> ConfigDict:
    """A model, and the teacher a distillation names, without the weights that backbones start from."""
    model = deepcopy(model)
    if isinstance(model.get('teacher'), str):
        model.teacher = _without_start(read_config(model.teacher).model)
    for part in (model, model.get('student') or {}):
        if 'backbone' in part:
            part['backbone'].pop('init_cfg', None)
            part['backbone'].pop('pretrained', None)
    return model


def _replace(node: Any, target: tuple[int, int], size: tuple[int, int] | None = None) -> Any:
    """A copy for another input size: map sizes in proportion, and widths of Gaussians with them."""
    if isinstance(node, Mapping):
        size = tuple(node.get('input_size', size) or ()) or None
        changed = ConfigDict({key: _replace(value, target, size) for key, value in node.items()})
        if size is None or size == target:
            return changed
        if 'input_size' in node:
            changed.input_size = target
        for key in _MAP_SIZES:
            if key in node:
                changed[key] = _scaled(key, node[key], size, target)
        if 'sigma' in node:
            changed.sigma = _scaled_sigma(node['sigma'], size, target)
        return changed
    if isinstance(node, (list, tuple)):
        return type(node)(_replace(value, target, size) for value in node)
    return node


def _scaled(
    key: str, cells: Any, size: tuple[int, int], target: tuple[int, int]
) -> tuple[int, int]:
    width, height = (cell * new / old for cell, new, old in zip(cells, target, size))
    if any(value != int(value) or value < 1 for value in (width, height)):
        raise ValueError(
            f'{key} {tuple(cells)} at input {size} becomes {(width, height)} at {target}: choose a '
            'recipe whose input is a multiple of the stride'
        )
    return int(width), int(height)


def _scaled_sigma(sigma: Any, size: tuple[int, int], target: tuple[int, int]) -> Any:
    """In proportion, but not below one cell, where a Gaussian would no longer be one."""
    if isinstance(sigma, (list, tuple)):
        return tuple(max(1.0, s * new / old) for s, new, old in zip(sigma, target, size))
    return max(1.0, sigma * sqrt(target[0] * target[1] / (size[0] * size[1])))


def _pipelines(config: Config) -> list[list[dict]]:
    return [
        config[f'{split}_dataloader'].dataset.pipeline
        for split in ('train', 'val', 'test')
        if config.get(f'{split}_dataloader')
    ]
