"""ONNX graphs: traced from PyTorch, joined, and run in ONNX Runtime."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.utils import digit_version
from torch import Tensor, nn

from sdpose_runtime.sessions import open_session

if TYPE_CHECKING:
    from onnx import ModelProto

#: What an export needs besides MMPose, and the line that installs it.
PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')
INSTALL = "pip install onnx onnxscript onnxruntime 'ml_dtypes<0.6'"
#: The first PyTorch whose exporter gives such graphs.
LOWEST_TORCH = '2.6'
#: The first opset that PyTorch's exporter writes; it has LayerNormalization as one node.
LOWEST_OPSET = 18


class ExportNotPossible(Exception):
    """What was asked for cannot be exported; the message says why and the way out."""


def check_packages() -> None:
    """Whether all that an export needs is installed.

    Raises:
        ExportNotPossible: If not; names the line that installs it.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportNotPossible(f'{", ".join(missing)} is not installed: {INSTALL}')
    if digit_version(torch.__version__) < digit_version(LOWEST_TORCH):
        raise ExportNotPossible(
            f'PyTorch {torch.__version__} is too old for the export, which needs {LOWEST_TORCH}: the '
            'checkpoint can be exported in another environment, its weights do not depend on it'
        )


def check_opset(opset: int) -> None:
    """Whether the exporter writes an opset and the installed onnx knows it.

    Raises:
        ExportNotPossible: If not; says which ones there are.
    """
    from onnx.defs import onnx_opset_version

    if not LOWEST_OPSET <= opset <= onnx_opset_version():
        raise ExportNotPossible(
            f'opset {opset} is not supported: choose one of {LOWEST_OPSET} to {onnx_opset_version()}'
        )


def trace(
    module: nn.Module,
    inputs: Sequence[Tensor],
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int = LOWEST_OPSET,
    batch: str | None = None,
) -> ModelProto:
    """Export a module in evaluation mode.

    Args:
        module: What to export.
        inputs: An example of each input, batch first.
        input_names: Their names in the graph.
        output_names: Names of the outputs.
        opset: Version of the operators.
        batch: Name of the size of the batch, which may then be any; None: that of the example alone.

    Raises:
        ExportNotPossible: If the exporter fails, or cannot write that opset.
    """
    shapes = tuple({0: torch.export.Dim(batch)} for _ in inputs) if batch else None
    with torch.no_grad(), _quiet():
        try:
            program = torch.onnx.export(
                module.eval(), tuple(inputs), input_names=list(input_names),
                output_names=list(output_names), opset_version=opset, dynamo=True,
                dynamic_shapes=shapes, verbose=False,
            )  # fmt: skip
        except torch.onnx.OnnxExporterError as error:
            reason = re.sub(r'\x1b\[\d*m', '', str(error)).strip().split('\n')[0]  # it is coloured
            raise ExportNotPossible(f'PyTorch could not export the model: {reason}') from error
    if program is None:  # which only the older exporter gives
        raise ExportNotPossible('PyTorch gave no model')
    proto = _without_notes(program.model_proto)
    written = {entry.domain: entry.version for entry in proto.opset_import}.get('')
    if written != opset:
        raise ExportNotPossible(
            f'PyTorch {torch.__version__} wrote opset {written} instead of {opset}: choose another'
        )
    _compute_outputs(proto)
    return proto


def _compute_outputs(proto: ModelProto) -> None:
    """Let a node give each output: the exporter makes a stored weight of one that is always the same."""
    from onnx import helper

    weights = {weight.name: weight for weight in proto.graph.initializer}
    for output in proto.graph.output:
        if output.name in weights:
            weights[output.name].name = f'{output.name}_constant'
            node = helper.make_node('Identity', [f'{output.name}_constant'], [output.name])
            proto.graph.node.append(node)
    outputs = {output.name for output in proto.graph.output}
    for note in [note for note in proto.graph.value_info if note.name in outputs]:
        proto.graph.value_info.remove(note)  # what has one is renamed when graphs are joined


def join(parts: dict[str, ModelProto]) -> ModelProto:
    """One graph of several: the outputs of each are the inputs, in the same order, of the next.

    Args:
        parts: Name -> graph, in order. Names inside them get the part's name in front, as the exporter
            calls things alike in all of them; inputs and outputs of the whole keep theirs.

    Returns:
        The graph; its outputs are for as many images as its input.
    """
    from onnx import compose

    first, last = list(parts)[0], list(parts)[-1]
    newest = max(part.ir_version for part in parts.values())
    renamed = []
    for name, part in parts.items():
        prefixed = compose.add_prefix(
            part, f'{name}/', rename_inputs=name != first, rename_outputs=name != last
        )
        prefixed.ir_version = newest
        renamed.append(prefixed)
    joined, *others = renamed
    for part in others:
        pairs = zip(joined.graph.output, part.graph.input)
        links = [(output.name, value.name) for output, value in pairs]
        joined = compose.merge_models(joined, part, io_map=links)
    for output in joined.graph.output:  # of as many images, which the exporter calls something else
        batch = joined.graph.input[0].type.tensor_type.shape.dim[0]
        output.type.tensor_type.shape.dim[0].CopyFrom(batch)
    return joined


class OnnxSession:
    """A graph in ONNX Runtime on the CPU, for any number of images whatever batch it was made for.

    Args:
        model: The graph, or the path of its file.

    Raises:
        ExportNotPossible: If this ONNX Runtime cannot load it.
        FileNotFoundError: If there is no such file.
    """

    def __init__(self, model: ModelProto | str) -> None:
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


def _without_notes(proto: ModelProto) -> ModelProto:
    """The graph without what the exporter notes on each node: source lines, paths of this machine."""
    graph = proto.graph
    parts = [proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info]
    for part in [*parts, *graph.initializer]:
        del part.metadata_props[:]
        part.ClearField('doc_string')
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks about its own affairs; what goes wrong is raised."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
