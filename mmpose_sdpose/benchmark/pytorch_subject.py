from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from functools import cache

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmpose.models import TopdownPoseEstimator
from torch import nn

from ..configs import build_model, input_size, read_config
from ..evaluation.complexity import Complexity, measure_complexity
from . import made_up_data
from .all_cycles import EveryOutput, compute_all_cycles
from .subject import CannotMeasure, Spec, Subject
from .timing import timed


def build_pytorch_subject(spec: Spec) -> Subject:
    """A model of a config, from random weights, ready to predict.

    Raises:
        CannotMeasure: If the config asks for what is not there, or the scope does not suit the model.
        FileNotFoundError: If there is no such config.
    """
    config = open_config(spec.source)
    model = load_model(spec.source, spec.all_cycles).to(spec.device)
    if spec.fuse_conv_bn:
        model = fuse_conv_bn(model)
    size = input_size(spec.source)
    run = torch.inference_mode()(_pass_of(model, config, spec, size))
    return Subject(
        spec,
        size,
        lambda: dict(total=timed(run, spec.device)[1]),
        stand_in_notes(config, spec.name),
    )


def open_config(source: str) -> Config:
    """A config by path, our name or ``mmpose::PATH``.

    Raises:
        CannotMeasure: If it cannot be read.
        FileNotFoundError: If there is none.
    """
    try:
        return read_config(source)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, ImportError, SyntaxError, KeyError, ValueError) as error:
        raise CannotMeasure(f'{source} is no config: {in_one_line(error)}') from error


def load_model(source: str, all_cycles: bool = False) -> nn.Module:
    """The model of a config in evaluation mode, on the CPU.

    Raises:
        CannotMeasure: If the config asks for what is not there.
    """
    try:
        model = revert_sync_batchnorm(build_model(source))
        if all_cycles:
            compute_all_cycles(model)
    except (KeyError, ImportError, AttributeError, TypeError, ValueError) as error:
        raise CannotMeasure(f'{source} cannot be built: {in_one_line(error)}') from error
    fill_with_random_weights(model)
    return model.eval()


@cache
def cost_of_config(source: str, all_cycles: bool = False) -> Complexity:
    """Parameters and multiply-adds of one image and one pass, counted once for all batch sizes."""
    model = load_model(source, all_cycles)
    return measure_complexity(EveryOutput(model) if all_cycles else model, input_size(source))


def fill_with_random_weights(model: nn.Module) -> None:
    """Initialise as for a training from nothing; no weights are fetched.

    Not left as constructed: activations that fade from layer to layer end in denormal numbers, with
    which a CPU computes many times slower than with those of a trained model.
    """
    for module in model.modules():
        init_cfg = getattr(module, 'init_cfg', None)
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            module.init_cfg = None
    model.init_weights()


def in_one_line(error: Exception) -> str:
    """What an exception says, and where MMEngine's registry says it at length, the gist."""
    text = str(error.args[0] if error.args else error)
    absent = re.search(r'(\w+)\.(\w+) is not in the \S+ registry', text)
    if absent:
        package, name = absent.groups()
        return f'its config asks for {name} of the package {package}, which is not installed here'
    return text.split('\n')[0]


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


def _pass_of(
    model: nn.Module, config: Config, spec: Spec, size: tuple[int, int]
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
