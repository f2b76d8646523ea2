"""Models of a config in PyTorch, from random weights: built, run on made-up data, counted."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import cache, partial

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModule, revert_sync_batchnorm
from mmpose.models import TopdownPoseEstimator
from mmpose.models.pose_estimators.base import BasePoseEstimator
from torch import Tensor, nn

from ..configs import build_model, input_size
from ..evaluation.complexity import Complexity, measure_complexity
from ..models.layers import TokenAttention
from . import made_up_data
from .measuring import timed
from .spec import CannotMeasure, Spec, Subject, in_one_line, open_config


def pytorch_subject(spec: Spec) -> Subject:
    """A model of a config, ready to predict.

    Raises:
        CannotMeasure: If the config asks for what is not there, or the scope does not suit the model.
        FileNotFoundError: If there is no such config.
    """
    config, size = open_config(spec.source), input_size(spec.source)
    model = _predictor(spec.source, spec.all_cycles).to(spec.device)
    if spec.fuse_conv_bn:
        model = fuse_conv_bn(model)
    run = torch.inference_mode()(_pass_of(model, config, spec, size))
    return Subject(
        spec,
        size,
        measure=lambda: dict(total=timed(run)[1]),
        notes=stand_in_notes(config, spec.name),
        passes=2 if 'flip' in spec.scope else 1,
    )


@cache
def cost_of_config(source: str, all_cycles: bool = False) -> Complexity:
    """Parameters and multiply-adds of one image and one pass, counted once for all batch sizes."""
    model = _predictor(source, all_cycles)
    return measure_complexity(EveryOutput(model) if all_cycles else model, input_size(source))


def fill_with_random_weights(model: BaseModule) -> None:
    """Initialise as for a training from nothing; no weights are fetched.

    Not left as constructed: activations that fade from layer to layer end in denormal numbers, with
    which a CPU computes many times slower than with those of a trained model.
    """
    for module in model.modules():
        init_cfg = getattr(module, 'init_cfg', None)
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            module.init_cfg = None
    model.init_weights()


def stand_in_notes(config: Config, name: str) -> list[str]:
    """Remarks on packages whose classes MMEngine replaces by MMPose's own of the same name."""
    asked = {
        (part['_scope_'], part['type'])
        for part in _dicts_in(config.model)
        if '_scope_' in part and importlib.util.find_spec(part['_scope_']) is None
    }
    return [
        f"{name}: its config asks for {package}'s {kind}; {package} is not installed, and MMPose's own "
        f'{kind} stands in'
        for package, kind in sorted(asked)
    ]


def _dicts_in(value: object) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _dicts_in(item)


def _predictor(source: str, all_cycles: bool) -> BasePoseEstimator:
    """The model of a config in evaluation mode, on the CPU."""
    try:
        model = revert_sync_batchnorm(build_model(source))
        if all_cycles:
            compute_all_cycles(model)
    except (KeyError, ImportError, AttributeError, TypeError, ValueError) as error:
        raise CannotMeasure(f'{source} cannot be built: {in_one_line(error)}') from error
    fill_with_random_weights(model)
    return model.eval()


def _pass_of(
    model: BasePoseEstimator, config: Config, spec: Spec, size: tuple[int, int]
) -> Callable[[], object]:
    """One pass of the scope asked for, on made-up data."""
    if spec.scope == 'network':
        images = torch.randn(spec.batch, 3, size[1], size[0], device=spec.device)
        return lambda: model(images, None, mode='tensor')
    if not isinstance(model, TopdownPoseEstimator):
        raise CannotMeasure(
            f'{spec.source} is a {type(model).__name__}: only the network of models other than '
            'top-down ones can be measured, with --scope network'
        )
    model.test_cfg = {**model.test_cfg, 'flip_test': 'flip' in spec.scope}
    try:
        pipeline = made_up_data.test_pipeline(config)
        people = made_up_data.test_people(config, spec.batch)
    except ValueError as error:
        raise CannotMeasure(f'{spec.source}: {error}; measure it with --scope network') from error

    def prepared() -> dict:
        return pseudo_collate([pipeline(dict(person)) for person in people])

    if spec.scope == 'flip':
        batch = model.data_preprocessor(prepared(), training=False)
        return lambda: model(**batch, mode='predict')
    return lambda: model.test_step(prepared())


def compute_all_cycles(model: BasePoseEstimator) -> None:
    """Change a model in place so that it runs every cycle where the first one would do.

    The official SDPose code computes all cycles and their outputs in a test, too, and attention as
    two products around a softmax; its convolutions have contiguous weights. What the model returns
    stays the first cycle's output.

    Raises:
        ValueError: If the model's head has a single cycle, or no cycles at all.
    """
    head = getattr(model, 'head', None)
    if head is None or getattr(head, 'num_cycles', 1) < 2:
        raise ValueError('its head has no second cycle')
    make_attention_explicit(model)
    model.to(memory_format=torch.contiguous_format)
    run_cycles = head.run_cycles
    head.run_cycles = lambda feats, num_cycles, map_layers=None: run_cycles(
        feats, head.num_cycles, map_layers
    )


def make_attention_explicit(model: nn.Module) -> None:
    """Change a model in place: attention is two products around a softmax, not one fused kernel."""
    for module in model.modules():
        if isinstance(module, TokenAttention):
            vars(module)['forward'] = partial(_attend_explicitly, module)


def _attend_explicitly(attention: TokenAttention, tokens: Tensor) -> Tensor:
    return attention.with_map(tokens)[0]


class EveryOutput(nn.Module):
    """A model that returns what each cycle put out, so that an operator counter finds them all in use.

    Args:
        model: As :func:`compute_all_cycles` left it.
    """

    def __init__(self, model: BasePoseEstimator) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, data_samples: list) -> list[Tensor]:
        head = self.model.head
        cycles = head.run_cycles(self.model.extract_feat(inputs), head.num_cycles)
        return [cycle.output for cycle in cycles]
