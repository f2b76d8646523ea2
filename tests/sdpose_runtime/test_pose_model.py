"""From an image and boxes to keypoints in image pixels.

That crops and keypoints are MMPose's is shown in tests/mmpose_sdpose/test_runtime_agrees.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sdpose_runtime import PoseModel, Stopwatch
from sdpose_runtime.pose_model import crop_people

from .onnx_files import ENTRY, TensorProto, constant_file, helper, pose_file, save

BOXES = np.float32([[10, 20, 60, 120], [30, 5, 150, 90], [-20, 60, 40, 110], [80, 80, 90, 95]])


@pytest.fixture(scope='module')
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)


@pytest.fixture
def model(tmp_path) -> PoseModel:
    return PoseModel(pose_file(tmp_path / 'a.onnx'), threads=1)


def assert_equal_people(result, expected) -> None:
    for field in ('boxes', 'box_scores', 'keypoints', 'scores', 'areas'):
        np.testing.assert_allclose(
            getattr(result, field), getattr(expected, field), rtol=1e-6, err_msg=field
        )


class TestCrops:
    def test_a_box_of_the_inputs_size_is_cut_out_pixel_by_pixel(self, model, image):
        info = replace(model.info, padding=1.0)
        crops = crop_people(image, np.float32([[40, 50, 64, 82]]), info)
        expected = (image[50:82, 40:64, ::-1] - np.float32(ENTRY['mean'])) / np.float32(
            ENTRY['std']
        )
        np.testing.assert_array_equal(crops.inputs[0], expected.transpose(2, 0, 1))
        np.testing.assert_array_equal(crops.centers, [[52, 66]])
        np.testing.assert_array_equal(crops.scales, [[24, 32]])

    def test_unbiased_crops_end_in_the_box_corners(self, model):
        """The first column is at the left side, the last one at the right: not a pixel before it."""
        ramp = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (128, 160, 3)).copy()
        plain = replace(model.info, padding=1.0, mean=np.zeros(3), std=np.ones(3))
        box = np.float32([[30, 10, 76.5, 72]])  # 24x32, twice as large in distances of pixels
        columns = {}
        for use_udp in (False, True):
            crops = crop_people(ramp, box, replace(plain, use_udp=use_udp))
            columns[use_udp] = crops.inputs[0, 0, 16]
        np.testing.assert_allclose(columns[True], 30 + np.arange(24) * 46.5 / 23, atol=0.6)
        np.testing.assert_allclose(columns[False], 30 + np.arange(24) * 46.5 / 24, atol=0.6)

    def test_boxes_are_padded_and_brought_to_the_inputs_aspect(self, model, image):
        crops = model.crop(image, [[0, 0, 80, 32], [0, 0, 10, 80]])
        np.testing.assert_allclose(crops.scales, [[100, 400 / 3], [75, 100]])
        np.testing.assert_allclose(crops.centers, [[40, 16], [5, 40]])

    @pytest.mark.parametrize('shape', [(40000, 3, 3), (3, 32767, 3)])
    def test_images_that_opencv_cannot_cut_from_are_refused(self, model, shape):
        size = f'{shape[1]}x{shape[0]}'
        with pytest.raises(ValueError, match=f'{size} pixels: .* less than 32767 pixels on a side'):
            model(np.zeros(shape, np.uint8), [[0, 0, 3, 3]])
        assert len(model(np.zeros((3, 32766, 3), np.uint8), [[0, 0, 3, 3]]).keypoints) == 1

    def test_bgr_models_get_bgr(self, model, image):
        rgb = model.crop(image, BOXES[:1]).inputs
        model.info = replace(model.info, bgr_to_rgb=False, mean=np.zeros(3), std=np.ones(3))
        bgr = model.crop(image, BOXES[:1]).inputs
        back = rgb * np.float32(ENTRY['std'])[:, None, None]
        back += np.float32(ENTRY['mean'])[:, None, None]
        np.testing.assert_allclose(bgr[:, ::-1], back, atol=1e-3)


class TestKeypoints:
    def test_a_bright_spot_is_found_where_it_is(self, tmp_path):
        model = PoseModel(pose_file(tmp_path / 'a.onnx', weight=np.full((5, 3, 2, 2), 1 / 12, 'f')))
        yy, xx = np.mgrid[:200, :200]
        spot = (255 * np.exp(-((xx - 83) ** 2 + (yy - 121) ** 2) / 300)).astype(np.uint8)
        result = model(np.repeat(spot[..., None], 3, axis=2), [[50, 70, 120, 160]])
        # a cell of the network is two of 32 rows of a crop 112 pixels high
        np.testing.assert_allclose(result.keypoints[0], np.tile([83, 121], (5, 1)), atol=7)

    def test_pixels_of_the_input_become_pixels_of_the_image(self, model, image):
        crops = model.crop(image, BOXES)
        points = np.random.default_rng(0).uniform(0, 30, (4, 5, 2)).astype(np.float32)
        people = model.decode(dict(keypoints=points, scores=np.ones((4, 5))), crops)
        scales, centers = crops.scales[:, None], crops.centers[:, None]
        expected = points / [24, 32] * scales + centers - 0.5 * scales  # as TopdownPoseEstimator
        np.testing.assert_allclose(people.keypoints, expected, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(people.boxes, BOXES)
        np.testing.assert_array_equal(people.areas, crops.scales[:, 0] * crops.scales[:, 1])

    def test_the_three_steps_are_the_call(self, model, image):
        crops = model.crop(image, BOXES)
        assert_equal_people(model(image, BOXES), model.decode(model.infer(crops.inputs), crops))


class TestBatches:
    @pytest.mark.parametrize('batch', [1, 3, 4, 7])
    def test_a_fixed_batch_is_filled_up(self, tmp_path, model, image, batch):
        fixed = PoseModel(pose_file(tmp_path / 'b.onnx', batch=batch))
        assert fixed.max_batch == batch
        assert_equal_people(fixed(image, BOXES), model(image, BOXES))
        assert fixed.infer(fixed.crop(image, BOXES).inputs)['keypoints'].shape == (4, 5, 2)

    def test_an_open_batch_is_cut(self, tmp_path, model, image):
        cut = PoseModel(pose_file(tmp_path / 'b.onnx'), max_batch=3)
        assert_equal_people(cut(image, BOXES), model(image, BOXES))

    def test_nobody(self, model, image):
        result = model(image, [])
        assert result.keypoints.shape == (0, 5, 2)
        assert result.scores.shape == (0, 5)

    def test_many_boxes_are_cut_out_a_few_at_a_time(self, model, image, monkeypatch):
        """100,000 crops at once would take 900 MB here, and 59 GB at 256x192."""
        cut = []
        crop = PoseModel.crop

        def counted(self, image, boxes):
            cut.append(len(boxes))
            return crop(self, image, boxes)

        monkeypatch.setattr(PoseModel, 'crop', counted)
        monkeypatch.setattr(PoseModel, 'infer', lambda self, inputs: outputs(len(inputs)))
        assert len(model(image, np.tile(BOXES, (2500, 1)))) == 10_000
        assert max(cut) == 8


def outputs(count: int) -> dict[str, np.ndarray]:
    return dict(keypoints=np.zeros((count, 5, 2), 'f'), scores=np.zeros((count, 5), 'f'))


def test_the_stopwatch_is_told_the_three_steps(model, image):
    stopwatch = Stopwatch()
    model(image, BOXES, stopwatch=stopwatch)
    assert list(stopwatch.seconds) == ['preprocessing', 'network', 'decoding']
    assert min(stopwatch.seconds.values()) > 0


class TestMisuse:
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

    def test_unknown_provider(self, tmp_path):
        path = pose_file(tmp_path / 'a.onnx')
        with pytest.raises(ValueError, match='no provider Abacus .*CPUExecutionProvider'):
            PoseModel(path, providers=['Abacus'])

    @pytest.mark.parametrize('threads', [0, -1, 10**9])
    def test_threads(self, tmp_path, threads):
        with pytest.raises(ValueError, match=rf'threads \({threads}\) must be 1 to 1024'):
            PoseModel(pose_file(tmp_path / 'a.onnx'), threads=threads)

    def test_max_batch(self, tmp_path):
        with pytest.raises(ValueError, match=r'max_batch \(0\) must be 1 or more'):
            PoseModel(pose_file(tmp_path / 'a.onnx'), max_batch=0)


class TestFilesThatDoNotFit:
    """Each is refused in one sentence, and none is given the memory that it asks for."""

    def refused(self, path, message: str) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            PoseModel(path)
        assert '\n' not in str(caught.value)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no model at'):
            PoseModel(tmp_path / 'none.onnx')

    @pytest.mark.parametrize('content', [b'', b'weights', b'\x08\x09' * 1000])
    def test_no_onnx_file(self, tmp_path, content):
        (tmp_path / 'a.onnx').write_bytes(content)
        self.refused(tmp_path / 'a.onnx', 'cannot be run as an ONNX model')

    def test_format_1(self, tmp_path):
        self.refused(
            pose_file(tmp_path / 'a.onnx', format=1), 'format 1, .* export the model again'
        )

    def test_other_outputs(self, tmp_path):
        outputs = dict(heatmaps=np.zeros((1, 5, 16, 12), 'f'))
        path = constant_file(tmp_path / 'a.onnx', outputs, [1, 3, 32, 24], entry=ENTRY)
        self.refused(path, 'has no output keypoints, scores: export the model again')

    def test_another_number_of_keypoints(self, tmp_path):
        path = pose_file(tmp_path / 'a.onnx', weight=np.ones((4, 3, 2, 2), np.float32))
        self.refused(path, r'keypoints of shape \(1, 4, 2\) .* 5 keypoints')

    def test_no_inputs(self, tmp_path):
        weights = dict(a=np.zeros((1, 5, 2), 'f'), b=np.zeros((1, 5), 'f'))
        nodes = [
            helper.make_node('Identity', ['a'], ['keypoints']),
            helper.make_node('Identity', ['b'], ['scores']),
        ]
        shapes = dict(keypoints=[1, 5, 2], scores=[1, 5])
        path = save(tmp_path / 'a.onnx', nodes, weights, None, shapes, ENTRY)
        self.refused(path, 'has 0 inputs: expected one')

    def test_no_outputs(self, tmp_path):
        path = save(tmp_path / 'a.onnx', [], {}, [1, 3, 32, 24], {}, ENTRY)
        self.refused(path, 'a.onnx')

    @pytest.mark.parametrize(
        ('shape', 'message'),
        [
            ([1, 3, 8, 8], r'takes images of \(8, 8\), its metadata says \(24, 32\)'),
            ([1, 1, 32, 24], r'takes tensor\(float\) \[1, 1, 32, 24\], not float32 images'),
            ([1, 768], 'not float32 images'),
            ([10**9, 3, 32, 24], 'cannot be'),
            ([1, 3, 10**6, 10**6], 'cannot be'),
        ],
    )
    def test_inputs_of_another_shape(self, tmp_path, shape, message):
        outputs = dict(keypoints=np.zeros((1, 5, 2), 'f'), scores=np.zeros((1, 5), 'f'))
        self.refused(constant_file(tmp_path / 'a.onnx', outputs, shape, entry=ENTRY), message)

    def test_a_batch_beyond_memory_where_sides_are_open(self, tmp_path):
        outputs = dict(keypoints=np.zeros((1, 5, 2), 'f'), scores=np.zeros((1, 5), 'f'))
        shape = [10**7, 3, 'H', 'W']
        path = constant_file(tmp_path / 'a.onnx', outputs, shape, entry=ENTRY)
        self.refused(path, 'takes 10000000 images at once, more than memory holds')

    @pytest.mark.parametrize('kind', ['UINT8', 'DOUBLE', 'STRING', 'BOOL'])
    def test_inputs_of_another_type(self, tmp_path, kind):
        nodes = [helper.make_node('Identity', ['image'], ['keypoints'])]
        nodes.append(helper.make_node('Identity', ['image'], ['scores']))
        number = getattr(TensorProto, kind)
        shapes = dict(keypoints=[1, 3, 32, 24], scores=[1, 3, 32, 24])
        path = save(
            tmp_path / 'a.onnx', nodes, {}, [1, 3, 32, 24], shapes, ENTRY, number, number
        )  # fmt: skip
        self.refused(path, r'takes tensor\(\w+\) .*, not float32 images')

    def test_outputs_that_are_no_numbers(self, tmp_path):
        nodes = [
            helper.make_node('Cast', ['image'], ['keypoints'], to=TensorProto.BOOL),
            helper.make_node('Cast', ['image'], ['scores'], to=TensorProto.BOOL),
        ]
        shapes = dict(keypoints=[1, 3, 32, 24], scores=[1, 3, 32, 24])
        path = save(
            tmp_path / 'a.onnx', nodes, {}, [1, 3, 32, 24], shapes, ENTRY, output_type=TensorProto.BOOL
        )  # fmt: skip
        self.refused(path, r'gives keypoints as tensor\(bool\), not as numbers')

    def test_outputs_beyond_memory(self, tmp_path):
        """Four terabytes, if the network were run."""
        weights = dict(shape=np.array([10**6, 10**6]))
        nodes = [
            helper.make_node('ReduceMean', ['image'], ['mean'], keepdims=0),
            helper.make_node('Expand', ['mean', 'shape'], ['keypoints']),
            helper.make_node('Identity', ['mean'], ['scores']),
        ]
        shapes = dict(keypoints=[10**6, 10**6], scores=[])
        path = save(tmp_path / 'a.onnx', nodes, weights, [1, 3, 32, 24], shapes, ENTRY)
        self.refused(path, r'has an input or output of shape \[1000000, 1000000\], which cannot be')

    def test_a_network_that_fails(self, tmp_path):
        """The shapes agree, but the network does not take an image of this size."""
        nodes = [
            helper.make_node('Reshape', ['image', 'shape'], ['keypoints']),
            helper.make_node('ReduceMean', ['keypoints'], ['scores'], axes=[2], keepdims=0),
        ]
        weights = dict(shape=np.array([1, 5, 2]))
        shapes = dict(keypoints=['B', 5, 2], scores=['B', 5])
        path = save(tmp_path / 'a.onnx', nodes, weights, ['B', 3, 'H', 'W'], shapes, ENTRY)
        self.refused(path, r'cannot be run on \(1, 3, 32, 24\)')
