from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner, find_latest_checkpoint
from mmpose.registry import HOOKS
from torch import Tensor

from ...utils import read_checkpoint


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
        if path is not None and '://' not in str(path):
            read_checkpoint(path)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes with the model's."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        expected = model.state_dict()
        found = checkpoint.get('state_dict', checkpoint)
        missing = [key for key in expected if key not in found]
        other_shape = [
            f'{key}: {tuple(found[key].shape)} in the checkpoint, {tuple(value.shape)} in the model'
            for key, value in expected.items()
            if isinstance(found.get(key), Tensor) and found[key].shape != value.shape
        ]
        misfits = [f'{key}: not in the checkpoint' for key in missing] + other_shape
        fine_tuning = isinstance(runner._train_loop, BaseLoop) and not runner._resume
        if len(misfits) == len(expected) or (misfits and self.strict and not fine_tuning):
            raise ValueError(_complaint(runner, misfits, len(expected)))


def _complaint(runner: Runner, misfits: list[str], total: int) -> str:
    shown = '\n  '.join(misfits[:6] + ['...'] * (len(misfits) > 6))
    return (
        f'the checkpoint {runner._load_from or "to resume from"} is of another model than the '
        f'config: {len(misfits)} of {total} weights do not fit:\n  {shown}\n'
        'Use the config it was trained with; convert weights of the official code with '
        '`mim run mmpose_sdpose convert_checkpoint`.'
    )
