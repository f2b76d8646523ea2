"""What becomes eight bits, what stays in float, and that both compute nearly the same."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy

from mmpose_sdpose.export.graph import OnnxSession, trace
from mmpose_sdpose.export.network import Network
from mmpose_sdpose.export.quantise import float_nodes, store_half, to_half, to_int8

import numpy as np
import pytest
import torch

from .families import family, images

pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')
pytest.importorskip('onnxruntime', reason='the export needs onnx, onnxscript and onnxruntime')
onnx = pytest.importorskip('onnx', reason='the export needs onnx, onnxscript and onnxruntime')


@pytest.fixture(scope='module')
def network() -> Network:
    return Network(family('sdpose, stem'), for_int8=True).eval()


@pytest.fixture(scope='module')
def graph(network):
    example = images(1, network.model)
    return trace(network, (example,), ('image',), ('heatmaps',))


@pytest.fixture(scope='module')
def inputs(network) -> np.ndarray:
    return images(9, network.model).numpy()


def test_attention_the_first_convolution_and_the_encoder_between_products_stay_in_float(graph):
    kinds = Counter(
        node.op_type for node in graph.graph.node if node.name in set(float_nodes(graph))
    )
    # Two layers, two products of attention each; GELU, residual and positions of the encoder.
    assert kinds == Counter(MatMul=4, Conv=1, Add=8, Mul=4)


def test_products_with_few_weights_stay_in_float():
    """As the layer that reads coordinates, and channel gates."""
    layers = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.Linear(32, 5))
    graph = trace(layers, (torch.zeros(1, 32),), ('x',), ('y',))
    wide, narrow = graph.graph.node
    assert (wide.op_type, narrow.op_type) == ('Gemm', 'Gemm')
    assert float_nodes(graph) == [narrow.name]


def test_eight_bits_are_where_they_should_be_and_compute_the_same(graph, inputs):
    before = graph.SerializeToString()
    quantised = to_int8(graph, inputs)
    assert graph.SerializeToString() == before
    weights = {tensor.name: tensor for tensor in quantised.graph.initializer}
    made_by = {output: node for node in quantised.graph.node for output in node.output}
    eight = Counter()
    for node in quantised.graph.node:
        if node.op_type in ('Conv', 'MatMul', 'Gemm'):
            source = made_by.get(node.input[1])
            is_eight = source is not None and source.op_type == 'DequantizeLinear'
            eight[node.op_type, is_eight] += 1
            if is_eight:
                scales = weights[source.input[1]]
                assert len(scales.dims) == 1 and scales.dims[0] > 1  # one for each channel
    assert eight['Conv', False] == 1 and eight['MatMul', False] == 4
    assert eight['Gemm', False] == 0 and eight['Gemm', True] == 7
    expected, found = (OnnxSession(one)(image=inputs)['heatmaps'] for one in (graph, quantised))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.98
    assert abs(expected - found).max() > 0  # it is another arithmetic


def test_channel_attention_in_stages_computes_the_same_in_eight_bits():
    """Grouped convolutions become eight bits, the few weights of the gates do not."""
    network = Network(family('ladpose, stages'), for_int8=True).eval()
    seen = images(9, network.model)
    graph = trace(network, (seen[:1],), ('image',), ('coordinates', 'scores'))
    quantised = to_int8(graph, seen.numpy())
    made_by = {output: node.op_type for node in quantised.graph.node for output in node.output}
    eight = [
        (node.op_type, made_by.get(node.input[1]) == 'DequantizeLinear')
        for node in quantised.graph.node
        if node.op_type == 'Conv'
    ]
    assert eight.count(('Conv', True)) == len(eight) - 1  # all but the first
    expected, found = (
        OnnxSession(one)(image=seen.numpy())['coordinates'] for one in (graph, quantised)
    )
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.98


@pytest.mark.parametrize('batch', [1, 8])
def test_one_image_with_extreme_values_does_not_make_the_others_coarse(batch):
    """As a white photo does that ends in black, in LADPose-N's backbone."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.Conv2d(16, 16, 3), torch.nn.ReLU()
    )
    seen = torch.rand(20, 3, 24, 24)
    seen[7, :, :3] = 100
    graph = trace(layers, (seen[:batch],), ('image',), ('features',))
    usual = np.repeat(seen[:1].numpy(), batch, axis=0)
    expected = OnnxSession(graph)(image=usual)['features']
    found = OnnxSession(to_int8(graph, seen.numpy()))(image=usual)['features']
    assert abs(found - expected).max() < 0.1 * expected.max()  # by its range alone 0.8
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


def test_half_precision_computes_nearly_the_same_from_half_the_bytes(graph, inputs):
    half = to_half(graph)
    assert len(half.SerializeToString()) < 0.6 * len(graph.SerializeToString())
    expected, found = (OnnxSession(one)(image=inputs)['heatmaps'] for one in (graph, half))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.01 * abs(expected).max())


def test_weights_stored_in_half_precision_are_computed_with_in_float32(graph, inputs):
    before = graph.SerializeToString()
    stored = store_half(graph)
    assert graph.SerializeToString() == before
    assert len(stored.SerializeToString()) < 0.6 * len(before)
    onnx.checker.check_model(stored)
    rounded = deepcopy(graph)
    for tensor in rounded.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 16:
            values = values.astype(np.float16).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    expected, found = (OnnxSession(one)(image=inputs)['heatmaps'] for one in (rounded, stored))
    np.testing.assert_array_equal(found, expected)


def test_weights_that_half_precision_cannot_hold_stay_as_they_are(graph):
    large = max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = onnx.numpy_helper.to_array(large).copy()
    values.flat[0] = 1e6
    changed = deepcopy(graph)
    for tensor in changed.graph.initializer:
        if tensor.name == large.name:
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, large.name))
    kept = {tensor.name: tensor for tensor in store_half(changed).graph.initializer}
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(kept[large.name]), values)
