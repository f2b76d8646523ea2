"""A float32 graph in eight bits, in half precision, or with weights stored so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from .layout import laid_out, sizes_of_values

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

#: Operators that pass feature maps on in eight bits between two convolutions, so that no value is
#: converted back and forth. Elsewhere (in the encoder) the same operators stay in float.
_BETWEEN_CONVOLUTIONS = ('Add', 'Mul', 'Relu', 'Resize', 'GlobalAveragePool')
_PRODUCTS = ('MatMul', 'Gemm')
#: Rows or columns of a matrix of weights that is too small to gain anything.
_FEW = 16
#: What half precision can hold.
_MOST_HALF = float(np.finfo(np.float16).max)


def to_int8(graph: ModelProto, images: np.ndarray) -> ModelProto:
    """Static quantisation: convolutions and matrix products with weights in eight bits.

    Weights are signed, one scale for each channel; activations are unsigned, one scale each, from the
    mean of the ranges seen in the images. Unsigned times signed is what ONNX Runtime multiplies fastest
    on x86, and with VNNI or AMX no sum saturates (signed activations: slower than float32; old
    processors with AVX2 alone would need ``reduce_range``, which costs a bit of every weight). Softmax,
    norms, GELU and the residual stream of the encoder stay in float, and so do the nodes of
    :func:`float_nodes`.

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

    graph = laid_out(graph)
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
            extra_options=dict(
                # What reads them (norms, GELU, sums) is in float.
                OpTypesToExcludeOutputQuantization=list(_PRODUCTS),
                # The mean of the images' ranges: where a white photo ends in black, a few values are far
                # larger than in any other image.
                CalibMovingAverage=True,
            ),
        )
        return onnx.load(target)


def float_nodes(graph: ModelProto) -> list[str]:
    """Names of the nodes that stay in float although others of their kind do not.

    - Products of two activations (attention): in eight bits slower (by 11 % in SDPose-T) and less exact.
    - Products with few weights: the layer that reads coordinates, channel gates. They take no time, and
      coordinates read in eight bits were off by 0.55 pixels of 96x128 instead of 0.21.
    - The first convolution: on three channels eight bits are slower (by 5 %), and it sees the picture.
    - What passes on other things than feature maps, in the encoder.
    """
    sizes = sizes_of_values(graph)
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    image = graph.graph.input[0].name

    def stays(node: NodeProto) -> bool:
        if node.op_type in _PRODUCTS:
            shape = weights.get(node.input[1])
            return shape is None or min(shape) <= _FEW
        is_map = len(sizes.get(node.output[0], ())) == 4
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
    """Each image by itself, as often as a batch of the graph has room for: ranges are each image's."""
    entry = graph.graph.input[0]
    size = entry.type.tensor_type.shape.dim[0].dim_value or 1
    for image in images:
        yield {entry.name: np.repeat(image[None], size, axis=0)}


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser warns through the root logger of what is done on purpose here."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
