"""What a file says about itself is read, or it is said what is wrong with it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from .onnx_files import ENTRY

from sdpose_runtime.model_file import HeatmapCodec, read_info  # isort: skip


def read(**changes):
    return read_info({'mmpose_sdpose': json.dumps({**ENTRY, **changes})}, 'model.onnx')


def test_everything_in_it():
    info = read()
    assert info.config == 'small'
    assert info.input_size == (24, 32)
    assert info.codec == HeatmapCodec(unbiased=True, blur_kernel_size=5)
    assert info.skeleton == ((0, 1), (0, 2), (0, 3), (0, 4))
    assert info.shift_heatmap is True
    assert info.shift_coords is False
    np.testing.assert_array_equal(info.flip_indices, [0, 2, 1, 4, 3])
    np.testing.assert_array_equal(info.mean, np.float32(ENTRY['mean']))


def test_shift_heatmap_can_be_switched_off():
    assert read(shift_heatmap=False).shift_heatmap is False


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(format=2), 'of format 2, and this version .* reads 1'),
        (dict(output='simcc'), "output 'simcc' is for other runtimes.*--decode"),
        (dict(codec=dict(type='UDPHeatmap')), 'codec UDPHeatmap .* decoding inside'),
        (dict(codec=None), 'cannot be read'),
        (dict(codec=dict(type='MSRAHeatmap', blur_kernel_size=10)), 'must be odd'),
        (dict(mean=[1, 2]), 'one value for each of 3'),
        (dict(input_size=7), 'cannot be read'),
        (dict(sigmas=[0.1]), '1 sigmas for 5 keypoints'),
        (dict(skeleton=[[0, 5]]), r'\[0, 5\] is no pair of 5'),
    ],
)
def test_what_cannot_be_used_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        read(**changes)


def test_missing_fields_are_named():
    entry = {key: value for key, value in ENTRY.items() if key != 'padding'}
    with pytest.raises(ValueError, match="lacks 'padding': export the model again"):
        read_info({'mmpose_sdpose': json.dumps(entry)}, 'model.onnx')


@pytest.mark.parametrize('metadata', [{}, dict(other='x')])
def test_files_of_others_are_refused(metadata):
    with pytest.raises(ValueError, match='model.onnx has no metadata entry .*export_onnx'):
        read_info(metadata, 'model.onnx')


@pytest.mark.parametrize('text', ['{', '[]', '3'])
def test_garbage_is_refused(text):
    with pytest.raises(ValueError, match='cannot be read'):
        read_info(dict(mmpose_sdpose=text), 'model.onnx')
