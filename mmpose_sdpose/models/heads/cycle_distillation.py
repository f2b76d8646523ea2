from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_configs
from ..layers import AttentionLayout, Tokens

if TYPE_CHECKING:
    from ..losses import AttentionTransferLoss


class CycleDistillation(nn.Module):
    """What the cycles of one head learn from each other.

    Args:
        layout: Layers and heads of the encoder that all cycles pass.
        visual_token_loss: Distance between neighbouring cycles' visual tokens; None for none.
        keypoint_token_loss: The same for keypoint tokens.
        attention_loss: How the last cycle's attention teaches the first one's, the deployed one's; None
            for none. Ours: it brings the attention loss of LADPose into SDPose.

    Raises:
        TypeError, ValueError: If a loss is no config, or the layers it compares are not there.
    """

    def __init__(
        self,
        layout: AttentionLayout,
        visual_token_loss: dict | None = None,
        keypoint_token_loss: dict | None = None,
        attention_loss: dict | None = None,
    ) -> None:
        super().__init__()
        check_configs(
            visual_token_loss=visual_token_loss,
            keypoint_token_loss=keypoint_token_loss,
            attention_loss=attention_loss,
        )
        self.visual_token_loss: nn.Module | None = _build(visual_token_loss)
        self.keypoint_token_loss: nn.Module | None = _build(keypoint_token_loss)
        self.attention_loss: AttentionTransferLoss | None = _build(attention_loss)
        if self.attention_loss is not None:
            self.attention_loss.check(layout, layout)

    def map_layers(self, num_cycles: int) -> dict[int, list[int]]:
        """Cycle -> layers whose attention maps :meth:`forward` needs, both counted from 1."""
        if self.attention_loss is None or num_cycles == 1:
            return {}
        loss = self.attention_loss
        return {1: loss.student_layers, num_cycles: loss.teacher_layers}

    def forward(self, cycles: list[Tokens]) -> dict[str, Tensor]:
        pairs = list(zip(cycles, cycles[1:]))
        losses: dict[str, Tensor] = {}
        if not pairs:
            return losses
        if self.visual_token_loss is not None:
            losses['loss_visual_token'] = _sum(
                self.visual_token_loss(student.visual, teacher.visual) for student, teacher in pairs
            )
        if self.keypoint_token_loss is not None:
            losses['loss_keypoint_token'] = _sum(
                self.keypoint_token_loss(student.keypoint, teacher.keypoint)
                for student, teacher in pairs
            )
        if self.attention_loss is not None:
            losses['loss_attention'] = self.attention_loss(
                cycles[0].attention, cycles[-1].attention
            )
        return losses


def _build(loss: dict | None) -> Any:
    return None if loss is None else MODELS.build(loss)


def _sum(values: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, values)
