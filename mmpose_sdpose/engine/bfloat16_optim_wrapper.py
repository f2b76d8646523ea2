from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16 on any device; MMEngine's ``AmpOptimWrapper`` needs an accelerator.

    bfloat16 has the exponents of float32, so that nothing overflows and no loss is scaled; weights and
    optimizer stay in float32. A CPU is faster with it where it multiplies bfloat16 itself
    (``avx512_bf16`` or ``amx_bf16`` in ``lscpu``); elsewhere expect no gain.

    MMPose's heads count their training accuracy with NumPy, which has no bfloat16: switch that off by
    ``model.train_cfg=dict(compute_acc=False)``. Its heatmap and SimCC heads heed that; its regression,
    CPM and MSPN heads do not, and cannot be trained with it.

    Args:
        **kwargs: Of MMEngine's ``OptimWrapper``: ``optimizer``, ``clip_grad``, ``accumulative_counts``.

    Raises:
        ValueError: In a step whose model hands bfloat16 to NumPy.

    Examples:
        >>> optim_wrapper = dict(type='BFloat16OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        try:
            with super().optim_context(model), torch.autocast(device, torch.bfloat16):
                yield
        except TypeError as error:
            if 'unsupported ScalarType BFloat16' not in str(error):
                raise
            raise ValueError(
                f'{_place(error)} hands bfloat16 to NumPy, which has none. Heatmap and SimCC heads of '
                'MMPose do so for their training accuracy: set model.train_cfg.compute_acc=False (of a '
                'student model.student.train_cfg.compute_acc). Its other heads always count it: train '
                'them without bfloat16'
            ) from error


def _place(error: TypeError) -> str:
    """Where it came from, but for MMPose's ``to_numpy``."""
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    code, line = next((one for one in reversed(frames) if one[0].co_name != 'to_numpy'), frames[-1])
    return f'{code.co_name} in {code.co_filename}, line {line},'
