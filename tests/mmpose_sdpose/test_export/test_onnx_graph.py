"""Graphs in ONNX Runtime compute what PyTorch does, for every family."""

from __future__ import annotations

from mmpose_sdpose.export.decoding_graph import CoordinateDecoding
from mmpose_sdpose.export.network import Network
from mmpose_sdpose.export.onnx_graph import check_opset, join, trace
from mmpose_sdpose.export.packages import ExportNotPossible
from mmpose_sdpose.export.session import OnnxSession
from mmpose_sdpose.export.verify import (
    check_decoding,
    check_network,
    largest_difference,
    pixels,
    raw_outputs,
)

import numpy as np
import pytest
import torch

from .families import FAMILIES, HRNET, family, images

pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')
pytest.importorskip('onnxruntime', reason='the export needs onnx, onnxscript and onnxruntime')


def traced(network: Network, batch: int, dynamic: bool = False):
    example = images(batch, network.model)
    return trace(network, (example,), ('image',), network.output_names, 18, dynamic)


class SideBySide(torch.nn.Module):
    """Several networks on one image: tracing them one by one takes much longer."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(Network(family(name)).eval() for name in names)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [output for network in self.networks for output in network(image)]


def test_graphs_of_different_families_compute_what_pytorch_does():
    """The other families are in the tests below and in those of the tool."""
    names = set(FAMILIES) - {HRNET, 'sdpose, stem', 'distilpose'}
    together = SideBySide(sorted(names))
    batch = images(5, together.networks[0].model)
    with torch.no_grad():
        expected = together(batch)
    outputs = [f'output_{number}' for number in range(len(expected))]
    graph = trace(together, (batch[:1],), ('image',), outputs, 18, dynamic=False)
    found = OnnxSession(graph)(image=batch.numpy())
    for name, value in zip(outputs, expected):
        np.testing.assert_allclose(found[name], value.numpy(), rtol=0, atol=5e-5)
    assert_all_folded(graph)


@pytest.mark.slow
def test_the_graph_of_hrnet_computes_what_pytorch_does():
    network = Network(family(HRNET)).eval()
    graph = traced(network, batch=1)
    batch = images(3, network.model)
    found = OnnxSession(graph)(image=batch.numpy())
    assert largest_difference(raw_outputs(network, batch), found) < 5e-5
    assert_all_folded(graph)


def assert_all_folded(graph) -> None:
    operators = {node.op_type for node in graph.graph.node}
    assert not operators & {'BatchNormalization', 'Loop', 'Shape', 'Constant', 'Expand'}


def test_any_batch_passes_network_and_decoding_joined():
    network = Network(family('distilpose')).eval()
    codec = network.model.head.decoder
    graph = traced(network, batch=2, dynamic=True)
    raw, names = (torch.rand(2, 17, 2), torch.rand(2, 17)), ('raw_keypoints', 'raw_scores')
    behind = trace(
        CoordinateDecoding(codec.input_size), raw, names, ('keypoints', 'scores'), 18, dynamic=True
    )
    assert check_decoding(behind, network) < 1e-5
    session = OnnxSession(join(dict(network=graph, decoding=behind)))
    assert session.names == ['keypoints', 'scores'] and session.batch is None
    for count in (1, 5):
        batch = images(count, network.model)
        expected = raw_outputs(network, batch)
        found = session(image=batch.numpy())
        keypoints = pixels(codec, expected, network.output)
        np.testing.assert_allclose(found['keypoints'], keypoints, rtol=0, atol=1e-3)
        np.testing.assert_allclose(found['scores'], expected['scores'], rtol=0, atol=1e-4)


def test_a_fixed_batch_serves_any_number():
    example = (torch.rand(4, 17, 2), torch.rand(4, 17))
    graph = trace(
        CoordinateDecoding((24, 32)),
        example,
        ('places', 'given'),
        ('keypoints', 'scores'),
        18,
        False,
    )
    session = OnnxSession(graph)
    assert session.batch == 4
    places, given = np.random.default_rng(0).random((6, 17, 2), np.float32), np.ones((6, 17), 'f4')
    found = session(places=places, given=given)
    np.testing.assert_allclose(found['keypoints'], places * np.float32([24, 32]), rtol=1e-6)
    np.testing.assert_array_equal(found['scores'], given)


def test_nothing_of_the_machine_is_in_a_graph():
    linear = torch.nn.Linear(3, 2)
    graph = trace(linear, (torch.zeros(1, 3),), ('x',), ('y',), 18, dynamic=False)
    assert b'.py' not in graph.SerializeToString()


def test_a_graph_that_onnx_runtime_cannot_load():
    from onnx import ModelProto

    with pytest.raises(ExportNotPossible, match='the graph cannot be run as an ONNX model by ONNX'):
        OnnxSession(ModelProto())
    with pytest.raises(FileNotFoundError, match='no model at nothing.onnx'):
        OnnxSession('nothing.onnx')


@pytest.mark.parametrize('difference', [1.1e-4, np.inf, np.nan])
def test_a_graph_that_differs_is_refused(difference):
    check_network(9e-5)
    with pytest.raises(ExportNotPossible, match='more than 0.0001, so no file was written'):
        check_network(difference)


def test_what_is_no_number_differs():
    one, two = dict(heatmaps=np.zeros(3)), dict(heatmaps=np.array([0, np.nan, 0]))
    assert largest_difference(one, two) == np.inf


@pytest.mark.parametrize('opset', [11, 17, 99])
def test_opsets_that_there_are_not(opset):
    with pytest.raises(
        ExportNotPossible, match=f'opset {opset} is not supported: choose one of 18'
    ):
        check_opset(opset)
