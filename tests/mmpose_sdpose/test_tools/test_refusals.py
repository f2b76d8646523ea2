"""What a library refuses is a sentence; what the user's own code raises keeps its traceback."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mmpose_sdpose.tools.refusals import refusal

import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn


def caught(call: Callable) -> Exception:
    with pytest.raises(Exception) as info:  # noqa: PT011  of any kind
        call()
    return info.value


def optimizer(**settings):
    return lambda: build_optim_wrapper(nn.Linear(1, 1), dict(optimizer=settings))


def options(*given: str):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return lambda: parser.parse_args(['--cfg-options', *given])


@pytest.mark.parametrize(
    ('call', 'said'),
    [
        (
            lambda: MODELS.build(dict(type='ThinResNe')),
            "cannot be built: there is no 'ThinResNe' among what is registered; did you mean ThinResNet",
        ),
        (
            optimizer(type='Adam', lr=float('nan')),
            "built: ValueError: Invalid learning rate: nan ({'type': 'Adam', 'lr': nan})",
        ),
        (optimizer(type='Adam', lr='abc'), "{'type': 'Adam', 'lr': 'abc'}"),
        (optimizer(type='Adam', lrr=1.0), "unexpected keyword argument 'lrr'"),
        (
            lambda: Config(dict(a=dict(b=1))).merge_from_dict({'a.b.c': 3}),
            '--cfg-options: TypeError: ',
        ),
        (options('lr'), '--cfg-options lr: each must be KEY=VALUE'),
        (options('a=1', 'b=[(1]'), '--cfg-options b=[(1] (AssertionError: '),
        (
            lambda: Runner.build_train_loop(None, dict(type='Nope', by_epoch=True)),
            'Only one of `type` or `by_epoch` can exist',
        ),
    ],
)
def test_what_a_library_refuses_is_said(call, said):
    init_default_scope('mmpose')
    assert said in refusal(caught(call))


class Raising(nn.Module):
    """Fails in its constructor, as a test says."""

    def __init__(self, how: Callable) -> None:
        super().__init__()
        how()


def raise_own() -> None:
    raise ValueError('of its own')


@pytest.mark.parametrize(
    'how',
    [
        raise_own,
        lambda: nn.Conv2d(3, 8, 3, groups=2),  # torch refuses what it asks for
        lambda: Config.fromfile('/nonexistent.py'),
        lambda: {}['registry'],
    ],
)
def test_mistakes_in_own_code_keep_their_traceback(how):
    MODELS.register_module(module=Raising)
    try:
        error = caught(lambda: MODELS.build(dict(type='Raising', how=how)))
    finally:
        MODELS.module_dict.pop('Raising')
    assert refusal(error) is None


def test_once_a_run_has_begun_nothing_is_built():
    assert refusal(caught(lambda: torch.zeros(2, 3) @ torch.zeros(2, 3))) is None
