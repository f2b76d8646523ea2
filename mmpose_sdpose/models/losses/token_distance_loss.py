from __future__ import annotations

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_flags, check_weights


@MODELS.register_module()
class TokenDistanceLoss(nn.Module):
    """Mean squared distance between a student's and a teacher's tokens.

    SDPose (Chen et al., CVPR 2024, https://arxiv.org/abs/2404.03518, eq. 4-5) teaches each cycle by
    the next with it, separately for visual and keypoint tokens.

    Args:
        loss_weight: Factor; the paper's is 5e-6.
        detach_teacher: Stop gradients into the teacher's tokens. The official code does not: both
            sides are pulled together.

    Shape:
        student, teacher (B, N, D) -> ()

    Raises:
        TypeError, ValueError: If an option is no such thing.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import TokenDistanceLoss
        >>> tokens = torch.rand(2, 17, 32)
        >>> round(TokenDistanceLoss(loss_weight=0.5)(tokens, tokens + 2).item(), 4)
        2.0
    """

    def __init__(self, loss_weight: float = 5e-6, detach_teacher: bool = False) -> None:
        super().__init__()
        check_flags(detach_teacher=detach_teacher)
        check_weights(loss_weight=loss_weight)
        self.loss_weight = loss_weight
        self.detach_teacher = detach_teacher

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        if self.detach_teacher:
            teacher = teacher.detach()
        return self.loss_weight * F.mse_loss(student, teacher)
