"""Parameters and multiply-adds of a model, in the two ways in which the field counts them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from mmengine.analysis import FlopAnalyzer
from torch import nn


@dataclass(frozen=True)
class Complexity:
    """Cost of one forward pass of one image.

    Args:
        params: Trainable parameters.
        published_flops: As MMCV 1.x counts and the papers print: convolutions and linear layers,
            normalisation (2 an element), ReLU and upsampling; no products of attention.
        flops_with_attention: Multiply-adds of convolutions, linear layers and attention products.
    """

    params: int
    published_flops: int
    flops_with_attention: int


def measure_complexity(model: nn.Module, input_size: tuple[int, int]) -> Complexity:
    """Count a pose estimator's ``mode='tensor'`` pass.

    Args:
        model: Any MMPose estimator.
        input_size: Width and height of the input, in pixels.
    """
    width, height = input_size
    # Counted first: eval() is where backbones freeze stages that a config does not train.
    params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    model = model.eval()
    parameter = next(model.parameters())
    image = torch.zeros(1, 3, height, width, dtype=parameter.dtype, device=parameter.device)
    analyzer = FlopAnalyzer(model, (image, []))  # no data samples: mode='tensor' asks for none
    analyzer.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analyzer.set_op_handle(
        'aten::scaled_dot_product_attention', _count_attention,
        'aten::batch_norm', _count_norm,
        'aten::layer_norm', _count_norm,
        'aten::relu', _count_relu,
        'aten::relu_', _count_relu,
    )  # fmt: skip
    with torch.no_grad():
        counts = analyzer.by_operator()
    weights = counts['conv'] + counts['linear'] + counts['addmm']
    elementwise = sum(counts[name] for name in ('norm', 'relu', 'upsample_nearest2d'))
    # Explicit attention shows as matrix products, fused attention as one operator.
    attention = counts['attention'] + counts['matmul'] + counts['bmm'] + counts['einsum']
    return Complexity(
        params=params,
        published_flops=int(weights + elementwise),
        flops_with_attention=int(weights + attention),
    )


def _shape(value: Any) -> list[int]:
    return value.type().sizes()


def _count_attention(inputs: list[Any], outputs: list[Any]) -> Counter:
    """Query times key and map times value; MMEngine has no count for the fused operator."""
    *_, length, dims = _shape(inputs[0])
    heads = prod(_shape(inputs[0])[:-2])
    keys, value_dims = _shape(inputs[1])[-2], _shape(inputs[2])[-1]
    return Counter({'attention': heads * length * keys * (dims + value_dims)})


def _count_norm(inputs: list[Any], outputs: list[Any]) -> Counter:
    return Counter({'norm': 2 * prod(_shape(inputs[0]))})


def _count_relu(inputs: list[Any], outputs: list[Any]) -> Counter:
    return Counter({'relu': prod(_shape(inputs[0]))})
