"""From an image and boxes to keypoints in image pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap
from mmpose.models.utils.tta import flip_heatmaps

from .onnx_files import ENTRY, heatmap_file, keypoint_file, save

from sdpose_runtime import PoseModel, Stopwatch  # isort: skip

BOXES = np.float32([[10, 20, 60, 120], [30, 5, 150, 90], [-20, 60, 40, 110], [80, 80, 90, 95]])
FLIP = [0, 2, 1, 4, 3]


@pytest.fixture(scope='module')
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)


def into_image(points: np.ndarray, model: PoseModel, image: np.ndarray) -> np.ndarray:
    """The line of ``TopdownPoseEstimator`` that puts input pixels into the image."""
    crops = model.crop(image, BOXES)
    scales, centers = crops.scales[:, None], crops.centers[:, None]
    return points / np.array(model.info.input_size) * scales + centers - 0.5 * scales


class TestHeatmaps:
    @pytest.mark.parametrize('shift', [True, False])
    @pytest.mark.parametrize('flip_test', [True, False])
    @pytest.mark.parametrize('unbiased', [True, False])
    def test_as_by_mmposes_parts(self, tmp_path, image, flip_test, unbiased, shift):
        codec = {**ENTRY['codec'], 'unbiased': unbiased}
        path = heatmap_file(tmp_path / 'a.onnx', codec=codec, shift_heatmap=shift)
        model = PoseModel(path, threads=1)
        inputs = model.crop(image, BOXES).inputs
        heatmaps = model.infer(inputs)['heatmaps']
        if flip_test:
            mirrored = torch.from_numpy(model.infer(inputs[..., ::-1])['heatmaps'])
            back = flip_heatmaps(mirrored, FLIP, shift_heatmap=shift).numpy()
            heatmaps = (heatmaps + back) * 0.5
        decoder = MSRAHeatmap((24, 32), (12, 16), 1, unbiased, blur_kernel_size=5)
        points, scores = (np.concatenate(p) for p in zip(*map(decoder.decode, heatmaps)))
        result = model(image, BOXES, flip_test=flip_test)
        np.testing.assert_allclose(
            result.keypoints, into_image(points, model, image), atol=1e-2, rtol=1e-4
        )
        np.testing.assert_array_equal(result.scores, scores)

    def test_a_bright_spot_is_found_where_it_is(self, tmp_path):
        spot = np.zeros((5, 3, 2, 2), np.float32)
        spot[:] = 1 / 12
        model = PoseModel(heatmap_file(tmp_path / 'a.onnx', weight=spot))
        image = np.zeros((200, 200, 3), np.uint8)
        yy, xx = np.mgrid[:200, :200]
        image[:] = (255 * np.exp(-((xx - 83) ** 2 + (yy - 121) ** 2) / 300)).astype(np.uint8)[
            ..., None
        ]
        result = model(image, [[50, 70, 120, 160]])
        # a cell of the heatmap is two of 32 rows of a crop 112 pixels high
        np.testing.assert_allclose(result.keypoints[0], np.tile([83, 121], (5, 1)), atol=7)


class TestKeypoints:
    @pytest.mark.parametrize('flip_test', [True, False])
    def test_normalised_and_pixel_outputs_agree(self, tmp_path, image, flip_test):
        normalised = PoseModel(keypoint_file(tmp_path / 'a.onnx', 'normalised_keypoints'))
        pixels = PoseModel(keypoint_file(tmp_path / 'b.onnx', 'pixel_keypoints'))
        first = normalised(image, BOXES, flip_test=flip_test)
        second = pixels(image, BOXES, flip_test=flip_test)
        np.testing.assert_allclose(first.keypoints, second.keypoints, atol=1e-3)
        np.testing.assert_allclose(first.scores, second.scores, atol=1e-6)

    def test_flip_test_averages_coordinates_and_scores(self, tmp_path, image):
        model = PoseModel(keypoint_file(tmp_path / 'a.onnx', 'normalised_keypoints'))
        inputs = model.crop(image, BOXES).inputs
        upright, mirrored = model.infer(inputs), model.infer(inputs[..., ::-1])
        back = mirrored['keypoints'][:, FLIP].copy()
        back[..., 0] = 1 - back[..., 0]
        points = (upright['keypoints'] + back) / 2 * [24, 32]
        result = model(image, BOXES, flip_test=True)
        np.testing.assert_allclose(result.keypoints, into_image(points, model, image), atol=1e-3)
        scores = (upright['scores'] + mirrored['scores'][:, FLIP]) / 2
        np.testing.assert_allclose(result.scores, scores, atol=1e-6)


class TestBatches:
    @pytest.mark.parametrize('batch', [1, 3, 4, 7])
    def test_a_fixed_batch_is_filled_up(self, tmp_path, image, batch):
        fixed = PoseModel(heatmap_file(tmp_path / 'a.onnx', batch=batch))
        dynamic = PoseModel(heatmap_file(tmp_path / 'b.onnx'))
        assert fixed.max_batch == batch
        expected, result = (
            dynamic(image, BOXES, flip_test=True),
            fixed(image, BOXES, flip_test=True),
        )
        np.testing.assert_allclose(result.keypoints, expected.keypoints, atol=1e-3)
        assert result.keypoints.shape == (4, 5, 2)

    def test_an_open_batch_is_cut(self, tmp_path, image):
        path = heatmap_file(tmp_path / 'a.onnx')
        expected, result = PoseModel(path)(image, BOXES), PoseModel(path, max_batch=3)(image, BOXES)
        np.testing.assert_allclose(result.keypoints, expected.keypoints, atol=1e-3)

    def test_nobody(self, tmp_path, image):
        result = PoseModel(heatmap_file(tmp_path / 'a.onnx'))(image, [])
        assert result.keypoints.shape == (0, 5, 2)
        assert result.scores.shape == (0, 5)


def test_the_stopwatch_is_told_the_three_steps(tmp_path, image):
    stopwatch = Stopwatch()
    PoseModel(heatmap_file(tmp_path / 'a.onnx'))(image, BOXES, stopwatch=stopwatch)
    assert list(stopwatch.seconds) == ['preprocessing', 'network', 'decoding']
    assert min(stopwatch.seconds.values()) > 0


class TestMisuse:
    @pytest.fixture
    def model(self, tmp_path) -> PoseModel:
        return PoseModel(heatmap_file(tmp_path / 'a.onnx'))

    @pytest.mark.parametrize(
        ('bad', 'message'),
        [
            (np.zeros((8, 8), np.uint8), r'must be an array \(height, width, 3\), not \(8, 8\)'),
            (np.zeros((8, 8, 4), np.uint8), r'not \(8, 8, 4\)'),
            (np.zeros((8, 8, 3), np.float32), 'must hold uint8, not float32'),
            (np.zeros((0, 8, 3), np.uint8), 'of shape'),
            ('photo.jpg', 'not str'),
        ],
    )
    def test_images(self, model, bad, message):
        with pytest.raises(ValueError, match=message):
            model(bad, [[0, 0, 4, 4]])

    @pytest.mark.parametrize(
        ('boxes', 'message'),
        [
            ([1, 2, 3, 4], r'must be \(P, 4\)'),
            ([[0, 0, 4, 4, 0.9]], r'must be \(P, 4\)'),
            ([[0, 0, 4, 4], [5, 5, 5, 9]], r'\[5.0, 5.0, 5.0, 9.0\] is no box'),
            ([[0, 0, float('nan'), 4]], 'is no box'),
        ],
    )
    def test_boxes(self, model, image, boxes, message):
        with pytest.raises(ValueError, match=message):
            model(image, boxes)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no model at'):
            PoseModel(tmp_path / 'none.onnx')

    def test_no_onnx_file(self, tmp_path):
        (tmp_path / 'a.onnx').write_text('weights')
        with pytest.raises(ValueError, match='cannot be run as an ONNX model'):
            PoseModel(tmp_path / 'a.onnx')

    def test_unknown_provider(self, tmp_path):
        path = heatmap_file(tmp_path / 'a.onnx')
        with pytest.raises(ValueError, match='no provider Abacus .*CPUExecutionProvider'):
            PoseModel(path, providers=['Abacus'])

    @pytest.mark.parametrize(('option', 'value'), [('threads', 0), ('max_batch', 0)])
    def test_numbers(self, tmp_path, option, value):
        with pytest.raises(ValueError, match=rf'{option} \(0\) must be 1 or more'):
            PoseModel(heatmap_file(tmp_path / 'a.onnx'), **{option: value})

    def test_another_output_than_the_metadata_says(self, tmp_path):
        path = heatmap_file(tmp_path / 'a.onnx', output='pixel_keypoints')
        with pytest.raises(ValueError, match='has no output keypoints, scores'):
            PoseModel(path)

    def test_another_number_of_keypoints(self, tmp_path):
        weight = np.ones((4, 3, 2, 2), np.float32)
        with pytest.raises(ValueError, match=r'heatmaps of shape \(1, 4, 16, 12\) .* 5 keypoints'):
            PoseModel(heatmap_file(tmp_path / 'a.onnx', weight=weight))

    def test_another_input_size(self, tmp_path):
        from onnx import helper

        nodes = [helper.make_node('Identity', ['image'], ['heatmaps'])]
        path = save(
            tmp_path / 'a.onnx', nodes, {}, [1, 3, 8, 8], dict(heatmaps=[1, 3, 8, 8]), ENTRY
        )
        with pytest.raises(ValueError, match=r'cannot be run on \(1, 3, 32, 24\)'):
            PoseModel(path)
