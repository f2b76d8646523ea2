"""Reading checkpoints without running what is in them, and writing them whole or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.runner import CheckpointLoader
from mmengine.utils import digit_version
from torch import Tensor

from sdpose_runtime.files import whole_file

#: Whether torch can read MMEngine's checkpoints with ``weights_only`` on: older versions know no list of
#: harmless classes.
READS_SAFELY = digit_version(torch.__version__) >= digit_version('2.6.0')


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint file with ``weights_only`` on.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, is no checkpoint, or holds objects other than weights.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no checkpoint at {path}')
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).split('\n')[0]
        if 'GLOBAL' in str(error) or 'global' in str(error):
            raise ValueError(
                f'{path} holds Python objects other than weights and was refused, nothing of it '
                'was run: get the checkpoint from a source you trust, or save its state dict alone'
            ) from error
        raise ValueError(f'{path} is truncated or no checkpoint ({reason})') from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError) as error:
        reason = str(error).split('\n')[0]
        raise ValueError(
            f'{path} is truncated or no checkpoint ({reason}): copy or download it again'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}, not a checkpoint')
    return checkpoint


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The weights in a checkpoint: bare or under ``state_dict``, with or without ``module.``.

    Raises:
        FileNotFoundError, ValueError: As :func:`read_checkpoint`, or if there are no weights in it.
    """
    return _weights_in(read_checkpoint(path), path)


def fetch_state_dict(path: str) -> dict[str, Tensor]:
    """:func:`read_state_dict` of a file, a URL, or whatever else MMEngine knows.

    Raises:
        FileNotFoundError, ValueError: As there.
        OSError: If a URL cannot be fetched.
    """
    scheme = urlparse(path).scheme
    if READS_SAFELY and scheme in ('http', 'https'):
        return read_state_dict(_fetch(path))
    if READS_SAFELY and '://' not in path:
        return read_state_dict(path)
    return _weights_in(CheckpointLoader.load_checkpoint(path, map_location='cpu'), path)


def _fetch(url: str) -> Path:
    """The file of a URL in torch's cache, where MMEngine keeps its own."""
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(url).path).name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path))
    return path


def list_misfits(found: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """What keeps a state dict from filling a model: entries missing or of another shape."""
    missing = [f'{key}: not in the checkpoint' for key in expected if key not in found]
    return missing + [
        f'{key}: {tuple(found[key].shape)} in the checkpoint, {tuple(value.shape)} in the model'
        for key, value in expected.items()
        if isinstance(found.get(key), Tensor) and found[key].shape != value.shape
    ]


def _weights_in(checkpoint: dict[str, Any], path: str | Path) -> dict[str, Tensor]:
    state_dict = checkpoint.get('state_dict', checkpoint)
    if not state_dict or not all(isinstance(value, Tensor) for value in state_dict.values()):
        raise ValueError(
            f'{path} holds no weights: expected tensors, bare or under "state_dict", found '
            f'the entries {sorted(map(str, checkpoint))[:8]}'
        )
    return {
        key[len('module.') :] if key.startswith('module.') else key: value
        for key, value in state_dict.items()
    }


def write_checkpoint(checkpoint: dict[str, Any], path: str | Path, overwrite: bool = False) -> None:
    """Save a checkpoint under its name only once it is whole.

    Raises:
        FileExistsError: If ``path`` exists and ``overwrite`` is off.
        OSError: If the folder cannot be written or the disk is full; no file is left behind.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f'{path} exists and is not overwritten unasked')
    with whole_file(path) as file:
        torch.save(checkpoint, file)
