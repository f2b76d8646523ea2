from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.models.heads import HeatmapHead, RTMCCHead, RTMWHead, SimCCHead
from mmpose.registry import LOOPS
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import check_counts, check_flags
from ..datasets.kept_people import KeptPeople
from ..models.data_preprocessors import DeviceAugmentation
from ..models.heads import innermost
from ..models.heads.token_head import TokenHead
from .cuda_graph_step import RecordedStep
from .hooks.plain_model import plain_model

#: What a recorded step does itself: an optimizer wrapper must not do it differently.
_RECORDED = ('backward', 'scale_loss', 'should_update', 'step', 'update_params', 'zero_grad')


@LOOPS.register_module()
class CUDAGraphTrainLoop(EpochBasedTrainLoop):
    """Epochs whose people stay on the accelerator, and whose steps are replayed as a CUDA graph.

    Loaders cannot feed a small model, and with small batches Python is slower than the accelerator. Here
    every person is read once (``PackPersonCrop``), batches are taken from the device's memory, augmented
    there (``DeviceAugmentation``), and forward pass, losses, backward pass and the clipping of gradients
    are recorded after three ordinary steps and replayed from then on::

        mim train mmpose_sdpose CONFIG --cfg-options train_cfg.type=CUDAGraphTrainLoop

    What is learned is what ``EpochBasedTrainLoop`` learns: same batches, same losses, same optimizer
    and hooks. What Python decides within a step is decided once, when it is recorded; what hooks freeze
    or weigh anew counts from the next epoch on. The recorded step keeps its memory. Without a CUDA
    device the steps are ordinary ones. ``train_cfg`` must not have ``by_epoch`` beside ``type``.

    Args:
        runner: The runner.
        dataloader: Loader of people with ``PackPersonCrop``, or its config.
        max_epochs: Epochs.
        capture: Record the steps. It needs ``model.train_cfg.compute_acc=False``: heads count their
            training accuracy with NumPy.
        channels_last: Keep the model and its maps in channels-last memory, as this package's backbones
            are already: convolutions of MMPose's can be much faster with it in bfloat16.
        look_every: Losses of so many steps are looked at together (logged, checked to be finite): until
            then the accelerator need not be waited for. ``LoggerHook.interval`` should be a multiple.
        **kwargs: ``val_begin``, ``val_interval``, ``dynamic_intervals`` of ``EpochBasedTrainLoop``.

    Raises:
        TypeError, ValueError: If data, model or optimizer do not allow it, people do not fit into the
            device's memory, or a step cannot be recorded. It says what to change.

    Examples:
        >>> train_cfg = dict(type='CUDAGraphTrainLoop', max_epochs=60, val_interval=20)
    """

    #: A loader, and then what has of one all that MMEngine's loops and hooks use.
    dataloader: Any

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_epochs: int,
        capture: bool = True,
        channels_last: bool = False,
        look_every: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        check_flags(capture=capture, channels_last=channels_last)
        check_counts(look_every=look_every)
        self.capture, self.channels_last, self.look_every = capture, channels_last, look_every
        self.dataloader = KeptPeople(self.dataloader, next(runner.model.parameters()).device)
        self._pending: list[dict[str, Tensor]] = []

    def run(self) -> torch.nn.Module:
        """Train."""
        # Here, because the optimizer is built after the loop.
        _check_run(self.runner)
        model: Any = plain_model(self.runner)
        wrapper = self.runner.optim_wrapper
        if self.capture:  # without a device, too: it is the same config
            _check_capture(model, wrapper)
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        on_cuda = self.dataloader.device.type == 'cuda'
        self._step = RecordedStep(model, wrapper, self.capture and on_cuda)
        return super().run()

    def run_epoch(self) -> None:
        """Read all people if that has not been done, then one epoch."""
        self.dataloader.read()  # not before: hooks have looked at the run by now
        super().run_epoch()

    def run_iter(self, idx: int, data_batch: dict[str, Tensor]) -> None:
        """One step."""
        self.runner.call_hook('before_train_iter', batch_idx=idx, data_batch=data_batch)
        if idx == 0:
            self._step.look_for_changes()
        self._pending.append(self._step(data_batch))
        looked_at = (idx + 1) % self.look_every == 0 or idx + 1 == len(self.dataloader)
        self.runner.call_hook(
            'after_train_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=self._look() if looked_at else None,
        )
        self._iter += 1

    def _look(self) -> dict[str, Tensor]:
        """The log of this step, or of the first one that was not finite; the others' go into the hub."""
        *others, last = self._pending
        self._pending = []
        names = [*last]
        if all([*log] == names for log in others):  # in one transfer
            values = torch.stack([torch.stack([*log.values()]) for log in (*others, last)]).cpu()
            *others, last = (dict(zip(names, row)) for row in values)
        for log in others:
            if not all(torch.isfinite(value) for name, value in log.items() if 'loss' in name):
                return log
            for name, value in log.items():
                self.runner.message_hub.update_scalar(f'train/{name}', value)
        return last


def _check_run(runner: Runner) -> None:
    """What is wrong is said before minutes of reading."""
    if get_world_size() > 1:
        raise ValueError(
            'CUDAGraphTrainLoop trains on one device: use EpochBasedTrainLoop on several'
        )
    model, wrapper = plain_model(runner), runner.optim_wrapper
    if not isinstance(model.data_preprocessor, DeviceAugmentation):
        raise ValueError(
            f'CUDAGraphTrainLoop needs a model with DeviceAugmentation, not '
            f'{type(model.data_preprocessor).__name__}, as data_preprocessor: see '
            'configs/_base_/token_heatmap_photos.py'
        )
    if not isinstance(wrapper, OptimWrapper) or wrapper._accumulative_counts > 1:
        raise ValueError(
            'CUDAGraphTrainLoop has one optimizer and does not accumulate gradients: set '
            'optim_wrapper.accumulative_counts=1 and a larger batch_size'
        )
    own_step = getattr(type(model), 'train_step', None) is not BaseModel.train_step
    if runner.cfg.get('compile') or own_step:
        raise ValueError(
            'CUDAGraphTrainLoop takes the steps of the model itself: leave cfg.compile out, and models '
            'with a train_step of their own to EpochBasedTrainLoop'
        )


def _check_capture(model: BaseModel, wrapper: OptimWrapper) -> None:
    """What a graph cannot hold."""
    kind = type(wrapper)
    own = [name for name in _RECORDED if getattr(kind, name) is not getattr(OptimWrapper, name)]
    if own:
        raise ValueError(
            f'{kind.__name__} has a {own[0]} of its own, which cannot be recorded: use '
            'optim_wrapper.type=BFloat16OptimWrapper for mixed precision (without --amp), or '
            'train_cfg.capture=False'
        )
    if getattr(model, 'average', None) is not None:
        raise ValueError(
            "teacher='ema' changes its average differently in every step, which cannot be recorded: set "
            'train_cfg.capture=False'
        )
    head = innermost(model.head)
    counting = isinstance(head, (HeatmapHead, TokenHead, RTMCCHead, RTMWHead, SimCCHead))
    if counting and head is not model.head:
        raise ValueError(
            f'{type(model.head).__name__} lets its {type(head).__name__} count the training accuracy '
            'with NumPy whatever train_cfg says, which cannot be recorded: set train_cfg.capture=False'
        )
    if counting and model.train_cfg.get('compute_acc', True):
        raise ValueError(
            f'{type(head).__name__} counts its training accuracy with NumPy, which cannot be recorded: '
            'set model.train_cfg.compute_acc=False (of a student model.student.train_cfg.compute_acc)'
        )
