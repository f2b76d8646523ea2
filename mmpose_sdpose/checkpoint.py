"""Checkpoints: reading without running what is in them, judging, and writing whole or not at all."""

from __future__ import annotations

import errno
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.runner import CheckpointLoader
from mmengine.utils import digit_version
from torch import Tensor, nn

from sdpose_runtime.files import whole_file

#: Whether torch can read MMEngine's checkpoints with ``weights_only`` on: older versions know no list of
#: harmless classes.
READS_SAFELY = digit_version(torch.__version__) >= digit_version('2.6.0')

#: Begins the names of the weights that come with the package, wherever a checkpoint goes.
PACKAGED = 'mmpose_sdpose://'
#: Parts of a head that only training uses: a model that is to predict does without them.
TRAINING_ONLY = ('head.loss_module.', 'head.score_loss.', 'head.between_cycles.')
#: Weights under these names must have a place in the model; other entries of a file are left alone.
_PARTS = ('backbone.', 'neck.', 'head.')
#: What torch's reader raises, depending on where a file is damaged.
_OF_DAMAGED_FILES = (
    AssertionError, AttributeError, EOFError, IndexError, KeyError, RuntimeError, TypeError, ValueError,
    struct.error,
)  # fmt: skip


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint file with ``weights_only`` on.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, is no checkpoint, or holds objects other than weights.
    """
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(f'no checkpoint at {path}, which is a folder: name a file in it')
    if not path.is_file():
        raise FileNotFoundError(f'no checkpoint at {path}')
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _first_sentence(error)
        if 'GLOBAL' in str(error) or 'global' in str(error):
            raise ValueError(
                f'{path} holds Python objects other than weights and was refused, nothing of it '
                'was run: get the checkpoint from a source you trust, or save its state dict alone'
            ) from error
        raise ValueError(_broken(path, reason)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # what a seek beyond the end of a file cut short gives
            raise
        raise ValueError(_broken(path, _first_sentence(error))) from error
    except _OF_DAMAGED_FILES as error:
        reason = _first_sentence(error) or type(error).__name__
        raise ValueError(_broken(path, reason)) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}, not a checkpoint')
    return checkpoint


def _first_sentence(error: Exception) -> str:
    """Of what torch says, which may be a page."""
    return str(error).split('\n')[0].split('. ')[0]


def _broken(path: str | Path, reason: str) -> str:
    return f'{path} is truncated or no checkpoint ({reason}): copy or download it again'


def read_any_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint file; where torch is too old to read MMEngine's safely, as MMEngine does.

    Raises:
        FileNotFoundError, ValueError: As :func:`read_checkpoint`.
    """
    if READS_SAFELY:
        return read_checkpoint(path)
    try:
        return CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger='silent')
    except (RuntimeError, EOFError, KeyError, IndexError, pickle.UnpicklingError) as error:
        raise ValueError(_broken(path, _first_sentence(error))) from error


def read_state_dict(path: str | Path) -> dict[str, Any]:
    """The weights in a checkpoint: bare or under ``state_dict``, with or without ``module.``.

    They are as they lie in the file: :func:`judge` says whether a model can use them.

    Raises:
        FileNotFoundError, ValueError: As :func:`read_checkpoint`, or if there are no weights in it.
    """
    return weights_in(read_checkpoint(path), path)


def fetch_state_dict(path: str) -> dict[str, Any]:
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
    # Quietly: what reads a checkpoint may print its results.
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    return weights_in(checkpoint, path)


def _fetch(url: str) -> Path:
    """The file of a URL in torch's cache, where MMEngine keeps its own."""
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(url).path).name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path))
    return path


def weights_in(checkpoint: Mapping[str, Any], source: str | Path) -> dict[str, Any]:
    """The state dict of a checkpoint that was read, without ``module.``.

    Raises:
        ValueError: If there is none.
    """
    found = checkpoint.get('state_dict', checkpoint)
    if not isinstance(found, Mapping) or not any(isinstance(v, Tensor) for v in found.values()):
        raise ValueError(
            f'{source} holds no weights: expected tensors, bare or under "state_dict", found '
            f'the entries {sorted(map(str, checkpoint))[:8]}'
        )
    weights = OrderedDict((re.sub(r'^module\.', '', str(key)), found[key]) for key in found)
    # versions of the modules that wrote it, where PyTorch looks for them
    vars(weights)['_metadata'] = getattr(found, '_metadata', {})
    return weights


@dataclass(frozen=True)
class Fit:
    """What keeps a state dict from filling a model; everything is empty where nothing does.

    Args:
        missing: Weights of the model that are not there.
        mismatched: Those of another shape, each ``name: why``.
        foreign: Weights of a backbone, neck or head that the model does not have.
        unusable: Entries that no model could use, each ``name: why``.
        total: Number of weights that the model wants.
    """

    missing: list[str]
    mismatched: list[str]
    foreign: list[str]
    unusable: list[str]
    total: int

    @property
    def misfits(self) -> list[str]:
        """What another model is to blame for, a line for each weight."""
        missing = [f'{name}: not in the checkpoint' for name in self.missing]
        foreign = [f'{name}: not in the model' for name in self.foreign]
        return [*missing, *self.mismatched, *foreign]

    @property
    def lacking(self) -> int:
        """How many weights of the model the checkpoint does not fill."""
        return len(self.missing) + len(self.mismatched)

    def __bool__(self) -> bool:
        return not self.misfits and not self.unusable

    def complaint(self, source: str | Path) -> str:
        """Why the checkpoint is refused, and the way out, in a sentence."""
        if self.unusable:
            return unusable_weights(source, self.unusable)
        what = f'{self.lacking} of {self.total} weights do not fit'
        if not self.lacking:
            what = f'{len(self.foreign)} weights of it have no place in the model'
        return (
            f'the checkpoint {source} is of another model than the config: {what}, '
            f'{_first(self.misfits)}. Use the config it was trained with; convert weights of the '
            'official code with `mim run mmpose_sdpose convert_checkpoint`'
        )

    def taken(self, source: str | Path) -> str:
        """How much of a model is filled, and what is not, in half a sentence."""
        rest = [*self.missing, *(line.split(':')[0] for line in self.mismatched)]
        others = f'; the others begin anew: {rest[0]}' + ', …' * (len(rest) > 1) if rest else ''
        return f"{self.total - self.lacking} of the model's {self.total} from {source}{others}"


