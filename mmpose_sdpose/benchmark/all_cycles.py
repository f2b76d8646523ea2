"""Test-time computation as in the official code, to be compared with the single fused pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..models.heads.token_head import Cycle
from ..models.layers import TokenAttention


class ExplicitAttention(nn.Module):
    """The same attention with its map computed and left behind, not fused."""

    def __init__(self, attention: TokenAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, tokens: Tensor) -> Tensor:
        return self.with_map(tokens)[0]

    def with_map(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.attention.with_map(tokens)


def make_attention_explicit(model: nn.Module) -> None:
    """Change a model in place: attention is two products around a softmax, not one fused kernel."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, TokenAttention):
                setattr(module, name, ExplicitAttention(child))


def compute_all_cycles(model: nn.Module) -> None:
    """Change a model in place so that it runs every cycle where the first one would do.

    The official SDPose code computes all cycles and their outputs in a test, too, and attention as
    two products around a softmax; its convolutions have contiguous weights. What the model returns
    stays the first cycle's output.

    Raises:
        ValueError: If the model's head has a single cycle, or no cycles at all.
    """
    head = getattr(model, 'head', None)
    if getattr(head, 'num_cycles', 1) < 2:
        raise ValueError('its head has no second cycle')
    make_attention_explicit(model)
    model.to(memory_format=torch.contiguous_format)
    head.run_cycles = _every_cycle(head.run_cycles, head.num_cycles)


class EveryOutput(nn.Module):
    """A model that returns what each cycle put out, so that an operator counter finds them all in use.

    Args:
        model: As :func:`compute_all_cycles` left it.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, data_samples: list) -> list[Tensor]:
        head = self.model.head
        cycles = head.run_cycles(self.model.extract_feat(inputs), head.num_cycles)
        return [cycle.output for cycle in cycles]


def _every_cycle(run_cycles: Callable[..., list[Cycle]], total: int) -> Callable[..., list[Cycle]]:
    def run_all(
        feats: tuple[Tensor, ...],
        num_cycles: int,
        map_layers: Mapping[int, Sequence[int]] | None = None,
    ) -> list[Cycle]:
        return run_cycles(feats, total, map_layers)

    return run_all
