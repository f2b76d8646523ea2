"""A float32 graph in eight bits, in half precision, or with weights stored so."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

#: Operators that pass feature maps on in eight bits between two convolutions, so that no value is
#: converted back and forth. Elsewhere (in the encoder) the same operators stay in float.
_BETWEEN_CONVOLUTIONS = ('Add', 'Mul', 'Relu', 'Resize')
_PRODUCTS = ('MatMul', 'Gemm')
#: So few groups of a convolution are no help in eight bits, see :func:`without_few_groups`.
_FEW_GROUPS = 4
#: Rows or columns of a matrix of weights that is too small to gain anything.
_FEW = 16
#: What half precision can hold.
_MOST_HALF = float(np.finfo(np.float16).max)


def to_int8(graph: ModelProto, images: np.ndarray) -> ModelProto:
    """Static quantisation: convolutions and matrix products with weights in eight bits.

    Weights are signed, one scale for each channel; activations are unsigned, one scale each, from the
    range seen in the images. Unsigned times signed is what ONNX Runtime multiplies fastest on x86, and
    with VNNI or AMX no sum saturates (signed activations: slower than float32; old processors with AVX2
    alone would need ``reduce_range``, which costs a bit of every weight). Softmax, norms, GELU and the
    residual stream of the encoder stay in float, and so do the nodes of :func:`float_nodes`.

    Args:
        graph: The network in float32.
        images: Inputs whose activations give the ranges: (B, 3, H, W).
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization import CalibrationMethod, QuantType

    class Images(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = _batches(graph, images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    graph = pools_in_float(without_few_groups(graph))
    with TemporaryDirectory() as folder, _quiet():
        target = Path(folder, 'int8.onnx')
        quantization.quantize_static(
            graph,
            target,
            Images(),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=['Conv', *_PRODUCTS, *_BETWEEN_CONVOLUTIONS],
            nodes_to_exclude=float_nodes(graph),
            # What reads them (norms, GELU, sums) is in float.
            extra_options=dict(OpTypesToExcludeOutputQuantization=list(_PRODUCTS)),
        )
        return onnx.load(target)


def without_few_groups(graph: ModelProto) -> ModelProto:
    """A copy whose convolutions of two to four groups have one group, with zeros between the blocks.

    In eight bits ONNX Runtime convolves one group so much faster than several that the products with
    zero are made up for twice and more: 32 channels in two groups take 0.22 ms, in one 0.08 ms; 64 in
    four 0.11 and 0.07 ms; 128 in eight, which are left, 0.06 and 0.07 ms.
    """
    from onnx import numpy_helper

    whole = deepcopy(graph)
    grouped = [
        (node.input[1], entry)
        for node in whole.graph.node
        for entry in node.attribute
        if node.op_type == 'Conv' and entry.name == 'group' and 1 < entry.i <= _FEW_GROUPS
    ]
    counts = {name: entry.i for name, entry in grouped}
    for tensor in whole.graph.initializer:
        if tensor.name in counts:
            blocks = np.split(numpy_helper.to_array(tensor), counts[tensor.name])
            tensor.CopyFrom(numpy_helper.from_array(_on_the_diagonal(blocks), tensor.name))
    for _, entry in grouped:
        entry.i = 1
    for note in [note for note in whole.graph.value_info if note.name in counts]:
        whole.graph.value_info.remove(note)  # the shape that they had
    return whole


def pools_in_float(graph: ModelProto) -> ModelProto:
    """A copy with a maximum that changes nothing behind each max pooling.

    ONNX Runtime moves the quantisation in front of a pooling that it follows, though not of a maximum.
    In eight bits the pooling of a ResNet's stem takes 1.67 ms, in float 0.04 ms.
    """
    from onnx import helper, numpy_helper

    held, nodes = deepcopy(graph), []
    for node in held.graph.node:
        nodes.append(node)
        if node.op_type == 'MaxPool':
            pooled, least = f'{node.output[0]}/pooled', f'{node.output[0]}/least'
            nodes.append(helper.make_node('Max', [pooled, least], [node.output[0]], name=pooled))
            lowest = np.array(np.finfo(np.float32).min, np.float32)
            held.graph.initializer.append(numpy_helper.from_array(lowest, least))
            node.output[0] = pooled
    nodes = list(map(deepcopy, nodes))
    del held.graph.node[:]
    held.graph.node.extend(nodes)
    return held


def _on_the_diagonal(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """G of (O, I, rows, columns) to (G * O, G * I, rows, columns), zeros elsewhere."""
    rows, columns, *kernel = blocks[0].shape
    whole = np.zeros((len(blocks), rows, len(blocks), columns, *kernel), blocks[0].dtype)
    whole[np.arange(len(blocks)), :, np.arange(len(blocks))] = blocks
    return whole.reshape(len(blocks) * rows, len(blocks) * columns, *kernel)


def float_nodes(graph: ModelProto) -> list[str]:
    """Names of the nodes that stay in float although others of their kind do not.

    - Products of two activations (attention): in eight bits slower (by 11 % in SDPose-T) and less exact.
    - Products with few weights: the layer that reads coordinates, channel gates. They take no time, and
      coordinates read in eight bits were off by 0.55 pixels of 96x128 instead of 0.21.
    - The first convolution: on three channels eight bits are slower (by 5 %), and it sees the picture.
    - What passes on other things than feature maps, in the encoder.
    """
    import onnx

    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in onnx.shape_inference.infer_shapes(graph).graph.value_info
    }
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    image = graph.graph.input[0].name

    def stays(node: NodeProto) -> bool:
        if node.op_type in _PRODUCTS:
            shape = weights.get(node.input[1])
            return shape is None or min(shape) <= _FEW
        is_map = ranks.get(node.output[0]) == 4
        if node.op_type == 'Conv':
            return node.input[0] == image or not is_map
        return node.op_type in _BETWEEN_CONVOLUTIONS and not is_map

    return [node.name for node in graph.graph.node if stays(node)]


def to_half(graph: ModelProto) -> ModelProto:
    """Weights and arithmetic in half precision, input and outputs in float32: half the file.

    Made for accelerators. On a CPU, ONNX Runtime computes most of it in float32 anyway.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with _quiet():
        half = OnnxModel(convert_float_to_float16(deepcopy(graph), keep_io_types=True))
        half.topological_sort()  # it adds its casts at the end
    return half.model


def store_half(graph: ModelProto) -> ModelProto:
    """Weights stored in half precision, arithmetic in float32: half the file.

    ONNX Runtime turns the weights into float32 when it loads the file, so that a run takes as long as
    with the whole file; on a CPU, :func:`to_half` takes longer.
    """
    import onnx
    from onnx import numpy_helper

    half = deepcopy(graph)
    casts, initializers = [], half.graph.initializer
    for tensor in initializers:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _FEW or np.abs(values).max() > _MOST_HALF:
            continue
        name = tensor.name
        stored = f'{name}_half'
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node('Cast', [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half


def _batches(graph: ModelProto, images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """The images in batches that the graph takes, the last one filled up with the first images."""
    entry = graph.graph.input[0]
    size = entry.type.tensor_type.shape.dim[0].dim_value or 1
    for start in range(0, len(images), size):
        rows = np.arange(start, start + size) % len(images)
        yield {entry.name: images[rows]}


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser warns through the root logger of what is done on purpose here."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
