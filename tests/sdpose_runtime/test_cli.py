"""The command line: what it writes, what it reports, what it refuses."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from .onnx_files import detector_file, heatmap_file

from sdpose_runtime.cli import main  # isort: skip
from sdpose_runtime.pipeline import PosePipeline  # isort: skip
from sdpose_runtime.sources import Video  # isort: skip

SIZE = (160, 120)


def person(x: float, y: float) -> np.ndarray:
    """A red, a green and a blue spot on black around a middle: nose, left and right of the model."""
    width, height = SIZE
    rows, columns = np.mgrid[:height, :width]
    spots = [(x + 15, y + 25), (x - 15, y + 25), (x, y - 25)]  # blue, green, red
    grey = [255 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 100) for u, v in spots]
    return np.stack(grey, axis=2).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A model that finds coloured spots, three images, and a clip of a person who walks."""
    weight = np.zeros((5, 3, 2, 2), np.float32)
    for keypoint, channel in enumerate((0, 1, 2, 1, 2)):
        weight[keypoint] = -0.05
        weight[keypoint, channel] = 0.1
    heatmap_file(tmp_path / 'model.onnx', weight=weight)
    (tmp_path / 'images').mkdir()
    for number, x in ((1, 40), (2, 80), (3, 120)):
        cv2.imwrite(str(tmp_path / 'images' / f'{number:03d}.png'), person(x, 60))
    return tmp_path


@pytest.fixture
def clip(folder):
    path = folder / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10.0, SIZE)
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no video')
    for index in range(15):
        writer.write(person(40 + 4 * index, 60))
    writer.release()
    return path


def run(folder, *arguments: object) -> int:
    return main([str(folder / 'model.onnx'), *map(str, arguments), '--out', str(folder / 'out')])


def results(folder) -> list[dict]:
    return json.loads((folder / 'out' / 'keypoints.json').read_text())


def written(folder) -> list[str]:
    return sorted(path.name for path in (folder / 'out').iterdir())


def test_a_folder_of_images(folder, capsys):
    assert run(folder, folder / 'images', '--json', '--show-fps', '--threads', 1) == 0
    assert written(folder) == ['001.png', '002.png', '003.png', 'keypoints.json']
    entries = results(folder)
    assert [entry['image_id'] for entry in entries] == [1, 2, 3]
    assert [entry['file_name'] for entry in entries] == ['001.png', '002.png', '003.png']
    for entry, x in zip(entries, (40, 80, 120)):
        assert entry['keypoints'][0] == pytest.approx(x, abs=10)
        assert entry['keypoints'][1] == pytest.approx(35, abs=10)
    picture = cv2.imread(str(folder / 'out' / '001.png'))
    assert (picture != person(40, 60)).any()
    said = capsys.readouterr().out
    assert said.startswith('3 frames, 3 people, ')
    assert 'milliseconds a frame: reading ' in said
    assert all(stage in said for stage in ('preprocessing', 'network', 'decoding', 'drawing'))


def test_boxes_from_a_file(folder):
    boxes = [dict(image_id=2, category_id=1, bbox=[60, 40, 40, 40], score=0.9)] * 2
    boxes += [dict(image_id=2, category_id=1, bbox=[0, 0, 160, 120], score=0.2)]
    boxes += [dict(image_id=3, category_id=1, bbox=[90, 40, 40, 40], score=0.5)]
    (folder / 'boxes.json').write_text(json.dumps(boxes))
    options = ['--boxes', folder / 'boxes.json', '--json', '--no-pictures']
    assert run(folder, folder / 'images', *options) == 0
    assert written(folder) == ['keypoints.json']
    # the same box twice is one person; a box of a poor score is none
    assert [(e['image_id'], e['bbox']) for e in results(folder)] == [
        (2, [60, 40, 40, 40]),
        (3, [90, 40, 40, 40]),
    ]


def test_boxes_from_a_detector(folder):
    outputs = dict(
        dets=np.float32([[[10, 10, 40, 40, 0.9], [30, 10, 60, 40, 0.1]]]),
        labels=np.zeros((1, 2), np.float32),
    )
    detector_file(folder / 'detector.onnx', outputs, size=(80, 60))
    options = ['--boxes', folder / 'detector.onnx', '--json']
    assert run(folder, folder / 'images' / '001.png', *options) == 0
    assert [entry['bbox'] for entry in results(folder)] == [[20, 20, 60, 60]]


@pytest.mark.parametrize('options', [[], ['--track'], ['--track', '--one-euro'], ['--flip-test']])
def test_a_clip(folder, clip, options):
    assert run(folder, clip, '--json', '--show-fps', *options) == 0
    assert written(folder) == ['clip.mp4', 'keypoints.json']
    video = Video(folder / 'out' / 'clip.mp4')
    assert video.fps == 10
    assert [frame.image.shape for frame in video.frames()] == [(120, 160, 3)] * 15
    entries = results(folder)
    assert [entry['frame'] for entry in entries] == list(range(15))
    found = np.array([entry['keypoints'][0] for entry in entries])
    np.testing.assert_allclose(found, 40 + 4 * np.arange(15), atol=14)
    if '--track' in options:
        assert {entry['track_id'] for entry in entries} == {1}


