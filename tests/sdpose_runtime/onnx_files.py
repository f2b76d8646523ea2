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
    format=2,
    package_version='1.0',
    config='small',
    input_size=[24, 32],
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    padding=1.25,
    use_udp=False,
    flip_test=False,
    keypoint_names=NAMES,
    flip_pairs=[[1, 2], [3, 4]],
    skeleton=[[0, 1], [0, 2], [0, 3], [0, 4]],
    keypoint_colors=[[0, 255, 0]] * len(NAMES),
    sigmas=[0.05] * len(NAMES),
    precision='fp32',
    dataset='small',
)


def save(
    path: Path,
    nodes: list,
    weights: dict[str, np.ndarray],
    input_shape: list[int | str] | None,
    outputs: dict[str, list[int | str]],
    entry: dict[str, Any] | None = None,
    input_type: int = TensorProto.FLOAT,
    output_type: int = TensorProto.FLOAT,
) -> Path:
    """Write a graph with one input ``image``, or none, and metadata if there is any."""
    inputs = []
    if input_shape is not None:
        inputs = [helper.make_tensor_value_info('image', input_type, input_shape)]
    graph = helper.make_graph(
        nodes,
        'small',
        inputs,
        [
            helper.make_tensor_value_info(name, output_type, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    if entry is not None:
        helper.set_model_props(model, {'mmpose_sdpose': json.dumps(entry)})
    onnx.save(model, path)
    return path


def pose_file(
    path: Path, batch: int | str = 'B', weight: np.ndarray | None = None, **entry: Any
) -> Path:
    """A keypoint where a 2x2 convolution is highest, to 2 pixels; random weights unless given."""
    width, height = entry.get('input_size', ENTRY['input_size'])
    keypoints = len(entry.get('keypoint_names', NAMES))
    if weight is None:
        weight = np.random.default_rng(0).normal(size=(keypoints, 3, 2, 2)).astype(np.float32)
    weights = dict(
        weight=weight,
        flat=np.array([0, len(weight), -1]),
        columns=np.int64(width // 2),
        pixels=np.float32(2),
    )
    nodes = [
        helper.make_node('Conv', ['image', 'weight'], ['maps'], strides=[2, 2]),
        helper.make_node('Reshape', ['maps', 'flat'], ['cells']),
        helper.make_node('ReduceMax', ['cells'], ['scores'], axes=[2], keepdims=0),
        helper.make_node('ArgMax', ['cells'], ['index'], axis=2, keepdims=1),
        helper.make_node('Mod', ['index', 'columns'], ['x']),
        helper.make_node('Div', ['index', 'columns'], ['y']),
        helper.make_node('Concat', ['x', 'y'], ['cell'], axis=2),
        helper.make_node('Cast', ['cell'], ['whole'], to=TensorProto.FLOAT),
        helper.make_node('Mul', ['whole', 'pixels'], ['keypoints']),
    ]
    outputs = dict(keypoints=[batch, len(weight), 2], scores=[batch, len(weight)])
    return save(path, nodes, weights, [batch, 3, height, width], outputs, {**ENTRY, **entry})


def constant_file(
    path: Path, outputs: dict[str, np.ndarray], input_shape: list[int | str], **options: Any
) -> Path:
    """A network that answers every image alike."""
    weights = {f'{name}_value': value for name, value in outputs.items()}
    weights['nothing'] = np.float32(0)
    nodes = [helper.make_node('ReduceMean', ['image'], ['mean'], keepdims=0)]
    nodes.append(helper.make_node('Mul', ['mean', 'nothing'], ['zero']))
    for name in outputs:
        nodes.append(helper.make_node('Add', [f'{name}_value', 'zero'], [name]))
    shapes = {name: list(value.shape) for name, value in outputs.items()}
    return save(path, nodes, weights, input_shape, shapes, **options)


def detector_file(
    path: Path, outputs: dict[str, np.ndarray], size: tuple[int, int] | None = (64, 64)
) -> Path:
    """A detector that answers every image alike; ``size`` is width and height, None if open."""
    width, height = size or ('W', 'H')
    return constant_file(path, outputs, [1, 3, height, width])
