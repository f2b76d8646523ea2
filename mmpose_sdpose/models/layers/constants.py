from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def constants(like: Tensor, values: Sequence[float]) -> Tensor:
    """(N,) numbers with the type and on the device of a tensor.

    ``like.new_tensor(values)`` copies them from the CPU, for which an accelerator has to finish what it
    does first, and which a CUDA graph cannot hold.
    """
    return torch.stack([like.new_full((), value) for value in values])
