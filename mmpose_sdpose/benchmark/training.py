"""A training step of a config, on people that its own pipeline prepares."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS
from torch import Tensor

from ..configs import build_model, input_size
from . import made_up_data
from .measuring import timed
from .pytorch_models import fill_with_random_weights, make_attention_explicit, stand_in_notes
from .spec import CannotMeasure, Spec, Subject, in_one_line, open_config


class TrainingStep:
    """Forward and backward pass of batches that a config's own training pipeline makes.

    Args:
        model: The estimator, in training mode.
        config: Whose pipeline it is; the people it is given are made up, in a JPEG file on disk.
        spec: Batch, device and options.

    Raises:
        ValueError, RuntimeError, KeyError: If the pipeline cannot be built.
    """

    def __init__(self, model: BasePoseEstimator, config: Config, spec: Spec) -> None:
        self.model, self.config = model, config
        self.device = spec.device
        self.options = spec.training
        self.pipeline, self.left_out = made_up_data.training_pipeline(config)
        self.folder = TemporaryDirectory(prefix='benchmark_')  # removed when this object is
        file = Path(self.folder.name, 'image.jpg')
        self.people = made_up_data.training_people(config, spec.batch, file)

    def measure(self) -> dict[str, float]:
        """``data`` (one process), ``forward``, ``backward`` and ``total``, the last two together."""
        batch, data = timed(self.make_batch)
        loss, forward = timed(lambda: self.loss_of(batch))
        _, backward = timed(loss.backward)
        self.model.zero_grad(set_to_none=True)
        return dict(data=data, forward=forward, backward=backward, total=forward + backward)

    def make_batch(self) -> dict:
        """What a loader would give."""
        return pseudo_collate([self.pipeline(dict(person)) for person in self.people])

    def loss_of(self, batch: dict) -> Tensor:
        """The sum of all losses, as MMEngine adds them up."""
        with torch.autocast(self.device, enabled=self.options.amp):  # as MMEngine, the whole of it
            batch = self.model.data_preprocessor(batch, training=True)
            if self.options.channels_last:
                batch['inputs'] = batch['inputs'].contiguous(memory_format=torch.channels_last)
            losses = self.model(**batch, mode='loss')
        return self.model.parse_losses(losses)[0]


def training_step(spec: Spec, config: Config | None = None) -> TrainingStep:
    """A model ready to be trained, from random weights; of a distillation: teacher and student.

    Args:
        config: The source's, with options merged; read from the source by default.

    Raises:
        CannotMeasure: If the config asks for what is not there.
        FileNotFoundError: If there is no such config.
    """
    config = open_config(spec.source) if config is None else config
    try:
        model = revert_sync_batchnorm(_build(config))
        fill_with_random_weights(model)
        step = TrainingStep(model.to(spec.device).train(), config, spec)
    except (KeyError, ImportError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise CannotMeasure(
            f'{spec.source} cannot be trained here: {in_one_line(error)}'
        ) from error
    if spec.training.channels_last:
        model.to(memory_format=torch.channels_last)
    if spec.training.explicit_attention:
        make_attention_explicit(model)
    if spec.training.compile:
        model.forward = torch.compile(model.forward)
    return step


def optim_wrapper(config: Config, model: BasePoseEstimator, amp: bool) -> OptimWrapper:
    """The optimizer that a training of the config has.

    Args:
        amp: Mixed precision, as ``mim train --amp``.
    """
    settings = dict(config.optim_wrapper)
    if amp:
        settings = {'loss_scale': 'dynamic', **settings, 'type': 'AmpOptimWrapper'}
    return build_optim_wrapper(model, settings)


def training_subject(spec: Spec) -> Subject:
    """The training step of a config, ready to be timed.

    Raises:
        CannotMeasure, FileNotFoundError: As :func:`training_step`.
    """
    step = training_step(spec)
    notes = stand_in_notes(step.config, spec.name)
    notes += [f'{spec.name}: data without {name}, not installed' for name in step.left_out]
    return Subject(spec, input_size(spec.source), step.measure, notes)


def _build(config: Config) -> BasePoseEstimator:
    if 'teacher' not in config.model:
        return build_model(config)
    init_default_scope(config.get('default_scope', 'mmpose'))
    return MODELS.build({**config.model, 'teacher_ckpt': None, 'allow_untrained': True})
