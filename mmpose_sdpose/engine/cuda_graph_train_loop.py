from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpose.models.heads import HeatmapHead, RTMCCHead, SimCCHead
from mmpose.registry import LOOPS
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import check_counts, check_flags
from ..datasets.kept_people import KeptPeople
from ..models.data_preprocessors import DeviceAugmentation
from ..models.data_preprocessors.device_augmentation import samples_of
from ..models.heads import innermost
from ..models.heads.token_head import TokenHead
from .hooks.plain_model import plain_model

#: Ordinary steps before one is recorded: libraries choose their algorithms in them.
_WARM_UP = 3
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
        capture: Record the steps. False for a head that counts its training accuracy with NumPy, such
            as MMPose's ``RTMCCHead``: its steps are ordinary ones.
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
        look_every: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        check_flags(capture=capture)
        check_counts(look_every=look_every)
        self.look_every = look_every
        model = plain_model(runner)
        device = next(model.parameters()).device
        _check_model(model, capture)
        self.wanted = capture
        self.capture = capture and device.type == 'cuda'
        self.dataloader = KeptPeople(self.dataloader, device)
        self._pending: list[dict[str, Tensor]] = []

    def run(self) -> torch.nn.Module:
        """Train."""
        # Here, because the optimizer is built after the loop.
        _check_run(self.runner, self.wanted)
        self._step = _Step(plain_model(self.runner), self.runner.optim_wrapper, self.capture)
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


