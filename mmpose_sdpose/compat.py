"""What MMPose 1.3 and MMEngine 0.10 need to run on today's PyTorch, in one place.

Importing ``mmpose_sdpose`` calls :func:`import_mmpose`, :func:`allow_mmengine_checkpoints`,
:func:`refuse_config_in_checkpoint`, :func:`allow_distributed_on_cpu` and :func:`honour_compute_acc`.
MMPose's own ``train.py`` and ``test.py`` import MMEngine alone before they read the config, so with
``custom_imports=dict(imports=['mmpose_sdpose'])`` in it, ``mim train mmpose`` and ``mim test mmpose``
run where torchvision, MMDetection and MMCV's compiled operators are missing. A script of your own has
to ``import mmpose_sdpose`` *before* ``mmpose.apis``; a failed import of MMPose beforehand does no harm.

This module itself needs the standard library only: ``mmpose_sdpose.tools.check`` has to start wherever
torch or MMPose is missing.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Need:
    """Something that MMPose imports unguarded, though only a corner of it is ever used.

    Args:
        module: The module as MMPose imports it.
        names: What MMPose takes from it unguarded; its guarded imports go on failing as they should.
        package: The package to install for the real thing.
    """

    module: str
    names: tuple[str, ...]
    package: str


NEEDS = (
    Need('torchvision.transforms', ('ToPILImage',), 'torchvision'),  # to draw SimCC heatmaps
    Need('mmdet.utils', ('ConfigType', 'reduce_mean'), 'mmdet'),  # RTMO's head
    Need('mmcv.ops', ('MultiScaleDeformableAttention',), 'mmcv (not mmcv-lite)'),  # ED-Pose's head
)

# The parts of MMPose that import one of NEEDS. The others do without, also in a data loader's worker.
MMPOSE_PARTS = ('mmpose.models', 'mmpose.visualization', 'mmpose.apis')


class StandIn(type):
    """Class of what stands in: it can be named, annotated with and inherited from, but not used."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise ImportError(cls.reason)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith('__'):  # typing and inspect probe for these and expect a plain no
            raise AttributeError(name)
        raise ImportError(cls.reason)


def _why_not_importable(module: str) -> str | None:
    """What the import of ``module`` says, or None where it works.

    Operators built for another torch count as missing, and so does an MMDetection that itself lacks
    MMCV's operators: both are an ImportError. Any other exception is for the user to see.
    """
    try:
        importlib.import_module(module)
    except ImportError as error:
        return str(error)
    return None


def _stand_in_module(need: Need, error: str) -> ModuleType:
    module = ModuleType(need.module, f'Stands in for {need.module}: {error}')
    for name in need.names:
        reason = (
            f'{need.module}.{name} cannot be used here ({error}). '
            f'It comes with the package {need.package}: install that to use it.'
        )
        setattr(module, name, StandIn(name, (), {'reason': reason, '__module__': need.module}))
    return module


@contextmanager
def stand_ins() -> Iterator[list[str]]:
    """Put something in the place of every module of ``NEEDS`` that cannot be imported.

    It lasts as long as the ``with`` block and stands for those exact modules alone: not even within
    does ``import torchvision`` or ``import mmdet.apis`` succeed, so that nothing takes the package for
    installed. Modules that can be imported are left as they are.

    Yields:
        Names of the modules that are stood in for.
    """
    errors = {need: _why_not_importable(need.module) for need in NEEDS}
    modules = {
        need.module: _stand_in_module(need, error)
        for need, error in errors.items()
        if error is not None
    }
    previous = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield list(modules)
    finally:
        for name in modules:
            sys.modules.pop(name, None)
        sys.modules.update(previous)


def import_mmpose() -> None:
    """Import MMPose where something that it asks for is missing; do nothing where all is there."""
    with stand_ins() as missing, warnings.catch_warnings():
        # mmcv-lite says at every start what it lacks, none of which is used here
        warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention')
        if missing:
            for name in MMPOSE_PARTS:
                importlib.import_module(name)


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)``, the default since torch 2.6, read what MMEngine writes.

    MMEngine 0.10.7 leaves ``weights_only`` at that default and then cannot read its own training
    checkpoints, so the few classes in them are put on torch's list of harmless ones. onedl-mmengine
    has a list of its own, but reads a file that was refused once more with ``weights_only`` off, which
    runs a hostile pickle: that second reading is taken away. For a trusted file that needs it, torch
    has the environment variable ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1``. Older torch is left alone.
    """
    import torch
    from mmengine.runner import checkpoint
    from mmengine.utils import digit_version

    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return
    torch.serialization.add_safe_globals(_checkpoint_globals())
    if hasattr(checkpoint, '_safe_torch_load'):
        checkpoint._safe_torch_load = _torch_load


def _torch_load(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
    import torch

    return torch.load(file, map_location=map_location, weights_only=weights_only)


def _checkpoint_globals() -> list[Any]:
    """What MMEngine's checkpoints refer to: log histories, and NumPy's arrays, dtypes and scalars."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    core = 'numpy.core' if np.__version__.startswith('1.') else 'numpy._core'
    multiarray: Any = importlib.import_module(f'{core}.multiarray')
    # NumPy 2 renamed the module: what was written under either version is read under both
    functions = [
        (function, f'numpy.{folder}.multiarray.{function.__name__}')
        for function in (multiarray._reconstruct, multiarray.scalar)
        for folder in ('core', '_core')
    ]
    codes = np.typecodes['AllInteger'] + np.typecodes['Float'] + '?SU'
    dtypes = {type(np.dtype(code)) for code in codes}
    history = [HistoryBuffer, (_history_method, 'builtins.getattr')]
    return [*history, np.ndarray, np.dtype, *dtypes, *functions]


