"""A small pose model in an ONNX file, made by hand: keypoints and scores from the mean colours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sdpose_runtime.metadata_format import FORMAT, KEY

NAMES = ['nose', 'left_hand', 'right_hand']
ENTRY = dict(
    format=FORMAT,
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
    flip_pairs=[[1, 2]],
    skeleton=[[0, 1], [0, 2]],
    keypoint_colors=[[0, 255, 0]] * len(NAMES),
    sigmas=[0.05] * len(NAMES),
    precision='fp32',
    dataset='small',
    output='pixel_keypoints',
    codec=None,
)


def pose_file(path: Path, batch: int | str = 'B', **entry: Any) -> str:
    """Write the file; its path."""
    entry = {**ENTRY, **entry}
    width, height = entry['input_size']
    numbers = np.random.default_rng(0)
    weights = dict(
        to_points=numbers.normal(size=(3, 2 * len(NAMES))).astype(np.float32),
        to_scores=numbers.normal(size=(3, len(NAMES))).astype(np.float32),
        shape=np.array([-1, len(NAMES), 2]),
    )
    nodes = [
        helper.make_node('GlobalAveragePool', ['image'], ['means']),
        helper.make_node('Flatten', ['means'], ['colours']),
        helper.make_node('MatMul', ['colours', 'to_points'], ['flat']),
        helper.make_node('Reshape', ['flat', 'shape'], ['keypoints']),
        helper.make_node('MatMul', ['colours', 'to_scores'], ['scores']),
    ]
    shapes = dict(keypoints=[batch, len(NAMES), 2], scores=[batch, len(NAMES)])
    graph = helper.make_graph(
        nodes,
        'small',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [batch, 3, height, width])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    helper.set_model_props(model, {KEY: json.dumps(entry)})
    onnx.save(model, path)
    return str(path)
