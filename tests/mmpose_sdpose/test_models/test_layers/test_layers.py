from __future__ import annotations

import math

from mmpose_sdpose.models.layers import (
    MultiCycleTransformer,
    TokenAttention,
    TokenEncoder,
    TokenEncoderLayer,
    Tokens,
    sine_position_table,
)

import pytest
import torch
from torch import nn


@pytest.mark.parametrize('num_heads', [1, 4, 8])
def test_attention_is_pytorchs_own(num_heads):
    torch.manual_seed(0)
    ours = TokenAttention(32, num_heads).eval()
    reference = nn.MultiheadAttention(32, num_heads, bias=True, batch_first=True).eval()
    reference.in_proj_weight.data = ours.qkv.weight.data
    reference.in_proj_bias.data.zero_()
    reference.out_proj.weight.data = ours.proj.weight.data
    reference.out_proj.bias.data = ours.proj.bias.data
    tokens = torch.randn(2, 11, 32)
    expected, expected_map = reference(tokens, tokens, tokens, average_attn_weights=False)
    out, attention_map = ours.with_map(tokens)
    torch.testing.assert_close(ours(tokens), expected)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(attention_map, expected_map)


def test_encoder_layer_is_pytorchs_own():
    torch.manual_seed(0)
    ours = TokenEncoderLayer(32, 4, mlp_ratio=3).eval()
    reference = nn.TransformerEncoderLayer(
        32, 4, 96, dropout=0, activation='gelu', batch_first=True, norm_first=True
    ).eval()
    pairs = [
        (reference.self_attn.out_proj, ours.attn.proj),
        (reference.linear1, ours.mlp[0]),
        (reference.linear2, ours.mlp[2]),
        (reference.norm1, ours.norm1),
        (reference.norm2, ours.norm2),
    ]
    for theirs, mine in pairs:
        theirs.load_state_dict(mine.state_dict())
    reference.self_attn.in_proj_weight.data = ours.attn.qkv.weight.data
    reference.self_attn.in_proj_bias.data.zero_()
    tokens = torch.randn(2, 11, 32)
    torch.testing.assert_close(ours(tokens), reference(tokens))
    torch.testing.assert_close(ours.with_map(tokens)[0], reference(tokens))


def test_encoder_adds_the_position_before_every_layer_but_the_first():
    torch.manual_seed(0)
    encoder = TokenEncoder(32, depth=3, num_heads=4).eval()
    tokens, position = torch.randn(2, 11, 32), torch.randn(1, 11, 32)
    expected = encoder.layers[0](tokens)
    for layer in encoder.layers[1:]:
        expected = layer(expected + position)
    torch.testing.assert_close(encoder(tokens, position), expected)


def test_encoder_gives_only_the_maps_asked_for():
    encoder = TokenEncoder(32, depth=3, num_heads=4).eval()
    tokens, position = torch.randn(2, 11, 32), torch.zeros(1, 11, 32)
    out, maps = encoder.with_maps(tokens, position, [1, 3])
    assert list(maps) == [1, 3]
    assert maps[3].shape == (2, 4, 11, 11)
    torch.testing.assert_close(out, encoder(tokens, position))


def test_position_table_in_closed_form():
    table = sine_position_table(3, 5, 8).reshape(3, 5, 8)
    row, column = 2, 4  # counted from 0
    for half, angle in ((0, (row + 1) / 3), (4, (column + 1) / 5)):
        turn = 2 * math.pi * angle
        expected = [
            math.sin(turn), math.cos(turn), math.sin(turn / 100), math.cos(turn / 100),
        ]  # fmt: skip
        torch.testing.assert_close(
            table[row, column, half : half + 4], torch.tensor(expected), atol=1e-5, rtol=0
        )


def transformer(**options) -> MultiCycleTransformer:
    arguments = dict(
        in_channels=4,
        in_featuremap_size=(6, 8),
        patch_size=(4, 3),
        num_keypoints=5,
        encoder=dict(embed_dims=32, depth=2, num_heads=4),
    )
    return MultiCycleTransformer(**{**arguments, **options}).eval()


def test_patches_are_rows_columns_channels_of_the_feature_map():
    model = transformer()
    feature_map = torch.randn(2, 4, 8, 6)
    tokens = model.embed(feature_map) - model.position
    patch = feature_map[:, :, 4:8, 3:6]  # the last of 2x2
    weight = model.patch_embed.weight.flatten(1)
    expected = patch.flatten(1) @ weight.T + model.patch_embed.bias
    torch.testing.assert_close(tokens[:, -1], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(tokens[:, :5], model.keypoint_tokens.expand(2, -1, -1))


def joined(tokens: Tokens) -> torch.Tensor:
    return torch.cat([tokens.keypoint, tokens.visual], dim=1)


def test_a_cycle_takes_the_tokens_of_the_one_before():
    model = transformer()
    feature_map = torch.randn(2, 4, 8, 6)
    first, second, third = (joined(cycle) for cycle in model(feature_map, num_cycles=3))
    torch.testing.assert_close(second, model.encoder(first, model.position))
    torch.testing.assert_close(third, model.encoder(second, model.position))
    (single,) = model(feature_map, num_cycles=1)
    torch.testing.assert_close(joined(single), first, rtol=0, atol=0)


def test_attention_maps_come_with_every_cycle_and_only_when_asked_for():
    model = transformer()
    feature_map = torch.randn(2, 4, 8, 6)
    plain = model(feature_map, num_cycles=2)
    assert all(cycle.attention.layers == {} for cycle in plain)
    asked = model(feature_map, num_cycles=3, map_layers={1: [2], 2: [2]})
    assert asked[2].attention.layers == {}, 'only the cycles asked for'
    for with_map, without in zip(asked, plain):
        assert list(with_map.attention.layers) == [2]
        assert with_map.attention.layers[2].shape == (2, 4, 9, 9)
        assert with_map.attention.grid_size == (2, 2)
        torch.testing.assert_close(joined(with_map), joined(without))
    assert not torch.equal(asked[0].attention.layers[2], asked[1].attention.layers[2])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(in_featuremap_size=(7, 8)), r'7 columns, which patch_size=\(4, 3\)'),
        (dict(patch_size=(3, 3)), r'8 rows, which patch_size=\(3, 3\)'),
        (dict(patch_size=(0, 3)), 'patch_size'),
        (dict(encoder=dict(embed_dims=32, num_heads=5)), r'embed_dims \(32\).*num_heads \(5\)'),
        (dict(encoder=dict(embed_dims=32, depth=0)), r'depth \(0\)'),
        (dict(encoder=dict(embed_dims=32, mlp_ratio=0)), r'mlp_ratio \(0\)'),
        (dict(encoder=dict(embed_dims=30, num_heads=5)), r'embed_dims \(30\).*multiple of 4'),
    ],
)
def test_sizes_that_do_not_fit_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        transformer(**options)


def test_another_feature_map_is_refused():
    with pytest.raises(ValueError, match=r'6x9 .*in_featuremap_size=\(6, 8\)'):
        transformer()(torch.randn(1, 4, 9, 6))
