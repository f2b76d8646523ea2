from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_weights
from .feature_alignment import FeatureAlignment


@MODELS.register_module()
class FeatureLoss(nn.Module):
    """Squared distance between a student's and a teacher's features.

    A 1x1 convolution brings the student's to the teacher's width, where they differ; the teacher's are
    resampled to the student's grid. DWPose's (Yang et al., ICCV workshops 2023,
    https://arxiv.org/abs/2307.15880) is ``reduction='sum', loss_weight=7e-5``.

    Args:
        reduction: 'mean' of all squares, or 'sum': of one image's squares, averaged over images.
        loss_weight: Factor.

    Shape:
        student (B, C, H, W), teacher (B, C', H', W') -> (), or
        student (B, N, D), teacher (B, N, D') -> ()

    Raises:
        TypeError, ValueError: If an option is unknown or no such thing, or from :meth:`fit`.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import FeatureLoss
        >>> student, teacher = torch.rand(2, 32, 8, 6), torch.rand(2, 48, 16, 12)
        >>> loss = FeatureLoss()
        >>> loss.fit(student, teacher)
        >>> loss.align.connector
        Conv2d(32, 48, kernel_size=(1, 1), stride=(1, 1))
        >>> loss(student, teacher).shape
        torch.Size([])
    """

    compares = 'features'

    def __init__(self, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__()
        if reduction not in ('mean', 'sum'):
            raise ValueError(f"reduction ({reduction!r}) must be one of ['mean', 'sum']")
        check_weights(loss_weight=loss_weight)
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.align = FeatureAlignment()

    def fit(self, student: Tensor, teacher: Tensor) -> None:
        """Make the connector that features like these need.

        Raises:
            ValueError: If they cannot be compared; names both shapes and what to do.
        """
        self.align.fit(student, teacher)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = self.align(student, teacher)
        squares = (student - teacher) ** 2
        loss = squares.mean() if self.reduction == 'mean' else squares.sum() / len(squares)
        return self.loss_weight * loss
