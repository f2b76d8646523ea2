"""What a file says about itself is read, or it is said what is wrong with it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sdpose_runtime.metadata_format import FORMAT, THRESHOLD
from sdpose_runtime.model_file import ModelInfo, read_info

from .onnx_files import ENTRY
from .wrong_kinds import every_wrong_kind


def read(**changes):
    return read_info({'mmpose_sdpose': json.dumps({**ENTRY, **changes})}, 'model.onnx')


def test_everything_in_it():
    info = read(use_udp=True, flip_test=True)
    assert info.config == 'small'
    assert info.package_version == '1.0'
    assert info.input_size == (24, 32)
    assert info.bgr_to_rgb is True
    assert info.padding == 1.25
    assert info.use_udp is True
    assert info.flip_test is True
    assert info.keypoint_names == tuple(ENTRY['keypoint_names'])
    assert info.flip_pairs == ((1, 2), (3, 4))
    assert info.skeleton == ((0, 1), (0, 2), (0, 3), (0, 4))
    assert (info.precision, info.dataset) == ('fp32', 'small')
    np.testing.assert_array_equal(info.mean, np.float32(ENTRY['mean']))
    np.testing.assert_array_equal(info.std, np.float32(ENTRY['std']))
    np.testing.assert_array_equal(info.sigmas, np.float32(ENTRY['sigmas']))


def test_the_threshold_is_the_models_own_or_the_usual_one():
    assert read(threshold=0.125).threshold == 0.125
    assert 'threshold' not in ENTRY
    assert read().threshold == THRESHOLD == 0.3


def test_format_1_is_exported_again():
    with pytest.raises(ValueError, match=r'of format 1, .* reads 2: export the model again$'):
        read(format=1)
    assert FORMAT == 2


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(format=3), 'of format 3, and this version reads 2: install a later'),
        (dict(format='2'), "format '2' is no number"),
        (dict(mean=[1, 2]), r'mean \(\[1, 2\]\) must be 3 finite numbers'),
        (dict(mean=[1, 2, float('nan')]), 'mean .* must be 3 finite numbers'),
        (dict(std=[1, 2, 0]), 'std and sigmas must be above 0'),
        (dict(sigmas=[0.1]), 'sigmas .* must be 5 finite numbers'),
        (dict(input_size=7), 'input_size .7. must be 2'),
        (dict(input_size=[0, 32]), r'input_size \(0, 32\) must be 1 to 2048 pixels'),
        (dict(input_size=[10**6, 10**6]), 'must be 1 to 2048 pixels'),
        (dict(padding=0), 'padding .0. must be a number above 0'),
        (dict(threshold='high'), "threshold .'high'. must be a number"),
        (dict(threshold=float('nan')), 'threshold .nan. must be a number'),
        (dict(use_udp='no'), "use_udp .'no'. must be true or false"),
        (dict(keypoint_names=[]), '0 keypoint_names'),
        (dict(skeleton=[[0, 5]]), r'\[0, 5\] is no pair of 5'),
        (dict(flip_pairs=[[0, 1, 2]]), r'\[0, 1, 2\] is no pair'),
    ],
)
def test_what_cannot_be_used_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        read(**changes)


@pytest.mark.parametrize(
    'field', [key for key in ENTRY if key not in ('format', 'keypoint_colors')]
)
def test_missing_fields_are_named(field):
    entry = {key: value for key, value in ENTRY.items() if key != field}
    with pytest.raises(ValueError, match=f"lacks '{field}': export the model again"):
        read_info({'mmpose_sdpose': json.dumps(entry)}, 'model.onnx')


@pytest.mark.parametrize('metadata', [{}, dict(other='x')])
def test_files_of_others_are_refused(metadata):
    with pytest.raises(ValueError, match='model.onnx has no metadata entry .*export_onnx'):
        read_info(metadata, 'model.onnx')


@pytest.mark.parametrize('text', ['', '{', '[]', '3', 'null', '"text"', '[' * 100_000, '9' * 5000])
def test_garbage_is_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match='the metadata of model.onnx cannot be used: ') as caught:
        read_info(dict(mmpose_sdpose=text), 'model.onnx')
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_another_kind_at_any_place_is_taken_or_refused():
    """Whatever is read holds finite numbers of the right shape; everything else is a ValueError."""
    refused = 0
    for name, entry in every_wrong_kind(ENTRY):
        try:
            info = read_info({'mmpose_sdpose': json.dumps(entry)}, 'model.onnx')
        except ValueError as error:
            assert '\n' not in str(error), name
            refused += 1
            continue
        assert isinstance(info, ModelInfo), name
        numbers = [*info.mean, *info.std, *info.sigmas, info.padding, *info.input_size]
        assert np.isfinite(numbers).all(), name
        assert min(*info.std, *info.sigmas, info.padding, *info.input_size) > 0, name
        assert all(isinstance(text, str) for text in info.keypoint_names), name
    assert refused > 300
