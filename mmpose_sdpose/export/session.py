from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .packages import ExportNotPossible

if TYPE_CHECKING:
    from onnx import ModelProto


class OnnxSession:
    """A graph in ONNX Runtime on the CPU, for any number of images whatever batch it was made for.

    Args:
        model: The graph, or the path of its file.

    Raises:
        ExportNotPossible: If this ONNX Runtime cannot load it.
        FileNotFoundError: If there is no such file.
    """

    def __init__(self, model: ModelProto | str) -> None:
        from sdpose_runtime.sessions import open_session

        content = model if isinstance(model, str) else model.SerializeToString()
        try:
            self.session = open_session(content)
        except ValueError as error:
            raise ExportNotPossible(str(error)) from error
        self.names = [value.name for value in self.session.get_outputs()]
        first = self.session.get_inputs()[0].shape[0]
        #: The batch that the graph was made for; None: any.
        self.batch = first if isinstance(first, int) else None

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs by name, B rows each, to outputs by name, B rows each."""
        count = len(next(iter(inputs.values())))
        size = self.batch or count
        runs = []
        for start in range(0, count, size):
            chunk = {
                name: _rows(value[start : start + size], size) for name, value in inputs.items()
            }
            runs.append(self.session.run(self.names, chunk))
        return {name: np.concatenate(parts)[:count] for name, parts in zip(self.names, zip(*runs))}


def _rows(values: np.ndarray, count: int) -> np.ndarray:
    """Filled up with zeros to so many rows."""
    rest = np.zeros((count - len(values), *values.shape[1:]), values.dtype)
    return np.concatenate([values, rest])
