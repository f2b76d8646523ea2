from __future__ import annotations

import os
import re
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, CheckpointLoader, Runner, find_latest_checkpoint
from mmpose.registry import HOOKS

from ...checkpoint import READS_SAFELY, list_misfits, read_checkpoint
from .plain_model import plain_model


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Refuse a checkpoint that is broken, hostile or of another model before anything runs.

    MMEngine loads non-strictly: with the checkpoint of another model, a test would report the AP of
    random weights. When testing or resuming, every weight of the model must be in the checkpoint.
    When a training starts from one (``load_from``), some must be, so that a head for another data
    set can be replaced; the rest is logged by MMEngine.

    Args:
        strict: Demand every weight when testing or resuming.

    Raises:
        FileNotFoundError: From the run, if the checkpoint is not there.
        ValueError: From the run, if the checkpoint cannot be used.
    """

    priority = 'VERY_HIGH'

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict

    def before_run(self, runner: Runner) -> None:
        """Read the file once, safely, while an error still costs nothing."""
        # MMEngine keeps what it is about to load in these two attributes alone.
        path = runner._load_from
        if path is None and runner._resume:
            path = find_latest_checkpoint(runner.work_dir)
        if path is not None and '://' not in str(path) and READS_SAFELY:
            read_checkpoint(path)
        if _is_training(runner):
            for module in runner.model.modules():
                _check_pretrained(getattr(module, 'init_cfg', None))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes with the model's."""
        expected = plain_model(runner).state_dict()
        found = {
            re.sub(r'^module\.', '', key): value
            for key, value in checkpoint.get('state_dict', checkpoint).items()
        }
        misfits = list_misfits(found, expected)
        fine_tuning = _is_training(runner) and not runner._resume
        if len(misfits) == len(expected) or (misfits and self.strict and not fine_tuning):
            raise ValueError(_complaint(runner, misfits, len(expected)))


def _is_training(runner: Runner) -> bool:
    """MMEngine builds the training loop, a plain dict until then, only in ``runner.train()``."""
    return isinstance(runner._train_loop, BaseLoop)


def _check_pretrained(init_cfg: dict | list[dict] | None) -> None:
    """Fetch or find the weights a module starts from, which MMEngine would do after the data."""
    if not isinstance(init_cfg, dict) or init_cfg.get('type') != 'Pretrained':
        return
    checkpoint = init_cfg['checkpoint']
    if '://' not in checkpoint:
        read_checkpoint(checkpoint)
        return
    try:
        CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    except (URLError, OSError) as error:
        folder = os.path.join(torch.hub.get_dir(), 'checkpoints')
        raise FileNotFoundError(
            f'pretrained weights {checkpoint} could not be fetched ({error}): put the file into '
            f'{folder} as {os.path.basename(urlparse(checkpoint).path)}, or start from random '
            'weights with --cfg-options model.backbone.init_cfg=None'
        ) from error


def _complaint(runner: Runner, misfits: list[str], total: int) -> str:
    shown = '\n  '.join(misfits[:6] + ['...'] * (len(misfits) > 6))
    return (
        f'the checkpoint {runner._load_from or "to resume from"} is of another model than the '
        f'config: {len(misfits)} of {total} weights do not fit:\n  {shown}\n'
        'Use the config it was trained with; convert weights of the official code with '
        '`mim run mmpose_sdpose convert_checkpoint`.'
    )
