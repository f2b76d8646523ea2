"""Graphs laid out for eight bits compute the same, and ONNX Runtime makes of them what they are for."""

from __future__ import annotations

from mmpose_sdpose.export.graph import OnnxSession, trace
from mmpose_sdpose.export.layout import (
    averages_as_pooling,
    channels_last_from_float,
    laid_out,
    without_few_groups,
)
from mmpose_sdpose.export.quantise import to_int8
from mmpose_sdpose.models.layers.channel_gates import SqueezeExcitation

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')
onnxruntime = pytest.importorskip(
    'onnxruntime', reason='the export needs onnx, onnxscript and onnxruntime'
)
onnx = pytest.importorskip('onnx', reason='the export needs onnx, onnxscript and onnxruntime')

CONVOLUTIONS = [nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 1)]
STEMS = {
    'ReLU': [nn.Conv2d(3, 8, 3), nn.ReLU(), *CONVOLUTIONS],
    'ReLU and pooling': [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), *CONVOLUTIONS],
    'pooling': [nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), *CONVOLUTIONS],
    'SiLU': [nn.Conv2d(3, 8, 3), nn.SiLU(), *CONVOLUTIONS],
    'gate': [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 32, 1), SqueezeExcitation(32), nn.ReLU()],
    'mean': [nn.Conv2d(3, 8, 3), nn.ReLU(), *CONVOLUTIONS, nn.AdaptiveAvgPool2d(1), nn.Flatten()],
}


class ReadTwice(nn.Module):
    """What the first convolution gives is read with its ReLU and without."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)
        return self.second(x.relu()) + x


def layers_of(stem: str) -> nn.Module:
    return ReadTwice() if stem == 'read twice' else nn.Sequential(*STEMS[stem])


def image_and_graph(stem: str, batch: str | None = None):
    image = torch.rand(8, 3, 12, 10)
    example = image if batch else image[:1]
    return image.numpy(), trace(layers_of(stem), (example,), ('image',), ('y',), batch=batch)


def kinds(graph) -> list[str]:
    return [node.op_type for node in graph.graph.node]


def optimised(graph, folder) -> list:
    """The nodes that ONNX Runtime makes of a graph, on any machine."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / 'optimised.onnx')
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=['CPUExecutionProvider']
    )
    return list(onnx.load(folder / 'optimised.onnx').graph.node)


@pytest.mark.parametrize('batch', [None, 'batch'])
@pytest.mark.parametrize('stem', [*STEMS, 'read twice'])
def test_a_graph_laid_out_computes_the_same_and_the_given_one_stays(stem, batch):
    image, graph = image_and_graph(stem, batch)
    before = graph.SerializeToString()
    changed = laid_out(graph)
    assert graph.SerializeToString() == before
    onnx.checker.check_model(changed, full_check=True)
    expected, found = (OnnxSession(one)(image=image)['y'] for one in (graph, changed))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    'stem, relus, maxima',
    [
        ('ReLU', 0, 1),
        ('ReLU and pooling', 1, 1),
        ('pooling', 0, 1),
        ('SiLU', 0, 0),
        ('read twice', 1, 0),
    ],
)
def test_what_float_hands_over_is_laid_out_once(stem, relus, maxima):
    _, graph = image_and_graph(stem)
    changed = channels_last_from_float(graph)
    assert kinds(changed).count('Relu') == relus
    assert kinds(changed).count('Max') == maxima
    assert kinds(changed).count('Transpose') == 2 * maxima


@pytest.mark.parametrize('stem', ['pooling', 'ReLU and pooling'])
def test_max_pooling_stays_in_float(stem, tmp_path):
    """In what ONNX Runtime makes of the graph, too."""
    image, graph = image_and_graph(stem)
    nodes = optimised(to_int8(graph, image), tmp_path)
    made_by = {output: node.op_type for node in nodes for output in node.output}
    (pool,) = (node for node in nodes if node.op_type == 'MaxPool')
    assert made_by[pool.input[0]] in ('Conv', 'FusedConv')  # a QLinearConv would give eight bits
    assert 'QLinearConv' in made_by.values()


@pytest.mark.parametrize('stem', ['ReLU', 'pooling', 'ReLU and pooling'])
def test_the_layout_changes_before_the_map_has_eight_bits(stem, tmp_path):
    """In what ONNX Runtime makes of the graph, too, where the change costs least."""
    image, graph = image_and_graph(stem)
    nodes = optimised(to_int8(graph, image), tmp_path)
    order = [
        node.op_type for node in nodes if node.op_type in ('Transpose', 'Max', 'QuantizeLinear')
    ]
    assert order[:3] == ['Transpose', 'Max', 'QuantizeLinear']


def test_the_averages_of_gates_are_a_pooling_in_eight_bits(tmp_path):
    image, graph = image_and_graph('gate')
    assert kinds(averages_as_pooling(graph)).count('GlobalAveragePool') == 1
    found = [node.op_type for node in optimised(to_int8(graph, image), tmp_path)]
    assert 'QLinearGlobalAveragePool' in found and 'ReduceMean' not in found


def test_an_average_that_leads_to_a_result_stays_in_float():
    _, graph = image_and_graph('mean')
    assert 'ReduceMean' in kinds(graph)
    assert averages_as_pooling(graph) == graph


@pytest.mark.parametrize('groups, left', [(1, 1), (2, 1), (4, 1), (8, 8), (16, 16)])
def test_few_groups_become_one_that_computes_the_same(groups, left):
    layers = nn.Sequential(nn.Conv2d(3, 16, 1), nn.Conv2d(16, 32, 3, stride=2, groups=groups))
    image = torch.rand(2, 3, 9, 8)
    graph = trace(layers, (image,), ('image',), ('y',))
    before = graph.SerializeToString()
    whole = without_few_groups(graph)
    assert graph.SerializeToString() == before
    onnx.checker.check_model(whole, full_check=True)
    _, conv = (node for node in whole.graph.node if node.op_type == 'Conv')
    assert {entry.name: entry.i for entry in conv.attribute}['group'] == left
    expected, found = (OnnxSession(one)(image=image.numpy())['y'] for one in (graph, whole))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
