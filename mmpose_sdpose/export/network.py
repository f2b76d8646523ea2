from __future__ import annotations

from mmpose.models import TopdownPoseEstimator
from mmpose.models.heads import HeatmapHead
from torch import Tensor, nn

from sdpose_runtime.metadata_format import HEATMAPS, NORMALISED

from ..models.heads import MCTHead, TokenHead
from .packages import ExportNotPossible
from .token_graph import FoldedTokens


class Network(nn.Module):
    """What an exported graph computes before any decoding: one plain cycle, from image to raw output.

    Args:
        model: A trained estimator in evaluation mode; it is not changed.

    Shape:
        (B, 3, H, W), normalised -> heatmaps (B, K, h, w), or keypoints (B, K, 2) in units of the input
        size and scores (B, K)

    Raises:
        ExportNotPossible: If the head is neither a token head of ours nor a heatmap head of MMPose.
    """

    def __init__(self, model: TopdownPoseEstimator) -> None:
        super().__init__()
        head = model.head
        if not isinstance(head, (TokenHead, HeatmapHead)):
            raise ExportNotPossible(
                f'{type(head).__name__} is no head that can be exported: they are the token heads of '
                "this package and MMPose's HeatmapHead"
            )
        self.model = model
        self.tokens = FoldedTokens(head.mct) if isinstance(head, TokenHead) else None

    @property
    def output(self) -> str:
        """What the raw output is."""
        return HEATMAPS if isinstance(self.model.head, HeatmapHead) else NORMALISED

    @property
    def output_names(self) -> tuple[str, ...]:
        return ('heatmaps',) if self.output == HEATMAPS else ('keypoints', 'scores')

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        head, feats = self.model.head, self.model.extract_feat(image)
        if self.tokens is None:
            return (head(feats),)
        tokens = self.tokens(feats[-1])
        # The head's layers on rows, as the encoder's; then as its own ``outputs_of`` has them.
        output = head.mlp(tokens.flatten(0, 1)).unflatten(0, (-1, tokens.shape[1]))
        if isinstance(head, MCTHead):
            width, height = head.heatmap_size
            return (head.read(output.unflatten(2, (height, width)))['heatmaps'],)
        quantities = head.read(output)
        return quantities['coordinates'], quantities['scores']
