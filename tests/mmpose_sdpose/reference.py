"""The rule that filled the official models' weights and inputs, and the numbers recorded with it."""

from __future__ import annotations

import functools
import gzip
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).parent / 'data'


@functools.cache
def recorded(name: str) -> dict[str, np.ndarray]:
    """The arrays of ``official_<name>.npz``."""
    with np.load(DATA / f'official_{name}.npz') as arrays:
        return dict(arrays)


@functools.cache
def recorded_json(name: str) -> dict:
    return json.loads((DATA / f'{name}.json').read_text())


@functools.cache
def official_keys() -> dict[str, list]:
    """Model name -> list of (official key, shape)."""
    return json.loads(gzip.decompress((DATA / 'official_keys.json.gz').read_bytes()))


def generator(key: str) -> np.random.Generator:
    """Of random numbers that depend on the key alone."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))


def normal(key: str, shape: tuple[int, ...]) -> np.ndarray:
    return generator(key).standard_normal(shape)


def rule_weight(key: str, shape: tuple[int, ...], seed_prefix: str = '') -> np.ndarray:
    """Value of one entry of an official state dict."""
    last = key.rsplit('.', 1)[-1]
    if last == 'num_batches_tracked':
        return np.zeros(shape, np.int64)
    noise = normal(seed_prefix + key, tuple(shape))
    if last == 'running_var':
        value = 0.9 + 0.1 * abs(noise)
    elif last in ('running_mean', 'bias'):
        value = 0.02 * noise
    elif last == 'keypoint_token':
        value = 0.5 * noise
    elif len(shape) == 1:
        value = 0.05 * noise + (0.7 if key.startswith('backbone.') else 1.0)
    else:
        value = noise / math.sqrt(math.prod(shape[1:])) * (1 + key.endswith('to_qkv.weight'))
    return np.asarray(value, np.float32)


def rule_state_dict(name: str) -> dict[str, Tensor]:
    """An official model's weights as the rule fills them, without the fixed position table."""
    seed_prefix = 'teacher_model.' if name.startswith('teacher_') else ''
    return {
        key: torch.from_numpy(np.array(rule_weight(key, shape, seed_prefix)))
        for key, shape in official_keys()[name]
        if not key.endswith('pos_embedding')
    }


@functools.cache
def rule_input() -> Tensor:
    """The recorded runs' input: (2, 3, 256, 192)."""
    coarse = normal('input.coarse', (2, 3, 8, 6)).repeat(32, axis=2).repeat(32, axis=3)
    return torch.from_numpy((coarse + 0.5 * normal('input', (2, 3, 256, 192))).astype(np.float32))
