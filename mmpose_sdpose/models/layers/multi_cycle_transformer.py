from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...arguments import check_counts, check_dicts, check_sizes
from .position import sine_position_table
from .token_encoder import TokenEncoder


@dataclass(frozen=True)
class AttentionLayout:
    """What attention maps a model has."""

    depth: int  # layers
    num_heads: int
    grid_size: tuple[int, int]  # rows and columns of the visual tokens


@dataclass
class AttentionMaps:
    """Attention between all tokens, keypoint tokens first, of the layers that were asked for."""

    layers: dict[int, Tensor]  # layer, counted from 1 -> (B, heads, K + N, K + N), rows sum to one
    grid_size: tuple[int, int]  # rows and columns of the visual tokens; their product is N


@dataclass
class Tokens:
    """What one pass through the encoder leaves behind."""

    keypoint: Tensor  # (B, K, D)
    visual: Tensor  # (B, N, D)
    attention: AttentionMaps


class MultiCycleTransformer(nn.Module):
    """Keypoint and patch tokens that pass one shared encoder once or several times.

    The feature map is cut into patches, each embedded as a visual token; one learned token for every
    keypoint goes in front. A second cycle takes the first one's tokens as they are, through the same
    layers. Chen et al., CVPR 2024, https://arxiv.org/abs/2404.03518; one cycle is TokenPose.

    Args:
        in_channels: Channels of the feature map.
        in_featuremap_size: Width and height of the feature map, in cells.
        patch_size: Rows and columns of a patch, in cells; must divide the feature map.
        num_keypoints: Number of keypoint tokens K.
        encoder: Arguments of :class:`TokenEncoder`; what is left out has its default.

    Shape:
        (B, in_channels, H, W) -> :class:`Tokens` of each cycle

    Raises:
        TypeError, ValueError: If a size is no count, or the patches do not tile the feature map; from
            the encoder; or when a later feature map has another size.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.layers import MultiCycleTransformer
        >>> mct = MultiCycleTransformer(
        ...     in_channels=64,
        ...     in_featuremap_size=(12, 16),
        ...     patch_size=(4, 3),
        ...     num_keypoints=17,
        ...     encoder=dict(embed_dims=32, depth=2, num_heads=4),
        ... )
        >>> first, second = mct(torch.rand(1, 64, 16, 12), num_cycles=2)
        >>> second.keypoint.shape, second.visual.shape
        (torch.Size([1, 17, 32]), torch.Size([1, 16, 32]))
    """

    position: Tensor

    def __init__(
        self,
        in_channels: int,
        in_featuremap_size: tuple[int, int],
        patch_size: tuple[int, int],
        num_keypoints: int,
        encoder: dict | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_keypoints=num_keypoints)
        check_sizes(in_featuremap_size=in_featuremap_size, patch_size=patch_size)
        check_dicts(encoder=encoder)
        self.in_featuremap_size = tuple(in_featuremap_size)
        self.num_keypoints = num_keypoints
        width, height = in_featuremap_size
        self.grid_size = _grid_size((height, width), patch_size)
        self.encoder = TokenEncoder(**(encoder or {}))
        embed_dims = self.encoder.embed_dims
        self.keypoint_tokens = nn.Parameter(torch.zeros(1, num_keypoints, embed_dims))
        self.patch_embed = nn.Conv2d(in_channels, embed_dims, patch_size, stride=patch_size)
        # Keypoint tokens have no position: zero rows let one addition serve both kinds of token.
        position = sine_position_table(*self.grid_size, embed_dims)
        position = torch.cat([torch.zeros(1, num_keypoints, embed_dims), position], dim=1)
        self.register_buffer('position', position, persistent=False)
        nn.init.trunc_normal_(self.keypoint_tokens, std=0.02)

    def forward(
        self,
        feature_map: Tensor,
        num_cycles: int = 1,
        map_layers: Mapping[int, Sequence[int]] | None = None,
    ) -> list[Tokens]:
        """``map_layers``: cycle -> layers whose attention maps are wanted, both counted from 1."""
        tokens = self.embed(feature_map)
        cycles = []
        for number in range(1, num_cycles + 1):
            wanted = (map_layers or {}).get(number, ())
            tokens, maps = self.encoder.with_maps(tokens, self.position, wanted)
            keypoint, visual = tokens.tensor_split([self.num_keypoints], dim=1)
            cycles.append(Tokens(keypoint, visual, AttentionMaps(maps, self.grid_size)))
        return cycles

    @property
    def attention_layout(self) -> AttentionLayout:
        return AttentionLayout(len(self.encoder.layers), self.encoder.num_heads, self.grid_size)

    def embed(self, feature_map: Tensor) -> Tensor:
        """Tokens before the first layer, position added: (B, K + N, D)."""
        height, width = feature_map.shape[-2:]
        if (width, height) != self.in_featuremap_size:
            raise ValueError(
                f'the feature map is {width}x{height} (W x H), but the head was built for '
                f'in_featuremap_size={self.in_featuremap_size}: make it the input size divided by '
                'the stride of the backbone'
            )
        visual = self.patch_embed(feature_map).flatten(2).transpose(1, 2)
        keypoint = self.keypoint_tokens.expand(len(visual), -1, -1)
        return torch.cat([keypoint, visual], dim=1) + self.position


def _grid_size(feature_size: tuple[int, int], patch_size: tuple[int, int]) -> tuple[int, int]:
    """Token rows and columns, if the patches tile the feature map without rest."""
    for name, size, patch in zip(('rows', 'columns'), feature_size, patch_size):
        if size % patch:
            raise ValueError(
                f'the feature map has {size} {name}, which patch_size={tuple(patch_size)} '
                f'(rows, columns) does not divide: choose a divisor of {size} or another input size'
            )
    return feature_size[0] // patch_size[0], feature_size[1] // patch_size[1]
