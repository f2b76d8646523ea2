"""A PyTorch module to an ONNX graph, and two graphs to one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .packages import ExportNotPossible

if TYPE_CHECKING:
    from onnx import ModelProto

#: The first opset that PyTorch's exporter writes; it has LayerNormalization as one node.
LOWEST_OPSET = 18
BATCH = 'batch'


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
    opset: int,
    dynamic: bool,
) -> ModelProto:
    """Export a module in evaluation mode.

    Args:
        module: What to export.
        inputs: An example of each input, batch first.
        input_names: Their names in the graph.
        output_names: Names of the outputs.
        opset: Version of the operators.
        dynamic: Whether the batch may have any size, or that of the example alone.

    Raises:
        ExportNotPossible: If the exporter fails, or cannot write that opset.
    """
    shapes = tuple({0: torch.export.Dim(BATCH)} for _ in inputs) if dynamic else None
    with torch.no_grad(), _quiet():
        try:
            program = torch.onnx.export(
                module.eval(), tuple(inputs), input_names=list(input_names),
                output_names=list(output_names), opset_version=opset, dynamo=True,
                dynamic_shapes=shapes, verbose=False,
            )  # fmt: skip
        except torch.onnx.OnnxExporterError as error:
            reason = str(error).strip().split('\n')[0]
            raise ExportNotPossible(f'PyTorch could not export the model: {reason}') from error
    proto = _without_notes(program.model_proto)
    written = {entry.domain: entry.version for entry in proto.opset_import}.get('')
    if written != opset:
        raise ExportNotPossible(
            f'PyTorch {torch.__version__} wrote opset {written} instead of {opset}: choose another'
        )
    return proto


def _without_notes(proto: ModelProto) -> ModelProto:
    """The graph without what the exporter notes on each node: source lines, paths of this machine."""
    graph = proto.graph
    parts = [proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info]
    for part in [*parts, *graph.initializer]:
        del part.metadata_props[:]
        part.ClearField('doc_string')
    return proto


def join(parts: dict[str, ModelProto]) -> ModelProto:
    """One graph of several: the outputs of each are the inputs, in the same order, of the next.

    Args:
        parts: Name -> graph, in order. Names inside them get the part's name in front, as the exporter
            calls things alike in all of them; inputs and outputs of the whole keep theirs.
    """
    from onnx import compose

    joined = None
    newest = max(part.ir_version for part in parts.values())
    for name, part in parts.items():
        last = name == list(parts)[-1]
        part = compose.add_prefix(
            part, f'{name}/', rename_inputs=joined is not None, rename_outputs=not last
        )
        part.ir_version = newest
        if joined is None:
            joined = part
        else:
            pairs = zip(joined.graph.output, part.graph.input)
            links = [(output.name, value.name) for output, value in pairs]
            joined = compose.merge_models(joined, part, io_map=links)
    return joined


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