def _history_method(owner: Any, name: str) -> Any:
    """``getattr`` as far as a pickled HistoryBuffer needs it: for its own four statistics.

    With ``getattr`` itself a file could reach the globals of whatever module an allowed class is from.
    """
    from pickle import UnpicklingError

    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise UnpicklingError(f'the checkpoint asks for {name!r} of {owner!r}: refused')
    return getattr(HistoryBuffer, name)


def refuse_config_in_checkpoint() -> None:
    """Keep MMEngine's inferencers from running the config in a checkpoint where none is given.

    ``Pose2DInferencer(model=None, weights=FILE)`` takes Python text from the file and executes it.
    """
    from mmengine.infer import BaseInferencer

    init_model = BaseInferencer._init_model
    if getattr(init_model, 'refuses', False):
        return

    def _init_model(self: Any, cfg: Any, weights: str | None, device: str = 'cpu') -> Any:
        if not cfg:
            raise ValueError(
                f'no config for {weights}: MMEngine would run the Python text in that file as one, '
                'which is refused; name the config that the weights were trained with'
            )
        return init_model(self, cfg, weights, device)

    vars(_init_model)['refuses'] = True
    BaseInferencer._init_model = _init_model


def allow_distributed_on_cpu() -> None:
    """Let ``--launcher pytorch`` with the gloo backend run where there is no accelerator.

    MMEngine picks a CUDA device first and hands it to DistributedDataParallel: on a PyTorch without
    CUDA the one raises, on a CPU model the other. With an accelerator nothing is touched.
    """
    from mmengine.device import get_device
    from mmengine.dist import utils
    from mmengine.runner import runner

    if get_device() == 'cpu':
        utils._init_dist_pytorch = _init_process_group
        runner.MMDistributedDataParallel = _distributed_on_cpu


def _init_process_group(backend: str, init_backend: str = 'torch', **options: Any) -> None:
    import torch.distributed

    if backend == 'nccl':
        raise ValueError(
            'the nccl backend needs an NVIDIA accelerator, and there is none: '
            'say --cfg-options env_cfg.dist_cfg.backend=gloo'
        )
    torch.distributed.init_process_group(backend=backend, **options)


def _distributed_on_cpu(module: Any, device_ids: list[int], **options: Any) -> Any:
    from mmengine.model import MMDistributedDataParallel

    return MMDistributedDataParallel(module=module, **options)


def honour_compute_acc() -> None:
    """Let MMPose's SimCC heads leave out their training accuracy, as its heatmap heads do.

    They ignore ``train_cfg=dict(compute_acc=False)`` of a model and count it in every step, with NumPy:
    it has no bfloat16, waits for the accelerator, and cannot be recorded as a CUDA graph. A head with a
    ``loss`` of its own is not touched.
    """
    from mmpose.models.heads import RTMCCHead, RTMWHead, SimCCHead

    for head in (RTMCCHead, RTMWHead, SimCCHead):
        if not hasattr(head.loss, 'with_accuracy'):
            head.loss = _loss_that_honours_compute_acc(head.loss)


def _loss_that_honours_compute_acc(with_accuracy: Callable[..., dict]) -> Callable[..., dict]:
    from torch import cat

    @wraps(with_accuracy)
    def loss(self: Any, feats: Any, batch_data_samples: Any, train_cfg: Any = None) -> dict:
        train_cfg = train_cfg or {}
        if train_cfg.get('compute_acc', True):
            return with_accuracy(self, feats, batch_data_samples, train_cfg=train_cfg)
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        x, y, weights = (
            cat([label[name] for label in labels])
            for name in ('keypoint_x_labels', 'keypoint_y_labels', 'keypoint_weights')
        )
        return dict(loss_kpt=self.loss_module(self.forward(feats), (x, y), weights))

    vars(loss)['with_accuracy'] = with_accuracy
    return loss


def needs_nothing() -> bool:
    """Whether Python was started for what runs without MMPose: the check of an installation, or a help.

    ``python -m mmpose_sdpose.tools.check`` imports the package first, and that tool is meant for where
    the package cannot be imported; ``mim train`` asks ``tools/train.py`` for its help before it trains.
    Python 3.9 does not keep its command line: there, start the check by its path.
    """
    name = _started().replace(os.sep, '.').removesuffix('.py')
    if name == 'mmpose_sdpose.tools.check':
        return True
    scripts = ('mmpose_sdpose.tools.train', 'mmpose_sdpose.tools.test')
    is_script = any(f'.{name}'.endswith(f'.{script}') for script in scripts)
    return is_script and asks_for_help(sys.orig_argv)


def _started() -> str:
    """The script or module that Python was started with; empty if neither, or not known."""
    arguments = iter(getattr(sys, 'orig_argv', ())[1:])
    for argument in arguments:
        if argument in ('-W', '-X'):
            next(arguments, '')  # its value
        elif argument.startswith(('-W', '-X')):
            continue
        elif not argument.startswith('-'):
            return argument
        elif argument.endswith(('m', 'c')):
            return next(arguments, '') if argument.endswith('m') else ''
    return ''


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether a command line has ``-h`` or ``--help`` in it."""
    return not {'-h', '--help'}.isdisjoint(arguments)
