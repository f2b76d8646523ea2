"""The steps of :class:`CUDAGraphTrainLoop`."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor

from ..models.data_preprocessors.device_augmentation import samples_of

#: Ordinary steps before one is recorded: libraries choose their algorithms in them.
_WARM_UP = 3


class RecordedStep:
    """What a batch does to model and optimizer; recorded as a CUDA graph once it is warm.

    Args:
        model: With ``DeviceAugmentation``.
        wrapper: Of its optimizer; without gradient scaling and accumulation.
        capture: Record it; needs a model on a CUDA device.
    """

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
