from __future__ import annotations

import functools
from typing import Any, TypeVar

import torch
from torch import nn

Backbone = TypeVar('Backbone', bound='type[nn.Module]')


def channels_last(backbone: Backbone) -> Backbone:
    """Class decorator: a backbone is built with its weights in channels-last memory.

    The same numbers, computed faster by CPUs and tensor cores. Loading weights, copying and moving a
    model keep the order. It must not change once a model is wrapped for distributed training, which
    reads the memory of gradients in the order it found: so nowhere else than here.
    """
    build = backbone.__init__

    @functools.wraps(build)
    def build_in_channels_last(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        # PyTorch's own annotations leave this argument out.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    backbone.__init__ = build_in_channels_last  # type: ignore[method-assign]
    return backbone
