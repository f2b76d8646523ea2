from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_flags, check_weights


@MODELS.register_module()
class HeatmapCrossEntropyLoss(nn.Module):
    """Cross-entropy between the target heatmap and the softmax of the predicted one, both over cells.

    Our alternative to the published MSE: with it a token head leaves the mean pose after far fewer
    steps. Heads read :attr:`expects_logits` and put the softmax into their output.

    Args:
        use_target_weight: Weight each joint of each sample by its keypoint weight.
        loss_weight: Factor.

    Shape:
        logits (B, K, H, W), target (B, K, H, W), weights (B, K) -> (), the mean over B and K

    Raises:
        TypeError, ValueError: If an option is no such thing.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import HeatmapCrossEntropyLoss
        >>> target = torch.zeros(1, 17, 32, 24)
        >>> target[..., 10, 5] = 1.0
        >>> loss = HeatmapCrossEntropyLoss()
        >>> bool(loss(20 * target, target) < 1e-4), bool(loss(0 * target, target) > 6)
        (True, True)
    """

    expects_logits = True

    def __init__(self, use_target_weight: bool = True, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_flags(use_target_weight=use_target_weight)
        check_weights(loss_weight=loss_weight)
        self.use_target_weight = use_target_weight
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
        target = target.flatten(2)
        # A joint outside the crop leaves no mass in its target; its weight is zero as well.
        target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
        loss = -(target * logits.flatten(2).log_softmax(-1)).sum(-1)
        if self.use_target_weight and weights is not None:
            loss = loss * weights
        return self.loss_weight * loss.mean()
