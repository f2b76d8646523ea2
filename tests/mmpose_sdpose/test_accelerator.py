"""On a CUDA device: mixed precision of every loss, and what the benchmark says of the device."""

from __future__ import annotations

import csv
import functools
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmpose_sdpose.benchmark.measuring import timed
from mmpose_sdpose.benchmark.run import peak_on_device
from mmpose_sdpose.benchmark.spec import Spec, TrainingOptions
from mmpose_sdpose.benchmark.training import TrainingStep, optim_wrapper, training_step
from mmpose_sdpose.models import losses
from mmpose_sdpose.tools import benchmark

import numpy as np
import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS
from mmpose.registry import MODELS
from torch import Tensor, nn

#: Of each training in mixed precision.
STEPS = 200
BATCH = 8
#: Steps at either end whose mean loss is compared.
ENDS = 10

CYCLES = 'td-hm_sdpose-n_cycle-attention_2xb16-16e_synthpose-128x96'
CONVOLUTIONS = 'td-hm_res18-thin_2xb16-16e_synthpose-128x96'
PHOTOS = 'td-hm_sdpose-n_1xb256-60e_photos-256x192'  # augmented on the device, as the student's
TAUGHT_ON_PHOTOS = 'td-reg_ladpose-n_distill-sdpose-n_1xb256-60e_photos-256x192'
COORDINATES = 'td-reg_ladpose-n_2xb16-16e_synthpose-128x96'
RESIDUAL = 'td-reg_sdpose-reg-n_2xb16-16e_synthpose-128x96'
SIMCC = 'td-simcc_sdpose-n_2xb16-16e_synthpose-128x96'
DWPOSE = 'td-simcc_rtmpose-t_distill-rtmpose-s_2xb16-16e_synthpose-128x96'
MORE = str(Path(__file__).parent / 'configs/sdpose-n_more-losses.py')

#: Every loss of the package, and those of MMPose that its configs use, in configs that train with it.
TRAINED_IN = {
    'AttentionTransferLoss': [CYCLES, TAUGHT_ON_PHOTOS],
    'ChannelWiseLoss': [MORE],
    'FeatureLoss': [TAUGHT_ON_PHOTOS, DWPOSE, MORE],
    'HeatmapCrossEntropyLoss': [PHOTOS],
    'HeatmapKLLoss': [MORE],
    'KLDiscretLoss': [SIMCC, DWPOSE],
    'KeypointMSELoss': [CYCLES, CONVOLUTIONS],
    'L1Loss': [TAUGHT_ON_PHOTOS],
    'LocalizationScoreLoss': [COORDINATES],
    'RLELoss': [RESIDUAL],
    'RelationalLoss': [MORE],
    'ScoreLoss': [TAUGHT_ON_PHOTOS],
    'SimCCDistributionLoss': [DWPOSE],
    'SimulatedHeatmapLoss': [TAUGHT_ON_PHOTOS],
    'SmoothL1Loss': [COORDINATES],
    'TokenDistanceLoss': [CYCLES, TAUGHT_ON_PHOTOS, SIMCC],
}
CONFIGS = list(dict.fromkeys(config for configs in TRAINED_IN.values() for config in configs))

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no CUDA device here')


@dataclass
class Training:
    """What a training in mixed precision leaves behind.

    Args:
        total: (steps,) sums of the losses.
        parts: What each loss gave whenever it was called, by its class.
        scale: Of the gradients, in the end.
        model: As trained.
    """

    total: Tensor
    parts: dict[str, Tensor]
    scale: float
    model: nn.Module


def losses_of(model: nn.Module) -> Iterator[nn.Module]:
    """The losses a model trains with: neither its teacher's, nor PyTorch's inside of them."""
    for name, module in model.named_modules():
        kind = type(module)
        own = not name.startswith('teacher.') and not kind.__module__.startswith('torch.')
        if own and kind.__name__.endswith('Loss'):
            yield module


def amp_step(config: str) -> TrainingStep:
    spec = Spec(config, BATCH, 'training', 'cuda', training=TrainingOptions(amp=True))
    return training_step(spec)


