from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

#: Spread of the bumps in pixels of the input: about what SimCC models of this size are trained with.
SIGMA = 3.0


class SimccOutput(nn.Module):
    """Decoded keypoints as SimCC vectors, for runtimes that read nothing else (rtmlib, MMDeploy).

    Each keypoint becomes a bump along x and one along y, as high as its score, centred where the
    keypoint is. A reader that takes the highest bin is off by at most half a bin, ``0.5 / split``
    pixels, and finds the score 0.4 % low at most; the shape of the bump says nothing of the model's
    certainty. No marginals of the heatmap: their maxima are not where the heatmap's refined one is.

    Args:
        input_size: Width and height, pixels.
        split: Bins to a pixel; rtmlib takes 2 for granted.

    Shape:
        keypoints (B, K, 2) in pixels, scores (B, K) -> (B, K, W * split), (B, K, H * split)
    """

    def __init__(self, input_size: tuple[int, int], split: float) -> None:
        super().__init__()
        width, height = (torch.arange(round(size * split)) / split for size in input_size)
        self.register_buffer('columns', width)
        self.register_buffer('rows', height)

    def forward(self, keypoints: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        return (
            scores[..., None] * _bump(self.columns - keypoints[..., :1]),
            scores[..., None] * _bump(self.rows - keypoints[..., 1:]),
        )


def _bump(distance: Tensor) -> Tensor:
    return torch.exp(-0.5 / SIGMA**2 * distance * distance)


def read_simcc(columns: np.ndarray, rows: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """Keypoints in pixels and scores as SimCC runtimes read them: the highest bins.

    Args:
        columns: (B, K, W * split).
        rows: (B, K, H * split).
        width: W, pixels of the input.
    """
    split = columns.shape[-1] / width
    scores = np.minimum(columns.max(-1), rows.max(-1))
    keypoints = np.stack([columns.argmax(-1), rows.argmax(-1)], axis=-1) / split
    return dict(keypoints=keypoints.astype(np.float32), scores=scores)