def judge(found: Mapping[str, Any], model: nn.Module, training: bool = False) -> Fit:
    """Whether a state dict fits a model.

    Names of older MMPose versions count as today's, as they do when the model loads them.

    Args:
        found: As :func:`weights_in` gives it.
        training: The training goes on: what only training uses must be there too.
    """
    found = _with_names_of_today(found, model)
    expected = model.state_dict()
    wanted = [key for key in expected if training or not key.startswith(TRAINING_ONLY)]
    mismatched, unusable = [], []
    for key in (key for key in wanted if key in found):
        value, model_value = found[key], expected[key]
        if isinstance(value, Tensor) and value.shape != model_value.shape:
            shapes = tuple(value.shape), tuple(model_value.shape)
            mismatched.append(f'{key}: {shapes[0]} in the checkpoint, {shapes[1]} in the model')
        elif fault := _fault(value, model_value):
            unusable.append(f'{key}: {fault}')
    return Fit(
        missing=[key for key in wanted if key not in found],
        mismatched=mismatched,
        foreign=[
            key
            for key in found
            if key.startswith(_PARTS) and key not in expected and not key.startswith(TRAINING_ONLY)
        ],
        unusable=unusable,
        total=len(wanted),
    )


def load_weights(model: nn.Module, checkpoint: str) -> None:
    """Fill a model that is to predict with the weights of a checkpoint: every one, or none.

    Args:
        checkpoint: A file, a URL, or whatever else MMEngine knows.

    Raises:
        FileNotFoundError: If the checkpoint is not there.
        ValueError: If it cannot be read, is of another model, or holds what no model can use.
    """
    found = fetch_state_dict(checkpoint)
    fit = judge(found, model)
    if not fit:
        raise ValueError(fit.complaint(checkpoint))
    used = {key: found[key] for key in found if not key.startswith(TRAINING_ONLY)}
    model.load_state_dict(used, strict=False)  # MMPose's models know their older names


def list_unusable(found: Mapping[str, Any]) -> list[str]:
    """Entries of a state dict that no model could use, each ``name: why``."""
    faults = {key: _fault(value) for key, value in found.items()}
    return [f'{key}: {fault}' for key, fault in faults.items() if fault]


def unusable_weights(source: str | Path, faults: list[str]) -> str:
    """Why a checkpoint with such entries is refused, and the way out, in a sentence."""
    return (
        f'{source} has weights that no model can use ({len(faults)}), {_first(faults)}: take a '
        'checkpoint from before the training went wrong, or get it from another source'
    )


def _first(lines: list[str], shown: int = 3) -> str:
    return '; '.join(lines[:shown] + ['…'] * (len(lines) > shown))


def _with_names_of_today(found: Mapping[str, Any], model: nn.Module) -> dict[str, Any]:
    """Lets MMPose's modules rename what their older versions called otherwise, on a copy."""
    weights = OrderedDict(found)
    versions = getattr(found, '_metadata', {})
    for name, module in model.named_modules():
        # What load_state_dict calls, without loading: torch has no public name for it.
        for hook in module._load_state_dict_pre_hooks.values():
            hook(weights, f'{name}.' if name else '', versions.get(name, {}), True, [], [], [])
    return weights


def _fault(value: Any, wanted: Tensor | None = None) -> str:
    """Why an entry cannot be loaded into any weight, or any of that kind; '' if it can."""
    if not isinstance(value, Tensor):
        return f'{type(value).__name__} instead of a tensor'
    if value.is_meta:
        return 'a tensor without values (meta device)'
    if value.layout is not torch.strided or value.is_quantized:
        return 'a sparse or quantised tensor'
    if wanted is not None and _kind(value) != _kind(wanted):
        return f'{_kind(value)} ({value.dtype}), the model has {_kind(wanted)} numbers'
    if _kind(value) == 'integer':
        return ''
    numbers = value.to(wanted.dtype) if wanted is not None else value
    wrong = count_not_finite(numbers)
    return f'{wrong} of {numbers.numel()} values are NaN or infinite' if wrong else ''


def count_not_finite(value: Tensor) -> int:
    """How many values of a tensor are NaN or infinite."""
    numbers = value.float() if value.element_size() == 1 else value  # float8 knows no isfinite
    return numbers.numel() - int(torch.isfinite(numbers).sum())


def _kind(value: Tensor) -> str:
    if value.is_complex():
        return 'complex'
    return 'floating' if value.is_floating_point() else 'integer'


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
