from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32, for what needs exact positions or small differences."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
