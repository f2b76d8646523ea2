from __future__ import annotations

import os
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import CheckpointLoader, Runner
from mmpose.registry import HOOKS
from torch import Tensor
from torch.optim import Optimizer

from ...checkpoint import (
    READS_SAFELY,
    judge,
    list_unusable,
    read_checkpoint,
    unusable_weights,
    weights_in,
)
from ...configs import keypoint_names_of
from ...keypoint_weights import (
    DATA_OF_KEYPOINTS,
    count_keypoints,
    keypoint_names_in,
    take_keypoints,
)
from ..earlier_training import checkpoint_folder, refuse_to_replace
from ..resume import keep_state_alone, newest_checkpoint, why_not_resumed
from .plain_model import is_training, plain_model


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Refuse a checkpoint that is broken, hostile or of another model before anything runs.

    MMEngine loads non-strictly: with the checkpoint of another model, a test would report the AP of
    random weights. When testing or resuming, every weight of the model must be in the checkpoint.
    When a training starts from one (``load_from``), some must be, so that a head for another data
    set can be replaced; the rest is logged by MMEngine. Where the data has other keypoints than the
    checkpoint was trained on, keypoint tokens and rows of the output layer go by the names. What is no
    number (NaN, text, a tensor without values) is refused always.

    A resumed training takes weights, optimizer, schedules and counters from the file, and no code and
    no path. Without a file named, it goes on from the newest whole one in the work directory, and
    begins anew if there is none.

    A training that would replace whole checkpoints of another one is refused.

    What an optimizer keeps of each weight gets the weight's layout in memory: a fused optimizer walks
    both as they lie, so that a training whose weights were in channels-last memory would go on wrong
    where they are not, and the other way round.

    Args:
        strict: Demand every weight when testing or resuming.

    Raises:
        FileNotFoundError: From the run, if the checkpoint is not there.
        FileExistsError: From the run, if checkpoints of another training would be lost.
        ValueError: From the run, if the checkpoint cannot be used.

    Examples:
        >>> from mmpose_sdpose.configs import read_config
        >>> config = read_config('mmpose::_base_/default_runtime.py')
        >>> config.custom_hooks.append(dict(type='CheckpointGuardHook'))  # for any config of MMPose's
    """

    priority = 'VERY_HIGH'

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict

    def before_run(self, runner: Runner) -> None:
        """Read the file once, safely, while an error still costs nothing."""
        # MMEngine keeps what it is about to load in these two attributes alone.
        if runner._resume and runner._load_from is None:
            _choose(runner)
        path = runner._load_from
        if path is not None and '://' not in str(path) and READS_SAFELY:
            read_checkpoint(path)
        if is_training(runner):
            refuse_to_replace(runner.cfg)
            for module in runner.model.modules():
                _check_pretrained(getattr(module, 'init_cfg', None))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare what was read with the model, and take what a run may take."""
        source, model = runner._load_from, plain_model(runner)
        found = weights_in(checkpoint, source)
        fine_tuning = is_training(runner) and not runner._resume
        if fine_tuning:
            found.update(_weights_of_keypoints(runner, checkpoint, found))
            checkpoint['state_dict'] = found
        fit = judge(found, model, training=is_training(runner))
        nothing_fits = fit.lacking == fit.total
        if fit.unusable or nothing_fits or (fit.misfits and self.strict and not fine_tuning):
            raise ValueError(fit.complaint(source))
        if fine_tuning and fit.lacking:
            MMLogger.get_current_instance().warning(f'weights: {fit.taken(source)}')
        if runner._resume and is_training(runner):
            _check_state(checkpoint, source)
            if 'optimizer' not in checkpoint:
                runner.logger.warning(f'{source} has no state of an optimizer: it begins anew')
            else:
                _check_optimizer(checkpoint['optimizer'], runner.optim_wrapper, source)
        keep_state_alone(checkpoint, runner.message_hub.runtime_info, _checkpoint_folder(runner))

    def before_train(self, runner: Runner) -> None:
        """Bring what was resumed into the layout of the weights that are trained."""
        wrapper = runner.optim_wrapper
        for one in wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]:
            _lay_out_like_weights(one.optimizer)


