"""What a graph computes in front of decoding: from normalised images to the head's raw output."""

from __future__ import annotations

import torch
from mmpose.models import TopdownPoseEstimator
from torch import Tensor, nn

from ..models.heads import TokenHead, innermost
from .token_graph import FoldedTokens


class Network(nn.Module):
    """Backbone, neck and what a head's ``forward`` does.

    Args:
        model: A trained estimator in evaluation mode; it is not changed.
        for_int8: Whether tokens are computed as eight bits have it fastest.

    Shape:
        (B, 3, H, W), normalised -> raw outputs (B, K, ...)
    """

    def __init__(self, model: TopdownPoseEstimator, for_int8: bool = False) -> None:
        super().__init__()
        self.model, self.head = model, innermost(model.head)
        self.tokens = None
        if isinstance(self.head, TokenHead):
            self.tokens = FoldedTokens(self.head.mct, per_head=not for_int8)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        feats = self.model.extract_feat(image)
        raw = self.head(feats) if self.tokens is None else self.read(self.tokens(feats[-1]))
        return raw if isinstance(raw, tuple) else (raw,)

    def read(self, tokens: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What a token head gives for the keypoint tokens of :class:`FoldedTokens`."""
        # The head's layers on rows, as the encoder's.
        numbers = self.head.mlp(tokens.flatten(0, 1)).unflatten(0, (-1, tokens.shape[1]))
        return self.head.raw(self.head.arrange(numbers))


class Mirror(nn.Module):
    """The mirrored images behind the plain ones, for a flip test in one run of the network.

    One batch of two takes as long as two runs of one image where models are large (SDPose-T, LADPose),
    and less where they are small (2.4 instead of 3.4 ms for SDPose-N on two threads).

    Shape:
        (B, 3, H, W) -> (2 * B, 3, H, W)
    """

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([image, image.flip(-1)])
