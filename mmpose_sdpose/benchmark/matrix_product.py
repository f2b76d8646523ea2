from __future__ import annotations

import torch

from .timing import timed

_SIZES = {'cpu': 1024, 'cuda': 8192}


class MatrixProduct:
    """One product of square float32 matrices: how fast the machine can compute at all.

    Multiply-adds are counted as one, like the models'. A model cannot be expected to come out above
    the machine's rate, unless it computes in a lower precision.

    Args:
        device: ``cpu`` or ``cuda``.
        size: Rows and columns; default: large enough for the full rate, small enough for many repeats.
    """

    def __init__(self, device: str, size: int | None = None) -> None:
        self.device = device
        self.size = size or _SIZES[device]
        self.left, self.right = torch.randn(2, self.size, self.size, device=device)
        self.out = torch.empty_like(self.left)

    def measure(self) -> dict[str, float]:
        """``product`` -> milliseconds."""
        _, ms = timed(lambda: torch.mm(self.left, self.right, out=self.out), self.device)
        return dict(product=ms)

    def rate(self, ms: float) -> float:
        """Giga multiply-adds a second, where one product takes ``ms`` milliseconds."""
        return self.size**3 / ms / 1e6
