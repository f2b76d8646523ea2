from __future__ import annotations

from torch import nn

# What heads call K; more than one has out_channels for something else beside it.
_NAMES = ('num_keypoints', 'num_joints', 'out_channels')


def num_keypoints_of(head: nn.Module) -> int:
    """Number of keypoints K that a head predicts, one of this package or a 2D one of MMPose.

    Raises:
        ValueError: If it does not say.
    """
    head = getattr(head, 'pose_head', head)  # VisPredictHead wraps the one that predicts keypoints
    for name in _NAMES:
        if hasattr(head, name):
            return getattr(head, name)
    raise ValueError(
        f'a {type(head).__name__} does not say how many keypoints it predicts: it has none of '
        f'{", ".join(_NAMES)}'
    )
