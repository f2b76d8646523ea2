"""Names of the official SDPose, TokenPose and DistilPose weights, and ours for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from mmpose.models import TopdownPoseEstimator
from torch import Tensor

from .checkpoint import judge

# Heads that read heatmaps off the tokens are "tokenpose" there, DistilPose's is "tokenhead".
_HEAD = r'keypoint_head\.token(?:pose|head)\.'
_POSITION = _HEAD + 'pos_embedding'

# Official name (regular expression) -> ours. The MLP and attention live in nested wrappers there.
_LAYER = _HEAD + r'transformer(?:_layer1)?\.layers\.(\d+)\.'
_RENAMES = [
    (r'(backbone\..+)', r'\1'),
    (_HEAD + r'keypoint_token', 'head.mct.keypoint_tokens'),
    (_HEAD + r'patch_to_embedding\.(.+)', r'head.mct.patch_embed.\1'),
    (_HEAD + r'mlp_head\.(.+)', r'head.mlp.\1'),
    (_LAYER + r'0\.fn\.norm\.(.+)', r'head.mct.encoder.layers.\1.norm1.\2'),
    (_LAYER + r'0\.fn\.fn\.to_qkv\.(.+)', r'head.mct.encoder.layers.\1.attn.qkv.\2'),
    (_LAYER + r'0\.fn\.fn\.to_out\.0\.(.+)', r'head.mct.encoder.layers.\1.attn.proj.\2'),
    (_LAYER + r'1\.fn\.norm\.(.+)', r'head.mct.encoder.layers.\1.norm2.\2'),
    (_LAYER + r'1\.fn\.fn\.net\.0\.(.+)', r'head.mct.encoder.layers.\1.mlp.0.\2'),
    (_LAYER + r'1\.fn\.fn\.net\.3\.(.+)', r'head.mct.encoder.layers.\1.mlp.2.\2'),
]


def has_official_head(names: Iterable[str]) -> bool:
    """Whether any of these weights is of the head of a model known here."""
    return any(re.match(_HEAD, name) for name in names)


def our_name(official: str) -> str | None:
    """Our name for an official weight, or None if it belongs to no model known here."""
    for pattern, replacement in _RENAMES:
        if re.fullmatch(pattern, official):
            return re.sub(pattern, replacement, official)
    return None


def convert_state_dict(
    official: dict[str, Tensor], model: TopdownPoseEstimator
) -> dict[str, Tensor]:
    """Weights of an official checkpoint under our names and in our shapes, checked against a model.

    Args:
        official: State dict of the official code, without ``module.`` and what no model can use.
        model: The model it is meant for, built from our config.

    Raises:
        ValueError: Lists the entries that are unknown, missing or of another shape.
    """
    expected = model.state_dict()
    converted: dict[str, Tensor] = {}
    complaints: list[str] = []
    for key, value in official.items():
        name = our_name(key)
        if re.fullmatch(_POSITION, key):
            complaints += _check_position(key, value, model)
        elif name is None or name not in expected:
            complaints.append(f'unknown: {key}')
        else:
            converted[name] = _reshape(name, value, expected[name])
    fit = judge(converted, model, training=True)
    complaints += [*fit.misfits, *fit.unusable]
    if complaints:
        raise ValueError(
            f'{len(complaints)} entries do not fit the config:\n  ' + '\n  '.join(complaints)
        )
    return converted


def _reshape(name: str, value: Tensor, expected: Tensor) -> Tensor:
    """A patch is embedded by a Linear there, by a convolution here: the same numbers, reordered."""
    if name != 'head.mct.patch_embed.weight' or value.numel() != expected.numel():
        return value
    embed_dims, channels, rows, columns = expected.shape
    return value.reshape(embed_dims, rows, columns, channels).permute(0, 3, 1, 2).contiguous()


def _check_position(key: str, table: Tensor, model: TopdownPoseEstimator) -> list[str]:
    """The position is a fixed table that we compute: nothing to convert, but it must be the same."""
    ours = model.head.mct.position[:, model.head.mct.num_keypoints :].to(table)
    if ours.shape != table.shape or not torch.allclose(ours, table, atol=1e-4):
        return [f'{key} is not the sine table of the config']
    return []
