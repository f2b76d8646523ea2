"""Small ONNX files for the runtime's tests, made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip('onnx', reason='onnx is not installed: pip install onnx')
pytest.importorskip('onnxruntime', reason='onnxruntime is not installed: pip install onnxruntime')

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

NAMES = ['nose', 'left_hand', 'right_hand', 'left_foot', 'right_foot']
ENTRY = dict(
    format=1,
    package_version='1.0',
    config='small',
    input_size=[24, 32],
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    padding=1.25,
    output='heatmaps',
    codec=dict(
        type='MSRAHeatmap', sigma=1, heatmap_size=[12, 16], unbiased=True, blur_kernel_size=5
    ),
    keypoint_names=NAMES,
    flip_pairs=[[1, 2], [3, 4]],
    skeleton=[[0, 1], [0, 2], [0, 3], [0, 4]],
    precision='fp32',
    dataset='small',
    sigmas=[0.05] * len(NAMES),
)


def save(
    path: Path,
    nodes: list,
    weights: dict[str, np.ndarray],
    input_shape: list[int | str],
    outputs: dict[str, list[int | str]],
    entry: dict[str, Any] | None = None,
) -> Path:
    """Write a graph with one input ``image``, and metadata if there is any."""
    graph = helper.make_graph(
        nodes,
        'small',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, input_shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    if entry is not None:
        helper.set_model_props(model, {'mmpose_sdpose': json.dumps(entry)})
    onnx.save(model, path)
    return path


def heatmap_file(
    path: Path, batch: int | str = 'B', weight: np.ndarray | None = None, **entry: Any
) -> Path:
    """One convolution, a heatmap cell for every 2x2 pixels; random weights unless given."""
    keypoints = len(entry.get('keypoint_names', NAMES))
    if weight is None:
        weight = np.random.default_rng(0).normal(size=(keypoints, 3, 2, 2)).astype(np.float32)
    nodes = [helper.make_node('Conv', ['image', 'weight'], ['heatmaps'], strides=[2, 2])]
    width, height = entry.get('input_size', ENTRY['input_size'])
    return save(
        path,
        nodes,
        dict(weight=weight),
        [batch, 3, height, width],
        dict(heatmaps=[batch, keypoints, height // 2, width // 2]),
        {**ENTRY, **entry},
    )


def keypoint_file(path: Path, output: str, batch: int | str = 'B', **entry: Any) -> Path:
    """Coordinates and scores from the mean colours of a 4x4 grid; in 0..1, or in pixels."""
    numbers = np.random.default_rng(1)
    keypoints = len(NAMES)
    weights = dict(
        to_points=numbers.normal(size=(48, 2 * keypoints)).astype(np.float32),
        to_scores=numbers.normal(size=(48, keypoints)).astype(np.float32),
        shape=np.array([-1, keypoints, 2]),
        unit=np.float32([1, 1] if output == 'normalised_keypoints' else ENTRY['input_size']),
    )
    nodes = [
        helper.make_node('AveragePool', ['image'], ['grid'], kernel_shape=[8, 6], strides=[8, 6]),
        helper.make_node('Flatten', ['grid'], ['colours']),
        helper.make_node('MatMul', ['colours', 'to_points'], ['flat']),
        helper.make_node('Reshape', ['flat', 'shape'], ['logits']),
        helper.make_node('Sigmoid', ['logits'], ['points']),
        helper.make_node('Mul', ['points', 'unit'], ['keypoints']),
        helper.make_node('MatMul', ['colours', 'to_scores'], ['raw']),
        helper.make_node('Sigmoid', ['raw'], ['scores']),
    ]
    outputs = dict(keypoints=[batch, keypoints, 2], scores=[batch, keypoints])
    entry = {**ENTRY, 'output': output, 'codec': None, **entry}
    return save(path, nodes, weights, [batch, 3, 32, 24], outputs, entry)


def detector_file(
    path: Path, outputs: dict[str, np.ndarray], size: tuple[int, int] | None = (64, 64)
) -> Path:
    """A detector that answers every image alike; ``size`` is width and height, None if open."""
    width, height = size or ('W', 'H')
    weights = {f'{name}_value': value for name, value in outputs.items()}
    weights['nothing'] = np.float32(0)
    nodes = [helper.make_node('ReduceMean', ['image'], ['mean'], keepdims=0)]
    nodes.append(helper.make_node('Mul', ['mean', 'nothing'], ['zero']))
    for name in outputs:
        nodes.append(helper.make_node('Add', [f'{name}_value', 'zero'], [name]))
    shapes = {name: list(value.shape) for name, value in outputs.items()}
    return save(path, nodes, weights, [1, 3, height, width], shapes)


def torch_file(path: Path, network, entry: dict[str, Any], batch: int = 1) -> Path:
    """A PyTorch module as ONNX, for a fixed batch."""
    import torch

    width, height = entry['input_size']
    names = ['heatmaps'] if entry['output'] == 'heatmaps' else ['keypoints', 'scores']
    with torch.no_grad():
        torch.onnx.export(
            network,
            (torch.zeros(batch, 3, height, width),),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=['image'],
            output_names=names,
        )
    model = onnx.load(path)
    helper.set_model_props(model, {'mmpose_sdpose': json.dumps(entry)})
    onnx.save(model, path)
    return path
