from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    ``model.train_cfg=dict(compute_acc=False)``.

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
            if 'BFloat16' not in str(error):
                raise
            raise ValueError(
                f'something in the model is counted with NumPy, which has no bfloat16 ({error}). If it '
                'is the training accuracy, set model.train_cfg.compute_acc=False (of a student '
                'model.student.train_cfg.compute_acc)'
            ) from error
