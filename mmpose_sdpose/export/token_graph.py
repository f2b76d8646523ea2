"""The encoder as an exported graph wants it: one cycle, constants folded, only what is read computed.

What it brings over a plain ``torch.onnx.export`` (256x192, ONNX Runtime, 2 threads, batch 1; ratios
within a round, 5 rounds of processes in turn): in float32, with or without the optimizer and onnxslim,
nothing but what products per head bring (plain / folded 0.97 for SDPose-T and 1.00 for LADPose without
them). In INT8, for which it is kept, a plain graph takes 1.9 times as long for SDPose-T and 1.5 times
for LADPose: products of two dimensions are quantised with their bias in one node, those of three are
not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        per_head: Whether each head's queries, keys and values are products of their own: fastest in
            float (2.5 % off SDPose-N's time on two threads with AVX2). In INT8 one product of two
            dimensions is.

    Shape:
        (B, C, H, W) -> keypoint tokens (B, K, D)
    """

    patches: Tensor
    start: Tensor

    def __init__(self, mct: MultiCycleTransformer, per_head: bool = True) -> None:
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
        self.early = nn.Sequential(*(FoldedLayer(layer, mct.position, per_head) for layer in early))
        self.last = FoldedLastLayer(last, count, mct.position.shape[1], per_head)

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
        per_head: As :class:`FoldedTokens` has it.

    Shape:
        (B * N, D) -> (B * N, D)
    """

    output: Tensor
    after: Tensor

    def __init__(self, layer: TokenEncoderLayer, position: Tensor, per_head: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer.norm1, layer.norm2
        kind = ProductPerHead if per_head else OneProduct
        self.qkv = kind(_weights(layer), layer.attn.num_heads, position.shape[1])
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
        return self.proj(_attention(*self.qkv(rows)))


class FoldedLastLayer(nn.Module):
    """The last :class:`TokenEncoderLayer`, of whose tokens the head reads the keypoints' alone.

    Keypoint tokens ask, all tokens answer; what the layer would make of the visual tokens is left out.
    In float32 that takes 5 % off SDPose-N's time, 9 % off LADPose-N's (processor time of one thread).

    Args:
        layer: The trained layer.
        num_keypoints: Number of keypoint tokens K, which are in front.
        num_tokens: Number of all tokens N.
        per_head: As :class:`FoldedTokens` has it.

    Shape:
        (B * N, D) -> keypoint tokens (B, K, D)
    """

    def __init__(
        self, layer: TokenEncoderLayer, num_keypoints: int, num_tokens: int, per_head: bool
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = layer.norm1, layer.norm2
        self.num_keypoints, self.num_tokens = num_keypoints, num_tokens
        kind, heads = ProductPerHead if per_head else OneProduct, layer.attn.num_heads
        query, *others = _weights(layer)
        self.query = kind([query], heads, num_keypoints)
        self.key_value = kind(others, heads, num_tokens)
        self.proj = layer.attn.proj
        self.hidden, _, self.output = cast('tuple[nn.Linear, nn.GELU, nn.Linear]', tuple(layer.mlp))

    def forward(self, rows: Tensor) -> Tensor:
        keypoint = self.keypoints_of(rows) + self.attend(self.norm1(rows))
        keypoint = keypoint + self.output(_gelu(self.hidden(self.norm2(keypoint))))
        return keypoint.reshape(-1, self.num_keypoints, keypoint.shape[1])

    def attend(self, rows: Tensor) -> Tensor:
        return self.proj(_attention(*self.query(self.keypoints_of(rows)), *self.key_value(rows)))

    def keypoints_of(self, rows: Tensor) -> Tensor:
        """(B * N, D) -> (B * K, D)."""
        tokens = rows.reshape(-1, self.num_tokens, rows.shape[1])
        return tokens[:, : self.num_keypoints].reshape(-1, rows.shape[1])


class OneProduct(nn.Module):
    """Several times the heads of rows, by one product of two dimensions.

    Args:
        weights: For each: (D, heads * d).
        heads: Number of heads.
        length: Number of tokens N of an image.

    Shape:
        (B * N, D) -> for each of the weights (B, heads, N, d)
    """

    weight: Tensor

    def __init__(self, weights: Sequence[Tensor], heads: int, length: int) -> None:
        super().__init__()
        self.register_buffer('weight', torch.cat(tuple(weights), dim=1))
        self.heads, self.length, self.parts = heads, length, len(weights)

    def forward(self, rows: Tensor) -> Sequence[Tensor]:
        products = rows @ self.weight
        width = products.shape[1] // (self.parts * self.heads)
        tokens = products.reshape(-1, self.length, self.parts * self.heads, width)
        heads = tokens.transpose(1, 2)
        return [heads] if self.parts == 1 else heads.split(self.heads, dim=1)


class ProductPerHead(nn.Module):
    """The same as :class:`OneProduct` by a product for each head, after which nothing is moved."""

    def __init__(self, weights: Sequence[Tensor], heads: int, length: int) -> None:
        super().__init__()
        by_head = (weight.unflatten(1, (heads, -1)).transpose(0, 1) for weight in weights)
        self.weights = nn.ParameterList(weight.contiguous() for weight in by_head)
        self.length = length

    def forward(self, rows: Tensor) -> Sequence[Tensor]:
        tokens = rows.reshape(-1, 1, self.length, rows.shape[1])
        return [tokens @ weight for weight in self.weights]


def _weights(layer: TokenEncoderLayer) -> list[Tensor]:
    """What makes queries, keys and values of rows, each (D, D), the scale of attention in the first."""
    query, key, value = layer.attn.qkv.weight.detach().t().chunk(3, dim=1)
    return [query * layer.attn.scale, key, value]


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Of heads (B, heads, Q, D) and twice (B, heads, N, D) to rows (B * Q, heads * D)."""
    attended = (query @ key.transpose(2, 3)).softmax(-1) @ value
    heads, dims = attended.shape[1], attended.shape[3]
    return attended.transpose(1, 2).reshape(-1, heads * dims)


def _gelu(values: Tensor) -> Tensor:
    """Exact GELU in the order of operations that ONNX Runtime knows and makes one kernel of."""
    return values * (torch.erf(values / math.sqrt(2)) + 1) * 0.5