def _check_optimizer(state: dict, wrapper: OptimWrapper | OptimWrapperDict, source: str) -> None:
    """Whether the optimizer's state is of the kind that the config names.

    Another learning rate than the config's is said: MMEngine takes that of the file.

    Raises:
        ValueError: If it is of another.
    """
    saved = state.get('param_groups')
    if not saved or isinstance(wrapper, OptimWrapperDict):
        return
    optimizer = wrapper.optimizer
    groups = optimizer.param_groups
    # Others come and go with torch's versions.
    differ = [key for key in ('betas', 'momentum') if (key in saved[0]) != (key in groups[0])]
    if differ or len(saved) != len(groups):
        raise ValueError(
            f'{source} is of a training with another optimizer than '
            f'{type(optimizer).__name__}: to begin with its weights alone, say load_from={source} '
            'instead of --resume'
        )
    # Schedules note the rate that each group begins with.
    rates = [(old.get('initial_lr'), new.get('initial_lr')) for old, new in zip(saved, groups)]
    for old, new in rates:
        if None not in (old, new) and old != new:
            MMLogger.get_current_instance().warning(
                f'{source} goes on with its own learning rates, from {old} where the config gives '
                f'{new}: to train on with the new one, say load_from={source} instead of --resume'
            )
            break


def _lay_out_like_weights(optimizer: Optimizer) -> None:
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            same = isinstance(value, Tensor) and value.shape == weight.shape
            if same and value.stride() != weight.stride():
                state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def _weights_of_keypoints(runner: Runner, checkpoint: dict, found: dict) -> dict[str, Tensor]:
    """Weights of single keypoints for those of the training data; none where they are the same."""
    dataset = getattr(getattr(runner._train_loop, 'dataloader', None), 'dataset', None)
    names = getattr(dataset, 'metainfo', {}).get('keypoint_id2name', {})
    new = [names[index] for index in sorted(names)]
    old = keypoint_names_in(checkpoint) or _usual_names(found)
    if not new or not old or new == old:
        return {}
    taken, shared = take_keypoints(found, plain_model(runner), old, new)
    if taken:
        others = [name for name in new if name not in shared]
        runner.logger.info(
            f'{len(shared)} of {len(new)} keypoints have their name in {runner._load_from} and start '
            f'from its weights; from random ones start {len(others)}: {", ".join(others)}'
        )
    return taken


def _usual_names(found: dict) -> list[str]:
    """COCO's 17 or CrowdPose's 14 keypoints, of weights for as many that do not say which."""
    data = DATA_OF_KEYPOINTS.get(count_keypoints(found))
    return keypoint_names_of(data.lower()) if data else []


def _choose(runner: Runner) -> None:
    """What to resume, whatever ``last_checkpoint`` says."""
    path = newest_checkpoint(runner.work_dir)
    if path is None:
        runner.logger.warning(f'nothing to resume in {runner.work_dir}: the training begins anew')
        runner._resume = False
        return
    runner.logger.info(f'resumes from {path}')
    runner._load_from = str(path)


def _check_state(checkpoint: dict, source: str) -> None:
    why = why_not_resumed(checkpoint)
    if why:
        raise ValueError(
            f'{source} cannot be resumed, {why}: start from its weights with '
            f'--cfg-options load_from={source}'
        )
    if faults := list_unusable(checkpoint.get('ema_state_dict', {})):
        raise ValueError(unusable_weights(f'ema_state_dict of {source}', faults))


def _checkpoint_folder(runner: Runner) -> Path:
    """Where this run's checkpoints are."""
    given = [hook.out_dir for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    elsewhere = (out_dir for out_dir in given if out_dir not in (None, runner.work_dir))
    return checkpoint_folder(runner.work_dir, next(elsewhere, None))


def _check_pretrained(init_cfg: dict | list[dict] | None) -> None:
    """Fetch or find the weights a module starts from, which MMEngine would do after the data."""
    for part in init_cfg if isinstance(init_cfg, list) else [init_cfg]:
        if isinstance(part, dict) and part.get('type') == 'Pretrained':
            source = part['checkpoint']
            weights = weights_in(_fetch(source), source)
            tensors = {key: value for key, value in weights.items() if isinstance(value, Tensor)}
            if faults := list_unusable(tensors):
                raise ValueError(unusable_weights(source, faults))


def _fetch(source: str) -> dict:
    if '://' not in source:
        return read_checkpoint(source)
    try:
        return CheckpointLoader.load_checkpoint(source, map_location='cpu')
    except (URLError, OSError) as error:
        folder = os.path.join(torch.hub.get_dir(), 'checkpoints')
        raise FileNotFoundError(
            f'pretrained weights {source} could not be fetched ({error}): put the file into '
            f'{folder} as {os.path.basename(urlparse(source).path)}, or start from random '
            'weights with --cfg-options model.backbone.init_cfg=None'
        ) from error
