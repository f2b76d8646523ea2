"""What else keeps a quantity of two models from being compared, although its sizes may be equal."""

from __future__ import annotations

import logging

from mmengine.logging import print_log
from torch import nn

from ..heads import TokenHead
from .codecs import heatmap_frame
from .sides import Side

# Of positions in fractions of an image: beyond what a model without training says.
_NO_FRACTION = 10


def check_cells(loss: nn.Module, student: Side, teacher: Side) -> None:
    """Cells of two codecs lie at the same places."""
    codecs = [side.head.decoder for side in (student, teacher)]
    if type(codecs[0]) is not type(codecs[1]) and heatmap_frame(codecs[0]) != heatmap_frame(
        codecs[1]
    ):
        raise ValueError(
            f"the student's heatmaps come from a {type(codecs[0]).__name__}, the teacher's from a "
            f'{type(codecs[1]).__name__}, whose cells lie elsewhere: give both one codec'
        )


def check_heatmaps(loss: nn.Module, student: Side, teacher: Side) -> None:
    """Both peak at one, and the loss wants such."""
    check_cells(loss, student, teacher)
    if getattr(loss, 'expects_logits', False):
        raise ValueError(
            f'{type(loss).__name__} wants logits, but heatmaps are compared: use KeypointMSELoss'
        )


def say_other_betas(loss: nn.Module, student: Side, teacher: Side) -> None:
    """Logits are those of a distribution by the beta that they were trained with."""
    for side, option in ((student, 'beta'), (teacher, 'teacher_beta')):
        taken = getattr(loss, option, None)
        own = getattr(getattr(side.head, 'loss_module', None), 'beta', taken)
        if taken is not None and taken != own:
            print_log(
                f"distillation: {type(loss).__name__} takes the {side.role}'s logits times {taken} "
                f"({option}), the {side.role}'s own loss times {own}: set {option}={own}, or "
                'their distributions differ',
                'current',
                logging.WARNING,
            )


def say_other_units(loss: nn.Module, student: Side, teacher: Side) -> None:
    """Fractions of random images are about 0 to 1, of whatever weights; pixels and bins are not."""
    for side in (student, teacher):
        largest = side['coordinates'].abs().max().item()
        if largest > _NO_FRACTION:
            print_log(
                f"distillation: the {side.role}'s coordinates reach {largest:.4g} for random images, "
                'but are to be fractions of the image, about 0 to 1: if they are pixels, have the '
                f'adapter of {type(side.head).__name__} divide them by the input size',
                'current',
                logging.WARNING,
            )


def check_grids(loss: nn.Module, student: Side, teacher: Side) -> None:
    """Tokens are compared patch by patch."""
    heads = [side.head for side in (student, teacher)]
    if not all(isinstance(head, TokenHead) for head in heads):
        return
    grids = [head.mct.grid_size for head in heads]
    if grids[0] != grids[1]:
        raise ValueError(
            f'the student has {grids[0]} visual tokens (rows, columns), the teacher {grids[1]}: the '
            'loss on visual_tokens needs equal grids'
        )


def check_attention(loss: nn.Module, student: Side, teacher: Side) -> None:
    """As the loss says, by what the encoders are."""
    heads = [side.head for side in (student, teacher)]
    check = getattr(loss, 'check', None)
    if check is not None and all(isinstance(head, TokenHead) for head in heads):
        check(*(head.mct.attention_layout for head in heads))
