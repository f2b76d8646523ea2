from __future__ import annotations

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_positive, check_weights
from ..layers import at_least_float32
from .feature_alignment import describe

SimCC = tuple[Tensor, Tensor]


@MODELS.register_module()
class SimCCDistributionLoss(nn.Module):
    """A student's distributions over the bins of x and y learn from a teacher's.

    KL divergence from teacher to student, summed over bins, averaged over images and joints, of x plus
    of y. By default as in DWPose (Yang et al., ICCV workshops 2023, https://arxiv.org/abs/2307.15880),
    which weights all joints alike, unlabelled ones too: ``weights='all'`` of the distiller.

    Args:
        beta: Factor of the student's logits before the softmax: that of its own loss, 10 for RTMPose.
        teacher_beta: Factor of the teacher's; ``beta`` unless given.
        temperature: Divides both; above 1, the teacher's less likely bins count for more. The loss is
            multiplied by its square (Hinton et al., https://arxiv.org/abs/1503.02531).
        loss_weight: Factor; DWPose's is 0.1, and 1 in its second stage.

    Shape:
        student, teacher: logits of x (B, K, Wx) and of y (B, K, Wy); weights (B, K) -> ()

    Raises:
        TypeError, ValueError: If an option is no such thing, or from :meth:`fit`.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import SimCCDistributionLoss
        >>> simcc = torch.rand(2, 17, 96), torch.rand(2, 17, 128)
        >>> loss = SimCCDistributionLoss()
        >>> loss(simcc, simcc, weights=torch.ones(2, 17)).item()
        0.0
    """

    compares = 'simcc'

    def __init__(
        self,
        beta: float = 10.0,
        teacher_beta: float | None = None,
        temperature: float = 1.0,
        loss_weight: float = 0.1,
    ) -> None:
        super().__init__()
        teacher_beta = beta if teacher_beta is None else teacher_beta
        check_positive(beta=beta, teacher_beta=teacher_beta, temperature=temperature)
        check_weights(loss_weight=loss_weight)
        self.beta = beta
        self.teacher_beta = teacher_beta
        self.temperature = temperature
        self.loss_weight = loss_weight

    def fit(self, student: SimCC, teacher: SimCC) -> None:
        """Whether bins can be compared one by one.

        Raises:
            ValueError: If there are not as many of them; names both and what to do.
        """
        for axis, ours, theirs in zip('xy', student, teacher):
            if ours.shape != theirs.shape:
                raise ValueError(
                    f'the student has {describe(ours)} bins along {axis} (B, K, bins), the teacher '
                    f'{describe(theirs)}: give both codecs one input_size and one simcc_split_ratio'
                )

    def forward(self, student: SimCC, teacher: SimCC, weights: Tensor | None = None) -> Tensor:
        x, y = (self._divergence(*logits) for logits in zip(student, teacher))
        loss = x + y
        if weights is not None:
            loss = loss * weights
        return self.loss_weight * self.temperature**2 * loss.mean()

    def _divergence(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Along one axis: (B, K)."""
        ours = at_least_float32(student) * (self.beta / self.temperature)
        theirs = at_least_float32(teacher.detach()) * (self.teacher_beta / self.temperature)
        ours, theirs = ours.log_softmax(-1), theirs.log_softmax(-1)
        return F.kl_div(ours, theirs, reduction='none', log_target=True).sum(-1)
