from __future__ import annotations

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_positive, check_weights
from .feature_alignment import FeatureAlignment, check_features, describe


@MODELS.register_module()
class ChannelWiseLoss(nn.Module):
    """Where in the image each channel of a student is active is learned from a teacher's channel.

    Each channel becomes a distribution over cells, by a softmax: KL divergence from teacher to student,
    summed over cells, averaged over images and channels, times the temperature squared. A 1x1
    convolution brings the student to the teacher's width, where they differ; the teacher is resampled
    to the student's grid.

    Shu et al., Channel-wise Knowledge Distillation for Dense Prediction, ICCV 2021,
    https://arxiv.org/abs/2011.13256.

    Args:
        temperature: Divides features before the softmax; above 1, weaker cells count for more.
        loss_weight: Factor.

    Shape:
        student (B, C, H, W), teacher (B, C', H', W') -> ()

    Raises:
        TypeError, ValueError: If an option is no such thing, or from :meth:`fit`.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import ChannelWiseLoss
        >>> maps = torch.rand(2, 32, 8, 6)
        >>> loss = ChannelWiseLoss(temperature=2.0)
        >>> loss(maps, maps).item(), loss(maps + 1, maps).item() < 1e-6
        (0.0, True)
    """

    compares = 'features'

    def __init__(self, temperature: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_positive(temperature=temperature)
        check_weights(loss_weight=loss_weight)
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.align = FeatureAlignment()

    def fit(self, student: Tensor, teacher: Tensor) -> None:
        """Make the connector that features like these need.

        Raises:
            ValueError: If they are no feature maps; names both shapes and what to do.
        """
        check_features(student, teacher)
        if student.ndim != 4:
            raise ValueError(
                f'feature maps (B, C, H, W) are compared, but the student gives {describe(student)}, '
                f'the teacher {describe(teacher)}: choose modules that give maps, say the grids of '
                'tokens, or use FeatureLoss'
            )
        self.align.fit(student, teacher)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = (
            (features.flatten(2) / self.temperature).log_softmax(-1)
            for features in self.align(student, teacher)
        )
        divergence = F.kl_div(student, teacher, reduction='none', log_target=True).sum(-1)
        return self.loss_weight * self.temperature**2 * divergence.mean()
