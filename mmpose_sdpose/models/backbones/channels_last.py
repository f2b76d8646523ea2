from __future__ import annotations

import functools
from typing import Any, TypeVar

import torch
from torch import nn

Backbone = TypeVar('Backbone', bound='type[nn.Module]')

#: Input channels below which PyTorch 2.13 on a CPU with AVX2 writes beyond its memory ("free(): invalid
#: pointer") in the backward pass of a strided 1x1 convolution in channels-last order: 1, 3, 4, 5 do.
_NARROW = 8


def channels_last(backbone: Backbone) -> Backbone:
    """Class decorator: a backbone is built with its weights in channels-last memory.

    The same numbers, computed faster by CPUs and tensor cores. Loading weights, copying and moving a
    model keep the order. It must not change once a model is wrapped for distributed training, which
    reads the memory of gradients in the order it found: so nowhere else than here. A backbone too narrow
    for it, with fewer than 8 channels before a strided 1x1 convolution, stays as it is.
    """
    build = backbone.__init__

    @functools.wraps(build)
    def build_in_channels_last(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        if not any(map(_is_narrow, self.modules())):
            # PyTorch's own annotations leave this argument out.
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    backbone.__init__ = build_in_channels_last  # type: ignore[method-assign]
    return backbone


def _is_narrow(part: nn.Module) -> bool:
    if not isinstance(part, nn.Conv2d) or part.kernel_size != (1, 1):
        return False
    return part.stride != (1, 1) and part.in_channels < _NARROW
