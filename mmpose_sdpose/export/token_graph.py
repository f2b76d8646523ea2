"""The encoder as an exported graph wants it: one cycle, constants folded, rows instead of batches.

What it brings over a plain ``torch.onnx.export`` (256x192, ONNX Runtime, 2 threads, batch 1; ratios
within a round, 5 rounds of processes in turn): nothing in float32, with or without the optimizer and
onnxslim (plain / folded 0.97 for SDPose-T, 1.00 for LADPose). In INT8, for which it is kept, a plain
graph takes 1.9 times as long for SDPose-T and 1.5 times for LADPose: products of two dimensions are
quantised with their bias in one node, those of three are not.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.layers.multi_cycle_transformer import MultiCycleTransformer
from ..models.layers.token_encoder import TokenEncoderLayer


class FoldedTokens(nn.Module):
    """A :class:`MultiCycleTransformer` of one cycle, with everything constant added up beforehand.

    Keypoint tokens, positions and the bias of the patch embedding become one table; positions that
    later layers add become part of the bias of the layer before; the scale of attention is in its
    weights. The same function as the model's, up to rounding.

    Args:
        mct: The trained transformer; it is not changed.

    Shape:
        (B, C, H, W) -> keypoint tokens (B, K, D)
    """

    patches: Tensor
    start: Tensor

    def __init__(self, mct: MultiCycleTransformer) -> None:
        super().__init__()
        self.num_keypoints = mct.num_keypoints
        embed = mct.patch_embed
        self.register_buffer('patches', embed.weight.detach())
        self.stride = embed.stride
        start = mct.position[0].clone()
        start[: self.num_keypoints] += mct.keypoint_tokens[0].detach()
        if embed.bias is not None:
            start[self.num_keypoints :] += embed.bias.detach()
        self.register_buffer('start', start)
        *early, last = mct.encoder.layers
        self.layers = nn.Sequential(
            *(FoldedLayer(layer, mct.position[0]) for layer in early),
            FoldedLayer(last, torch.zeros_like(mct.position[0])),
        )

    def forward(self, feature_map: Tensor) -> Tensor:
        visual = F.conv2d(feature_map, self.patches, stride=self.stride).flatten(2)
        # Zeros in front of the visual tokens, where the table holds the keypoint tokens.
        tokens = F.pad(visual, (self.num_keypoints, 0)).transpose(1, 2) + self.start
        rows = self.layers(tokens.flatten(0, 1))
        return rows.reshape(-1, *self.start.shape)[:, : self.num_keypoints]


class FoldedLayer(nn.Module):
    """A :class:`TokenEncoderLayer`, and the position that is added after it.

    All but the attention works on rows, the tokens of all images below each other: matrix products of
    two dimensions become one node with their bias.

    Args:
        layer: The trained layer.
        position: (N, D) to add after it.

    Shape:
        (B * N, D) -> (B * N, D)
    """

    qkv: Tensor
    output: Tensor
    after: Tensor

    def __init__(self, layer: TokenEncoderLayer, position: Tensor) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer.norm1, layer.norm2
        self.num_heads, self.num_tokens = layer.attn.num_heads, len(position)
        qkv = layer.attn.qkv.weight.detach().clone()
        qkv[: qkv.shape[1]] *= layer.attn.scale
        self.register_buffer('qkv', qkv.t().contiguous())
        self.proj = layer.attn.proj
        self.hidden, _, output = cast('tuple[nn.Linear, nn.GELU, nn.Linear]', tuple(layer.mlp))
        self.register_buffer('output', output.weight.detach().t().contiguous())
        self.register_buffer('after', output.bias.detach() + position)

    def forward(self, rows: Tensor) -> Tensor:
        rows = rows + self.attend(self.norm1(rows))
        hidden = _gelu(self.hidden(self.norm2(rows)))
        update = (hidden @ self.output).reshape(-1, *self.after.shape) + self.after
        return rows + update.flatten(0, 1)

    def attend(self, rows: Tensor) -> Tensor:
        dims = rows.shape[1]
        heads = (rows @ self.qkv).reshape(
            -1, self.num_tokens, 3 * self.num_heads, dims // self.num_heads
        )
        query, key, value = heads.transpose(1, 2).split(self.num_heads, dim=1)
        attended = (query @ key.transpose(2, 3)).softmax(-1) @ value
        return self.proj(attended.transpose(1, 2).reshape(-1, dims))


def _gelu(values: Tensor) -> Tensor:
    """Exact GELU in the order of operations that ONNX Runtime knows and makes one kernel of."""
    return values * (torch.erf(values / math.sqrt(2)) + 1) * 0.5