def seed_all() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@functools.cache
def train(config: str) -> Training:
    """As ``mim train --amp`` does, one batch again and again."""
    seed_all()
    step = amp_step(config)
    parts = defaultdict(list)
    for loss in losses_of(step.model):
        kind = type(loss).__name__
        loss.register_forward_hook(
            lambda *call, kind=kind: parts[kind].append(call[-1].detach().float())
        )
    wrapper = optim_wrapper(step.config, step.model, amp=True)
    warm_up = PARAM_SCHEDULERS.build(
        step.config.param_scheduler[0], default_args=dict(optimizer=wrapper)
    )
    assert not warm_up.by_epoch
    batch, total = step.make_batch(), []
    for _ in range(STEPS):
        seed_all()  # where it is augmented on the device: as the step before
        total.append(step.model.train_step(batch, wrapper)['loss'].detach())
        warm_up.step()
    return Training(
        torch.stack(total).cpu(),
        {kind: torch.stack(values).cpu() for kind, values in parts.items()},
        wrapper.loss_scaler.get_scale(),
        step.model,
    )


def test_every_loss_of_the_package_has_a_training_here():
    registered = {
        name
        for name, kind in MODELS.module_dict.items()
        if kind.__module__.startswith(losses.__name__)
    }
    assert len(registered) >= 10
    assert registered - set(TRAINED_IN) == set()


@pytest.mark.parametrize('config', CONFIGS, ids=lambda config: Path(config).stem)
def test_a_config_has_the_losses_it_is_listed_with(config):
    found = {type(loss).__name__ for loss in losses_of(training_step(Spec(config)).model)}
    assert {kind for kind, configs in TRAINED_IN.items() if config in configs} <= found


@on_cuda
@pytest.mark.parametrize('config', CONFIGS, ids=lambda config: Path(config).stem)
def test_mixed_precision_trains(config):
    training = train(config)
    assert training.total.shape == (STEPS,)
    assert training.total.isfinite().all()
    assert training.total[-ENDS:].mean() < training.total[:ENDS].mean()
    assert training.scale >= 1
    broken = [
        name for name, value in training.model.state_dict().items() if not value.isfinite().all()
    ]
    assert broken == []


@on_cuda
@pytest.mark.parametrize(
    ('loss', 'config'),
    [(loss, config) for loss, configs in TRAINED_IN.items() for config in configs],
    ids=lambda name: Path(name).stem,
)
def test_a_loss_is_finite_in_mixed_precision(loss, config):
    values = train(config).parts[loss]
    assert len(values) >= STEPS
    assert values.isfinite().all()


@on_cuda
def test_time_is_that_until_the_device_is_done():
    left, right = torch.randn(2, 8192, 8192, device='cuda')
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def products() -> None:
        begin.record()
        for _ in range(5):
            torch.mm(left, right)
        end.record()

    products()
    _, ms = timed(products)
    assert 0.95 * begin.elapsed_time(end) < ms < 1.5 * begin.elapsed_time(end)


@on_cuda
def test_the_first_model_needs_as_much_memory_as_the_same_one_after_it():
    torch._C._cuda_clearCublasWorkspaces()  # which trainings before this test have left
    spec = Spec(SIMCC, BATCH, 'training', 'cuda')
    (_, first), (_, second) = peak_on_device(spec), peak_on_device(spec)
    assert first == pytest.approx(second, rel=0.02)


@on_cuda
def test_benchmark_of_a_training_step(tmp_path, monkeypatch, capsys):
    path = tmp_path / 'step.csv'
    options = ['--training', '--amp', '--device', 'cuda', '--batch', '8', '--repeats', '2']
    monkeypatch.setattr(sys, 'argv', ['benchmark', CYCLES, *options, '--csv', str(path)])
    assert benchmark.main() == 0
    assert torch.cuda.get_device_name() in capsys.readouterr().out
    with open(path, newline='') as file:
        plain, amp = csv.DictReader(file)
    assert (plain['options'], amp['options']) == ('plain', 'amp')
    for row in (plain, amp):
        assert row['machine'].startswith(torch.cuda.get_device_name())
        assert float(row['peak_memory_mb']) > 0
