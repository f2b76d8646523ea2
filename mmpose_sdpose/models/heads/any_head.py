"""What every head is asked, one of this package or a 2D one of MMPose."""

from __future__ import annotations

from mmpose.models.heads import BaseHead
from torch import nn

# What heads call K; more than one has out_channels for something else beside it.
_NAMES = ('num_keypoints', 'num_joints', 'out_channels')


def innermost(head: BaseHead) -> BaseHead:
    """The head that predicts keypoints: itself, or what a VisPredictHead wraps."""
    return innermost(head.pose_head) if hasattr(head, 'pose_head') else head


def num_keypoints_of(head: nn.Module) -> int:
    """Number of keypoints K that a head predicts.

    Raises:
        ValueError: If it does not say.
    """
    head = innermost(head)
    for name in _NAMES:
        if hasattr(head, name):
            return getattr(head, name)
    raise ValueError(
        f'a {type(head).__name__} does not say how many keypoints it predicts: it has none of '
        f'{", ".join(_NAMES)}'
    )
