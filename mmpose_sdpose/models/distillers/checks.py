"""Whether student, teacher and losses fit together, asked before hours of training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..heads import TokenHead, num_keypoints_of
from ..layers import AttentionMaps
from .comparisons import COMPARISONS
from .knowledge import given_by_student, given_by_teacher, heatmap_frame


def check_losses(losses: dict[str, nn.Module], student: nn.Module, teacher: nn.Module) -> None:
    """Whether each loss gets what it compares, in sizes that can be compared.

    Raises:
        ValueError: Names what does not fit, and what student or teacher can give.
    """
    if not losses:
        raise ValueError(f'losses is empty: choose from {sorted(COMPARISONS)}')
    given = {'student': given_by_student(student), 'teacher': given_by_teacher(teacher)}
    heads = {'student': student.head, 'teacher': teacher.head}
    _check_inputs(student, teacher)
    made_up = _made_up(student.head), _made_up(teacher.head)
    for name, loss in losses.items():
        comparison = COMPARISONS[name]
        for role, needed in (('student', comparison.student), ('teacher', comparison.teacher)):
            missing = [quantity for quantity in needed if quantity not in given[role]]
            if missing:
                raise ValueError(
                    f'the loss on {name} needs {", ".join(missing)} of the {role}, a '
                    f'{type(heads[role]).__name__}, which gives: {", ".join(given[role])}'
                )
        if name in _SIZE_CHECKS:
            _SIZE_CHECKS[name](loss, student, teacher)
        _try(name, loss, *made_up)


def _try(name: str, loss: nn.Module, student: dict[str, Any], teacher: dict[str, Any]) -> None:
    """Call a loss once on made-up quantities of the right shapes."""
    weights = torch.ones_like(student['scores'])
    try:
        value = COMPARISONS[name](loss, student, teacher, weights)
    except Exception as error:
        raise ValueError(
            f'losses.{name}: {type(loss).__name__} cannot compare it ({type(error).__name__}: {error})'
        ) from error
    if not isinstance(value, torch.Tensor) or value.ndim:
        raise ValueError(f'losses.{name}: {type(loss).__name__} gives no single number')


def _made_up(head: nn.Module) -> dict[str, Any]:
    """Everything a model may give of two images, in its sizes."""
    keypoints = num_keypoints_of(head)
    quantities = dict(
        coordinates=torch.full((2, keypoints, 2), 0.5),
        scores=torch.zeros(2, keypoints),
        sigmas=torch.ones(2, keypoints, 2),
        frame=torch.ones(2),
    )
    if isinstance(head, TokenHead):
        layout, length = head.mct.attention_layout, head.mct.position.shape[1]
        width = head.mct.encoder.embed_dims
        maps = torch.full((2, layout.num_heads, length, length), 1 / length)
        layers = dict.fromkeys(range(1, layout.depth + 1), maps)
        quantities.update(
            keypoint_tokens=torch.zeros(2, keypoints, width),
            visual_tokens=torch.zeros(2, length - keypoints, width),
            attention=AttentionMaps(layers, layout.grid_size),
        )
    if hasattr(head.decoder, 'heatmap_size'):
        columns, rows = head.decoder.heatmap_size
        quantities['heatmaps'] = torch.zeros(2, keypoints, rows, columns)
    return quantities


def _check_inputs(student: nn.Module, teacher: nn.Module) -> None:
    """Both must see the same image: size, normalisation, keypoints."""
    sizes = [tuple(model.head.decoder.input_size) for model in (student, teacher)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f'the student takes {sizes[0][0]}x{sizes[0][1]} images (W x H), the teacher '
            f'{sizes[1][0]}x{sizes[1][1]}: both see the same image, so use configs of one size'
        )
    keypoints = [num_keypoints_of(model.head) for model in (student, teacher)]
    if keypoints[0] != keypoints[1]:
        raise ValueError(
            f'the student predicts {keypoints[0]} keypoints, the teacher {keypoints[1]}: use a '
            'teacher for the same data set'
        )
    normalisation = [_normalisation(model.data_preprocessor) for model in (student, teacher)]
    if normalisation[0] != normalisation[1]:
        raise ValueError(
            f'student and teacher normalise images differently: {normalisation[0]} and '
            f'{normalisation[1]} (mean, std, bgr_to_rgb); give the student the data_preprocessor '
            'of the teacher'
        )


def _normalisation(preprocessor: nn.Module) -> tuple:
    mean, std = (
        getattr(preprocessor, name, torch.zeros(0)).flatten().tolist() for name in ('mean', 'std')
    )
    # MMEngine swaps channels for either direction by the same flag.
    return mean, std, getattr(preprocessor, '_channel_conversion', False)


def _check_heatmaps(loss: nn.Module, student: nn.Module, teacher: nn.Module) -> None:
    sizes = [tuple(model.head.decoder.heatmap_size) for model in (student, teacher)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"the student's heatmaps are {sizes[0][0]}x{sizes[0][1]} (W x H), the teacher's "
            f'{sizes[1][0]}x{sizes[1][1]}: the loss on heatmaps needs equal sizes'
        )
    if heatmap_frame(student.head.decoder) != heatmap_frame(teacher.head.decoder):
        raise ValueError(
            f"the student's heatmaps come from a {type(student.head.decoder).__name__}, the teacher's "
            f'from a {type(teacher.head.decoder).__name__}, whose cells lie elsewhere: the loss on '
            'heatmaps needs one codec'
        )
    if getattr(loss, 'expects_logits', False):
        raise ValueError(
            f'losses.heatmaps: {type(loss).__name__} wants logits, but heatmaps are compared: use '
            'KeypointMSELoss'
        )


def _check_tokens(loss: nn.Module, student: nn.Module, teacher: nn.Module) -> None:
    widths = [model.head.mct.encoder.embed_dims for model in (student, teacher)]
    if widths[0] != widths[1]:
        raise ValueError(
            f"the student's tokens have embed_dims={widths[0]}, the teacher's {widths[1]}: a loss on "
            'tokens needs equal widths'
        )


def _check_visual_tokens(loss: nn.Module, student: nn.Module, teacher: nn.Module) -> None:
    _check_tokens(loss, student, teacher)
    grids = [model.head.mct.grid_size for model in (student, teacher)]
    if grids[0] != grids[1]:
        raise ValueError(
            f'the student has {grids[0]} visual tokens (rows, columns), the teacher {grids[1]}: the '
            'loss on visual_tokens needs equal grids'
        )


def _check_attention(loss: nn.Module, student: nn.Module, teacher: nn.Module) -> None:
    if hasattr(loss, 'check'):
        loss.check(student.head.mct.attention_layout, teacher.head.mct.attention_layout)


_SIZE_CHECKS = {
    'heatmaps': _check_heatmaps,
    'keypoint_tokens': _check_tokens,
    'visual_tokens': _check_visual_tokens,
    'attention': _check_attention,
}
