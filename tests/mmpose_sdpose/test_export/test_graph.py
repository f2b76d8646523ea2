"""Graphs in ONNX Runtime compute what PyTorch does, for every family."""

from __future__ import annotations

from mmpose_sdpose.export.decoding import decoding_of
from mmpose_sdpose.export.graph import ExportNotPossible, OnnxSession, check_opset, join, trace
from mmpose_sdpose.export.network import Mirror, Network
from mmpose_sdpose.export.verify import largest_difference, make_up_raw, raw_outputs
from mmpose_sdpose.models.heads import innermost

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from .families import FAMILIES, FLIP_INDICES, HRNET, family, images

pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')
pytest.importorskip('onnxruntime', reason='the export needs onnx, onnxscript and onnxruntime')


#: Whose network is not that of another family.
NETWORKS = [*FAMILIES, 'heatmaps', 'rtmpose', 'simcc, deconvolutions', 'rle']
#: One of each way to decode.
DECODINGS = [
    'heatmaps',
    'biased heatmaps',
    'udp heatmaps',
    'simcc',
    'regression',
    'rle',
    'distilpose',
]


class SideBySide(nn.Module):
    """Several networks on one image: tracing them one by one takes much longer."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(Network(family(name)).eval() for name in names)

    def forward(self, image: Tensor) -> list[Tensor]:
        return [output for network in self.networks for output in network(image)]


def test_graphs_of_different_families_compute_what_pytorch_does():
    together = SideBySide([name for name in NETWORKS if name != HRNET])
    batch = images(5, together.networks[0].model)
    with torch.no_grad():
        expected = together(batch)
    outputs = [f'output_{number}' for number in range(len(expected))]
    graph = trace(together, (batch[:1],), ('image',), outputs)
    found = OnnxSession(graph)(image=batch.numpy())
    for name, value in zip(outputs, expected):
        assert largest_difference(found[name], value) < 5e-5
    assert_all_folded(graph)


class Decodings(nn.Module):
    """Several with a flip test, each of its own raw outputs."""

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            decoding_of(innermost(model.head), {}, FLIP_INDICES) for model in models
        )

    def forward(self, raw: list[list[Tensor]]) -> list[Tensor]:
        return [output for part, values in zip(self.parts, raw) for output in part(*values)]


def test_graphs_decode_as_pytorch_does():
    """And PyTorch decodes as MMPose: test_decoding.py."""
    models, numbers = [family(name) for name in DECODINGS], np.random.default_rng(0)
    raw = [make_up_raw(model, raw_outputs(model, images(1, model)), 8, numbers) for model in models]
    together = Decodings(models)
    expected = together(raw)
    values = [part for parts in raw for part in parts]
    names = [f'raw_{number}' for number in range(len(values))]
    outputs = [f'output_{number}' for number in range(len(expected))]
    graph = trace(together, (raw,), names, outputs)
    found = OnnxSession(graph)(**{name: value.numpy() for name, value in zip(names, values)})
    for name, value in zip(outputs, expected):
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_the_graph_of_hrnet_computes_what_pytorch_does():
    network = Network(family(HRNET)).eval()
    batch = images(3, network.model)
    graph = trace(network, (batch[:1],), ('image',), ('heatmaps',))
    found = OnnxSession(graph)(image=batch.numpy())['heatmaps']
    assert largest_difference(found, *raw_outputs(network.model, batch)) < 5e-5
    assert_all_folded(graph)


def assert_all_folded(graph) -> None:
    operators = {node.op_type for node in graph.graph.node}
    assert not operators & {'BatchNormalization', 'Loop', 'Shape', 'Constant', 'Expand'}


class Half(nn.Module):
    """(2 * B, 4) -> (B, 4), as decoding with a flip test."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, (2, -1)).sum(0)


def test_graphs_joined_take_any_batch_where_one_doubles_it():
    layers, doubled = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.rand(4, 4)
    parts = dict(
        double=trace(Mirror(), (torch.rand(2, 4),), ['rows'], ['both'], batch='batch'),
        layers=trace(layers, (doubled,), ['rows'], ['made'], batch='images'),
        halve=trace(Half(), (doubled,), ['rows'], ['sums'], batch='images'),
    )
    graph = join(parts)
    sizes = [
        value.type.tensor_type.shape.dim[0].dim_param
        for value in (*graph.graph.input, *graph.graph.output)
    ]
    assert sizes == ['batch', 'batch']
    session = OnnxSession(graph)
    assert session.names == ['sums'] and session.batch is None
    for count in (1, 5):
        rows = torch.rand(count, 4)
        with torch.no_grad():
            expected = layers(rows) + layers(rows.flip(-1))
        np.testing.assert_allclose(session(rows=rows.numpy())['sums'], expected, atol=1e-6)


def test_a_fixed_batch_serves_any_number():
    graph = trace(nn.Linear(3, 2), (torch.rand(4, 3),), ('rows',), ('sums',))
    session = OnnxSession(graph)
    assert session.batch == 4
    rows = np.random.default_rng(0).random((6, 3), np.float32)
    found = session(rows=rows)['sums']
    assert found.shape == (6, 2)
    alone = np.concatenate([session(rows=row[None])['sums'] for row in rows])
    np.testing.assert_allclose(found, alone, rtol=1e-6)


def test_nothing_of_the_machine_is_in_a_graph():
    graph = trace(nn.Linear(3, 2), (torch.zeros(1, 3),), ('x',), ('y',))
    assert b'.py' not in graph.SerializeToString()


def test_a_graph_that_onnx_runtime_cannot_load():
    from onnx import ModelProto

    with pytest.raises(ExportNotPossible, match='the graph cannot be run as an ONNX model by ONNX'):
        OnnxSession(ModelProto())
    with pytest.raises(FileNotFoundError, match='no model at nothing.onnx'):
        OnnxSession('nothing.onnx')


class NotToBeTraced(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows * 2 if rows.sum() > 0 else rows


def test_what_pytorch_cannot_export_is_said_in_a_sentence():
    with pytest.raises(
        ExportNotPossible, match='PyTorch could not export the model: [A-Z][^\x1b]+$'
    ):
        trace(NotToBeTraced(), (torch.zeros(1, 3),), ('x',), ('y',))


@pytest.mark.parametrize('opset', [11, 17, 99])
def test_opsets_that_there_are_not(opset):
    with pytest.raises(
        ExportNotPossible, match=f'opset {opset} is not supported: choose one of 18'
    ):
        check_opset(opset)


class Constant(nn.Module):
    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        return value + 1, torch.ones_like(value[..., 0])


def test_an_output_that_is_always_the_same_keeps_its_name():
    """As the scores of ``RegressionHead``, whose file the runtime could not use otherwise."""
    value = torch.rand(1, 17, 2)
    parts = dict(
        network=trace(nn.Identity(), (value,), ('image',), ('raw',)),
        decoding=trace(Constant(), (value,), ('raw',), ('keypoints', 'scores')),
    )
    found = OnnxSession(join(parts))(image=value.numpy())
    np.testing.assert_array_equal(found['keypoints'], value.numpy() + 1)
    np.testing.assert_array_equal(found['scores'], np.ones((1, 17), np.float32))
