from __future__ import annotations

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_positive, check_weights
from ..layers import at_least_float32
from .feature_alignment import describe


@MODELS.register_module()
class HeatmapKLLoss(nn.Module):
    """A student's heatmaps, as distributions over cells, learn from a teacher's.

    KL divergence from teacher to student, summed over cells, averaged over images and joints. Where
    MSE counts every cell alike, this counts those where the teacher sees the joint.

    Args:
        temperature: Heatmaps are divided by it before a softmax over cells, and the loss is multiplied
            by its square (Hinton et al., https://arxiv.org/abs/1503.02531). For heatmaps that peak at
            one a small one is needed: at 0.1 a peak counts as much as 22,000 cells of background. None,
            with ``on='probability_maps'``: heatmaps are distributions already, and their cells above 0
            are divided by their sum.
        loss_weight: Factor.

    Shape:
        student, teacher (B, K, H, W), weights (B, K) -> ()

    Raises:
        TypeError, ValueError: If an option is no such thing, or from :meth:`fit`.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import HeatmapKLLoss
        >>> heatmaps = torch.rand(2, 17, 32, 24)
        >>> loss = HeatmapKLLoss()
        >>> loss(heatmaps, heatmaps).item(), bool(loss(heatmaps.flip(-1), heatmaps) > 0)
        (0.0, True)
    """

    compares = 'heatmaps'

    def __init__(self, temperature: float | None = 0.1, loss_weight: float = 1.0) -> None:
        super().__init__()
        if temperature is not None:
            check_positive(temperature=temperature)
        check_weights(loss_weight=loss_weight)
        self.temperature = temperature
        self.loss_weight = loss_weight

    def fit(self, student: Tensor, teacher: Tensor) -> None:
        """Whether cells can be compared one by one.

        Raises:
            ValueError: If there are not as many; names both and what to do.
        """
        if describe(student) != describe(teacher):
            raise ValueError(
                f"the student's heatmaps are {describe(student)}, the teacher's {describe(teacher)}: "
                'give both codecs one heatmap_size, or use FeatureLoss, which resamples'
            )

    def forward(self, student: Tensor, teacher: Tensor, weights: Tensor | None = None) -> Tensor:
        ours, theirs = self._log(student), self._log(teacher.detach())
        loss = F.kl_div(ours, theirs, reduction='none', log_target=True).sum(-1)
        if weights is not None:
            loss = loss * weights
        return self.loss_weight * (self.temperature or 1.0) ** 2 * loss.mean()

    def _log(self, heatmaps: Tensor) -> Tensor:
        """Logarithms of the distributions: (B, K, H * W)."""
        cells = at_least_float32(heatmaps).flatten(2)
        if self.temperature is not None:
            return (cells / self.temperature).log_softmax(-1)
        cells = cells.clamp(min=_LEAST)
        return (cells / cells.sum(-1, keepdim=True)).log()


# A cell below this counts as this: the gradient of a smaller one's logarithm is beyond float32.
_LEAST = 1e-12
