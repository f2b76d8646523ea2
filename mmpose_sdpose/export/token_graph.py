"""The encoder as an exported graph wants it: one cycle, constants folded, only what is read computed.

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
    """A :class:`MultiCycleTransformer` of one cycle, without what is constant or read by nobody.

    Keypoint tokens, positions and the bias of the patch embedding become one table; positions that
    later layers add become part of the bias of the layer before; the scale of attention is in its
    weights; the last layer computes keypoint tokens alone. The same function as the model's, up to
    rounding.

    Args:
        mct: The trained transformer; it is not changed.

    Shape:
        (B, C, H, W) -> keypoint tokens (B, K, D)
    """

    patches: Tensor
    start: Tensor

    def __init__(self, mct: MultiCycleTransformer) -> None:
        super().__init__()
        embed, count = mct.patch_embed, mct.num_keypoints
        self.register_buffer('patches', embed.weight.detach())
        self.stride = embed.stride
        start = mct.position.clone()
        start[:, :count] += mct.keypoint_tokens.detach()
        if embed.bias is not None:
            start[:, count:] += embed.bias.detach()
        self.register_buffer('start', start)
        self.num_keypoints, self.num_patches = count, start.shape[1] - count
        *early, last = mct.encoder.layers
        self.early = nn.Sequential(*(FoldedLayer(layer, mct.position) for layer in early))
        self.last = FoldedLastLayer(last, count, mct.position.shape[1])

    def forward(self, feature_map: Tensor) -> Tensor:
        # Channels go last before the map becomes a row of tokens: ONNX Runtime then turns its own
        # layout into this one in a single step.
        patches = F.conv2d(feature_map, self.patches, stride=self.stride).permute(0, 2, 3, 1)
        # No size is said that depends on the batch: of twice a free one, as the flip test has it, the
        # exporter writes another. So zeros stand in for the keypoint tokens, which the table holds.
        visual = patches.reshape(-1, self.num_patches, patches.shape[3])
        tokens = F.pad(visual, (0, 0, self.num_keypoints, 0)) + self.start
        return self.last(self.early(tokens.reshape(-1, tokens.shape[2])))


class FoldedLayer(nn.Module):
    """A :class:`TokenEncoderLayer`, and the position that is added after it.

    All but the attention works on rows, the tokens of all images below each other: matrix products of
    two dimensions become one node with their bias.

    Args:
        layer: The trained layer.
        position: (1, N, D) to add after it.

    Shape:
        (B * N, D) -> (B * N, D)
    """

    qkv: Tensor
    output: Tensor
    after: Tensor

    def __init__(self, layer: TokenEncoderLayer, position: Tensor) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer.norm1, layer.norm2
        self.num_heads, self.num_tokens = layer.attn.num_heads, position.shape[1]
        self.register_buffer('qkv', torch.cat(_weights(layer), dim=1))
        self.proj = layer.attn.proj
        self.hidden, _, output = cast('tuple[nn.Linear, nn.GELU, nn.Linear]', tuple(layer.mlp))
        self.register_buffer('output', output.weight.detach().t().contiguous())
        self.register_buffer('after', output.bias.detach() + position)

    def forward(self, rows: Tensor) -> Tensor:
        rows = rows + self.attend(self.norm1(rows))
        hidden = _gelu(self.hidden(self.norm2(rows)))
        update = (hidden @ self.output).reshape(-1, *self.after.shape[1:]) + self.after
        return rows + update.reshape(-1, update.shape[2])

    def attend(self, rows: Tensor) -> Tensor:
        heads = _heads(rows @ self.qkv, self.num_tokens, 3 * self.num_heads)
        query, key, value = heads.split(self.num_heads, dim=1)
        return self.proj(_attention(query, key, value))


class FoldedLastLayer(nn.Module):
    """The last :class:`TokenEncoderLayer`, of whose tokens the head reads the keypoints' alone.

    Keypoint tokens ask, all tokens answer; what the layer would make of the visual tokens is left out.
    In float32 that takes 5 % off SDPose-N's time, 9 % off LADPose-N's (processor time of one thread).

    Args:
        layer: The trained layer.
        num_keypoints: Number of keypoint tokens K, which are in front.
        num_tokens: Number of all tokens N.

    Shape:
        (B * N, D) -> keypoint tokens (B, K, D)
    """

    query: Tensor
    key_value: Tensor

    def __init__(self, layer: TokenEncoderLayer, num_keypoints: int, num_tokens: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer.norm1, layer.norm2
        self.num_heads = layer.attn.num_heads
        self.num_keypoints, self.num_tokens = num_keypoints, num_tokens
        query, *others = _weights(layer)
        self.register_buffer('query', query)
        self.register_buffer('key_value', torch.cat(others, dim=1))
        self.proj = layer.attn.proj
        self.hidden, _, self.output = cast('tuple[nn.Linear, nn.GELU, nn.Linear]', tuple(layer.mlp))

    def forward(self, rows: Tensor) -> Tensor:
        keypoint = self.keypoints_of(rows) + self.attend(self.norm1(rows))
        keypoint = keypoint + self.output(_gelu(self.hidden(self.norm2(keypoint))))
        return keypoint.reshape(-1, self.num_keypoints, keypoint.shape[1])

    def attend(self, rows: Tensor) -> Tensor:
        query = _heads(self.keypoints_of(rows) @ self.query, self.num_keypoints, self.num_heads)
        heads = _heads(rows @ self.key_value, self.num_tokens, 2 * self.num_heads)
        key, value = heads.split(self.num_heads, dim=1)
        return self.proj(_attention(query, key, value))

    def keypoints_of(self, rows: Tensor) -> Tensor:
        """(B * N, D) -> (B * K, D)."""
        tokens = rows.reshape(-1, self.num_tokens, rows.shape[1])
        return tokens[:, : self.num_keypoints].reshape(-1, rows.shape[1])


def _weights(layer: TokenEncoderLayer) -> list[Tensor]:
    """What makes queries, keys and values of rows, each (D, D), the scale of attention in the first."""
    query, key, value = layer.attn.qkv.weight.detach().t().chunk(3, dim=1)
    return [query * layer.attn.scale, key, value]


def _heads(rows: Tensor, length: int, heads: int) -> Tensor:
    """(B * length, heads * D) -> (B, heads, length, D)."""
    return rows.reshape(-1, length, heads, rows.shape[1] // heads).transpose(1, 2)


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Of heads (B, heads, Q, D) and twice (B, heads, N, D) to rows (B * Q, heads * D)."""
    attended = (query @ key.transpose(2, 3)).softmax(-1) @ value
    heads, dims = attended.shape[1], attended.shape[3]
    return attended.transpose(1, 2).reshape(-1, heads * dims)


def _gelu(values: Tensor) -> Tensor:
    """Exact GELU in the order of operations that ONNX Runtime knows and makes one kernel of."""
    return values * (torch.erf(values / math.sqrt(2)) + 1) * 0.5
