"""Weights that belong to single keypoints: found by their names, and put under other keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

#: Weights of one row for each keypoint, by the end of their name -> the axis that counts keypoints. The
#: last layer is that of MMPose's heatmap and SimCC heads.
_KEYPOINT_AXES = {'.keypoint_tokens': 1, '.final_layer.weight': 0, '.final_layer.bias': 0}
#: Data sets whose people have so many keypoints, for weights that do not say.
DATA_OF_KEYPOINTS = {17: 'COCO', 14: 'CrowdPose'}


def take_keypoints(
    found: Mapping[str, Any], model: nn.Module, old: Sequence[str], new: Sequence[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights that belong to single keypoints, for a model of other keypoints: each goes by its name.

    A keypoint token, or the row of an output layer, of a keypoint that both have is taken over; those of
    the others stay as the model has them.

    Args:
        found: As :func:`weights_in` gives it.
        model: Whose keypoints are ``new``.
        old: Names of the keypoints that the weights are of.
        new: Names of the model's.

    Returns:
        The weights to load in place of those found, and the names of the keypoints taken over.
    """
    shared = [name for name in new if name in old]
    from_rows, to_rows = (
        torch.tensor([names.index(name) for name in shared], dtype=torch.long)
        for names in (old, new)
    )
    taken = {}
    for key, own in model.state_dict().items():
        axis, value = keypoint_axis(key), found.get(key)
        if axis is None or not isinstance(value, Tensor) or value.dim() != own.dim():
            continue
        if (value.shape[axis], own.shape[axis]) == (len(old), len(new)):
            taken[key] = put_keypoints(value, own, axis, from_rows, to_rows)
    return taken, shared if taken else []


def keypoint_axis(name: str) -> int | None:
    """The axis of a weight that counts keypoints, by its name; None of one that belongs to all."""
    return next((axis for end, axis in _KEYPOINT_AXES.items() if name.endswith(end)), None)


def put_keypoints(
    value: Tensor, own: Tensor, axis: int, from_rows: Tensor, to_rows: Tensor
) -> Tensor:
    """A copy of a weight with another's keypoints in place of some of its own, wherever that one is."""
    from_rows, to_rows = from_rows.to(own.device), to_rows.to(own.device)
    return own.clone().index_copy_(axis, to_rows, value.to(own).index_select(axis, from_rows))


def count_keypoints(found: Mapping[str, Any]) -> int:
    """Number of keypoints that a state dict has weights for; 0 if it does not show."""
    for key, value in found.items():
        axis = keypoint_axis(key)
        if axis is not None and isinstance(value, Tensor) and value.dim() > axis:
            return value.shape[axis]
    return 0


def keypoint_names_in(checkpoint: Mapping[str, Any]) -> list[str]:
    """Names of the keypoints that a checkpoint was trained on, if it says so; [] otherwise."""
    meta = checkpoint.get('meta')
    data = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    names = data.get('keypoint_id2name') if isinstance(data, Mapping) else None
    return [names[index] for index in sorted(names)] if isinstance(names, Mapping) else []
