"""Graphs written as ONNX Runtime's kernels in eight bits are fast, with the same result.

Times are of LADPose-N's and SDPose-N's maps at 256x192, on two threads of an x86 processor with VNNI.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

#: So few groups of a convolution are no help in eight bits, see :func:`without_few_groups`.
_FEW_GROUPS = 4
_LEAST = float(np.finfo(np.float32).min)
_LAST, _FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def laid_out(graph: ModelProto) -> ModelProto:
    """A copy with all that this module knows."""
    return averages_as_pooling(channels_last_from_float(without_few_groups(graph)))


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


def channels_last_from_float(graph: ModelProto) -> ModelProto:
    """A copy in which the maps that go from float into eight bits are laid out channels last before.

    These are the results of the first convolution, where a ReLU follows, and of each max pooling. ONNX
    Runtime moves the quantisation in front of a pooling (in eight bits a ResNet's stem is pooled in
    1.67 ms, in float in 0.04 ms), and a change of layout behind the quantisation (0.12 ms instead of
    less than 0.04). It moves neither past a maximum of three dimensions: with zero, which is the ReLU,
    or with the least number, which changes nothing.
    """
    changed = deepcopy(graph)
    readers, shapes = _readers(changed), _map_shapes(changed)
    image = changed.graph.input[0].name
    nodes: list[NodeProto] = []
    first = ''
    for node in changed.graph.node:
        nodes.append(node)
        (result, *_) = node.output
        if node.op_type == 'Conv' and node.input[0] == image:
            first = result
        rectified = node.op_type == 'Relu' and node.input[0] == first
        pooled = rectified and [reader.op_type for reader in readers[result]] == ['MaxPool']
        if result not in shapes or pooled:
            continue
        if rectified and len(readers[first]) == 1:
            nodes[-1:] = _laid_last(changed, first, result, shapes[result], least=0.0)
        elif node.op_type == 'MaxPool':
            node.output[0] = f'{result}/first'
            nodes += _laid_last(changed, node.output[0], result, shapes[result], least=_LEAST)
    return _with_nodes(changed, nodes)


def averages_as_pooling(graph: ModelProto) -> ModelProto:
    """A copy in which the averages that channel gates read are a pooling, which there is in eight bits.

    Else each of LADPose-N's maps is taken back to float, channels first, for its average alone (0.09 ms
    in all). An average that is the only reader of its map leads to a result and stays in float.
    """
    from onnx import helper

    changed = deepcopy(graph)
    readers, shapes = _readers(changed), _map_shapes(changed)
    constants = _constants(changed)
    nodes: list[NodeProto] = []
    for node in changed.graph.node:
        nodes.append(node)
        over_map = (
            node.op_type == 'ReduceMean'
            and node.input[0] in shapes
            and len(node.input) > 1
            and sorted(constants.get(node.input[1], [])) == [2, 3]
        )
        if not over_map or len(readers[node.input[0]]) < 2:
            continue
        (result,) = node.output
        keeps = all(entry.i for entry in node.attribute if entry.name == 'keepdims')
        means = result if keeps else f'{result}/means'
        nodes[-1:] = [helper.make_node('GlobalAveragePool', node.input[:1], [means], node.name)]
        if not keeps:
            nodes.append(helper.make_node('Flatten', [means], [result], f'{node.name}/flat'))
    return _with_nodes(changed, nodes)


def _laid_last(
    graph: ModelProto, source: str, result: str, shape: Sequence[int], least: float
) -> list[NodeProto]:
    """Nodes of ``max(source, least)``, computed channels last; adds what they read to the graph."""
    from onnx import helper, numpy_helper

    channels, height, width = shape
    constants = dict(
        least=np.array(least, np.float32),
        flat=np.array([0, height * width, channels]),
        whole=np.array([0, height, width, channels]),
    )
    for name, values in constants.items():
        graph.graph.initializer.append(numpy_helper.from_array(values, f'{result}/{name}'))
    last, rows, kept, whole = (f'{result}/{step}' for step in ('last', 'rows', 'kept', 'map'))
    return [
        helper.make_node('Transpose', [source], [last], last, perm=_LAST),
        helper.make_node('Reshape', [last, f'{result}/flat'], [rows], rows),
        helper.make_node('Max', [rows, f'{result}/least'], [kept], kept),
        helper.make_node('Reshape', [kept, f'{result}/whole'], [whole], whole),
        helper.make_node('Transpose', [whole], [result], result, perm=_FIRST),
    ]


def _readers(graph: ModelProto) -> dict[str, list[NodeProto]]:
    """The nodes that read each value."""
    found = defaultdict(list)
    for node in graph.graph.node:
        for name in node.input:
            found[name].append(node)
    return found


def _map_shapes(graph: ModelProto) -> dict[str, tuple[int, int, int]]:
    """Channels, height and width of each value that is a map of known size."""
    sizes = sizes_of_values(graph)
    return {name: size[1:] for name, size in sizes.items() if len(size) == 4 and all(size[1:])}


def sizes_of_values(graph: ModelProto) -> dict[str, tuple[int, ...]]:
    """The shape of each value inside a graph; 0 for a size that is free."""
    import onnx

    return {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
        for value in onnx.shape_inference.infer_shapes(graph).graph.value_info
    }


def _constants(graph: ModelProto) -> dict[str, list[int]]:
    """The whole numbers of the graph's short constants."""
    from onnx import TensorProto, numpy_helper

    return {
        tensor.name: numpy_helper.to_array(tensor).ravel().tolist()
        for tensor in graph.graph.initializer
        if tensor.data_type == TensorProto.INT64
    }


def _with_nodes(graph: ModelProto, nodes: Sequence[NodeProto]) -> ModelProto:
    copies = list(map(deepcopy, nodes))
    del graph.graph.node[:]
    graph.graph.node.extend(copies)
    return graph


def _on_the_diagonal(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """G of (O, I, rows, columns) to (G * O, G * I, rows, columns), zeros elsewhere."""
    rows, columns, *kernel = blocks[0].shape
    whole = np.zeros((len(blocks), rows, len(blocks), columns, *kernel), blocks[0].dtype)
    whole[np.arange(len(blocks)), :, np.arange(len(blocks))] = blocks
    return whole.reshape(len(blocks) * rows, len(blocks) * columns, *kernel)