class _Step:
    """What a batch does to model and optimizer; recorded once it is warm."""

    def __init__(self, model: BaseModel, wrapper: OptimWrapper, capture: bool) -> None:
        self.model, self.wrapper, self.capture = model, wrapper, capture
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm = 0
        self.batch: dict[str, Any] = {}
        self.places: dict[str, Tensor] = {}
        self.log: dict[str, Tensor] = {}
        self.gradients: list[tuple[Tensor, Tensor]] = []
        self.recorded: tuple = ()

    def __call__(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses by name: ()."""
        images, targets = self.model.data_preprocessor.augment_and_encode(data)
        if not self.capture or (self.places and images.shape != self.places['inputs'].shape):
            return self._ordinary(dict(inputs=images, data_samples=samples_of(targets)))
        self._put(dict(targets, inputs=images))
        if self.graph is None and self.warm < _WARM_UP:
            self.warm += 1
            return self._aside()
        graph = self.graph or self._record()
        graph.replay()
        for parameter, gradient in self.gradients:
            parameter.grad = gradient  # an ordinary step between has let go of it
        self.wrapper.optimizer.step()
        return {name: value.clone() for name, value in self.log.items()}

    def look_for_changes(self) -> None:
        """Forget a recorded step that is not the one that would be taken now."""
        if self.graph is not None and self.recorded != self._facts():
            self.graph = None

    def _facts(self) -> tuple:
        """What a recorded step took for granted."""
        return (
            [(one.data_ptr(), one.requires_grad) for one in self.model.parameters()],
            [one.data_ptr() for one in self.model.buffers()],
            [module.training for module in self.model.modules()],
            [id(one) for one in self._trained()],
            dict(getattr(self.model, 'loss_factors', {})),
        )

    def _trained(self) -> list[Tensor]:
        groups = self.wrapper.optimizer.param_groups
        return [one for group in groups for one in group['params']]

    def _put(self, values: dict[str, Tensor]) -> None:
        """The batch to where the recorded step reads it."""
        if not self.places:
            self.places = {name: value.clone() for name, value in values.items()}
            targets = {name: place for name, place in self.places.items() if name != 'inputs'}
            self.batch = dict(inputs=self.places['inputs'], data_samples=samples_of(targets))
        else:
            for name, value in values.items():
                self.places[name].copy_(value)

    def _losses(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        with self.wrapper.optim_context(self.model):
            losses = self.model(**batch, mode='loss')
        loss, log = self.model.parse_losses(losses)
        return loss, {name: value.detach() for name, value in log.items()}

    def _ordinary(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        self.wrapper.zero_grad()
        loss, log = self._losses(batch)
        self.wrapper.update_params(loss)
        return log

    def _aside(self) -> dict[str, Tensor]:
        """An ordinary step on a stream of its own, as what will be recorded wants it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            log = self._ordinary(self.batch)
        torch.cuda.current_stream().wait_stream(stream)
        return log

    def _record(self) -> torch.cuda.CUDAGraph:
        self.wrapper.zero_grad()
        graph = torch.cuda.CUDAGraph()
        try:
            # other threads, such as a loader's, may use the device meanwhile
            with torch.cuda.graph(graph, capture_error_mode='thread_local'):
                loss, self.log = self._losses(self.batch)
                loss.backward()
                self._clip()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(
                f'a step of this model cannot be recorded as a CUDA graph ({error}); with '
                'train_cfg.capture=False its people stay on the device and its steps are ordinary ones'
            ) from error
        self.graph, self.recorded = graph, self._facts()
        self.gradients = [(one, one.grad) for one in self._trained() if one.grad is not None]
        return graph

    def _clip(self) -> None:
        """As the wrapper's own, which reads the norm back in every step."""
        if self.wrapper.clip_grad_kwargs:
            clipped = [one for one in self._trained() if one.grad is not None]
            norm = self.wrapper.clip_func(clipped, **self.wrapper.clip_grad_kwargs)
            if norm is not None:
                self.log[self.wrapper.grad_name] = norm


def _check_model(model: BaseModel, capture: bool) -> None:
    if not isinstance(model.data_preprocessor, DeviceAugmentation):
        raise ValueError(
            f'CUDAGraphTrainLoop needs a model with DeviceAugmentation, not '
            f'{type(model.data_preprocessor).__name__}, as data_preprocessor: see '
            'configs/_base_/token_heatmap_photos.py'
        )
    if not capture:
        return
    if getattr(model, 'average', None) is not None:
        raise ValueError(
            "teacher='ema' changes its average differently in every step, which cannot be recorded: set "
            'train_cfg.capture=False'
        )
    head = innermost(model.head)
    counts = isinstance(head, (HeatmapHead, TokenHead))
    if counts and (model.train_cfg or {}).get('compute_acc', True):
        raise ValueError(
            f'{type(head).__name__} counts its training accuracy with NumPy, which cannot be recorded: '
            'set model.train_cfg.compute_acc=False (of a student model.student.train_cfg.compute_acc)'
        )
    if isinstance(head, (RTMCCHead, SimCCHead)):
        raise ValueError(
            f'{type(head).__name__} counts its training accuracy with NumPy, which cannot be recorded: '
            'set train_cfg.capture=False'
        )


def _check_run(runner: Runner, capture: bool) -> None:
    """What is wrong is said before minutes of reading."""
    if get_world_size() > 1:
        raise ValueError(
            'CUDAGraphTrainLoop trains on one device: use EpochBasedTrainLoop on several'
        )
    wrapper = runner.optim_wrapper
    if not isinstance(wrapper, OptimWrapper) or wrapper._accumulative_counts > 1:
        raise ValueError(
            'CUDAGraphTrainLoop has one optimizer and does not accumulate gradients: set '
            'optim_wrapper.accumulative_counts=1 and a larger batch_size'
        )
    own = [
        name
        for name in _RECORDED
        if getattr(type(wrapper), name) is not getattr(OptimWrapper, name)
    ]
    if capture and own:
        raise ValueError(
            f'{type(wrapper).__name__} has a {own[0]} of its own, which cannot be recorded: use '
            'optim_wrapper.type=BFloat16OptimWrapper for mixed precision (without --amp), or '
            'train_cfg.capture=False'
        )
    model = plain_model(runner)
    own_step = getattr(type(model), 'train_step', None) is not BaseModel.train_step
    if runner.cfg.get('compile') or own_step:
        raise ValueError(
            'CUDAGraphTrainLoop takes the steps of the model itself: leave cfg.compile out, and models '
            'with a train_step of their own to EpochBasedTrainLoop'
        )