def test_max_frames(folder, clip):
    assert run(folder, clip, '--json', '--max-frames', 4) == 0
    assert len(results(folder)) == 4


def test_a_broken_image_is_reported_and_passed_over(folder, capsys):
    (folder / 'images' / '002.png').write_bytes(b'broken')
    assert run(folder, folder / 'images', '--json') == 1
    assert written(folder) == ['001.png', '003.png', 'keypoints.json']
    assert [entry['image_id'] for entry in results(folder)] == [1, 3]
    said = capsys.readouterr()
    assert said.err == 'runtime: 002.png is passed over: no image that OpenCV can read\n'
    assert '2 frames, 2 people' in said.out
    assert ', 1 passed over' in said.out


def test_a_broken_clip_among_good_ones(folder, clip):
    (folder / 'broken.mp4').write_bytes(b'broken')
    assert run(folder, folder / 'broken.mp4', clip) == 1
    assert written(folder) == ['clip.mp4']


class TestRefusals:
    def refused(self, folder, capsys, *arguments: object) -> str:
        before = sorted(folder.rglob('*'))
        assert run(folder, *arguments) == 2
        assert set(folder.rglob('*')) - set(before) <= {folder / 'out'}
        error = capsys.readouterr().err
        assert error.startswith('runtime: ')
        assert error.count('\n') == 1
        return error

    def test_nothing_is_written_over_unasked(self, folder, capsys):
        images = folder / 'images'
        assert run(folder, images) == 0
        picture = (folder / 'out' / '001.png').read_bytes()
        error = self.refused(folder, capsys, images)
        assert '001.png and 2 more exists: --force writes over it' in error
        assert run(folder, images, '--force', '--threshold', 2) == 0
        assert (folder / 'out' / '001.png').read_bytes() != picture

    def test_no_such_input(self, folder, capsys):
        assert 'no file or folder none.jpg' in self.refused(folder, capsys, 'none.jpg')

    def test_no_such_model(self, folder, capsys):
        (folder / 'model.onnx').unlink()
        assert 'no model at' in self.refused(folder, capsys, folder / 'images')

    def test_a_box_file_of_other_images(self, folder, capsys):
        (folder / 'boxes.json').write_text('[{"image_id": 99, "bbox": [0, 0, 9, 9]}]')
        options = [folder / 'images', '--boxes', folder / 'boxes.json']
        assert 'has boxes for none of the images' in self.refused(folder, capsys, *options)

    def test_a_box_file_for_a_clip(self, folder, clip, capsys):
        (folder / 'boxes.json').write_text('[{"image_id": 1, "bbox": [0, 0, 9, 9]}]')
        error = self.refused(folder, capsys, clip, '--boxes', folder / 'boxes.json')
        assert 'clip.avi is none: use a detector' in error

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            (['--no-pictures'], 'there is nothing to do'),
            (['--max-frames', '0'], '--max-frames (0) must be 1 or more'),
            (['--threads', '0'], 'threads (0) must be 1 or more'),
            (['--detect-every', '0'], 'detect_every (0) must be 1 or more'),
            (['--one-euro', '--min-cutoff', '0'], 'must be positive'),
            (['--provider', 'Abacus'], 'no provider Abacus here'),
            (['--boxes', 'none.json'], "No such file or directory: 'none.json'"),
            (['--boxes', 'none.onnx'], 'no model at none.onnx'),
        ],
    )
    def test_options(self, folder, capsys, options, message):
        assert message in self.refused(folder, capsys, folder / 'images', *options)

    def test_a_folder_that_cannot_be_made(self, folder, capsys):
        (folder / 'out').write_text('a file')
        assert 'out' in self.refused(folder, capsys, folder / 'images')


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C while the fifth frame is looked at."""
    original, frames = PosePipeline.__call__, []

    def call(self, frame):
        frames.append(frame)
        if len(frames) == 5:
            raise KeyboardInterrupt
        return original(self, frame)

    monkeypatch.setattr(PosePipeline, '__call__', call)


def test_ctrl_c_keeps_what_is_whole(folder, clip, capsys, interrupted):
    assert run(folder, folder / 'images' / '001.png', clip, '--json') == 130
    assert written(folder) == ['001.png']
    assert 'stopped; finished pictures and videos are kept' in capsys.readouterr().err


def test_ctrl_c_ends_a_camera_and_all_is_kept(folder, clip, monkeypatch, interrupted):
    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, 'VideoCapture', lambda source: capture(str(clip)))
    assert run(folder, 0, '--json') == 0
    monkeypatch.undo()
    assert written(folder) == ['camera0.mp4', 'keypoints.json']
    assert len(list(Video(folder / 'out' / 'camera0.mp4').frames())) == 4
    assert [entry['frame'] for entry in results(folder)] == list(range(4))
