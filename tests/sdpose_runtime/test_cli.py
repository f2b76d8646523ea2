"""The command line: what it writes, what it reports, what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdpose_runtime import PoseModel
from sdpose_runtime.cli import main
from sdpose_runtime.files import remove_leftovers
from sdpose_runtime.outputs import ResultFile
from sdpose_runtime.pipeline import PosePipeline
from sdpose_runtime.sources import Video

from .onnx_files import detector_file, pose_file

ROOT = Path(__file__).parents[2]
SIZE = (160, 120)
posix = pytest.mark.skipif(os.name != 'posix', reason='no signals of POSIX here')


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
    pose_file(tmp_path / 'model.onnx', weight=weight)
    (tmp_path / 'images').mkdir()
    for number, x in ((1, 40), (2, 80), (3, 120)):
        cv2.imwrite(str(tmp_path / 'images' / f'{number:03d}.png'), person(x, 60))
    return tmp_path


def write_clip(path, frames: int) -> None:
    """A person who walks to the right, again and again."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10.0, SIZE)
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no video')
    images = [person(40 + 4 * index, 60) for index in range(15)]
    for index in range(frames):
        writer.write(images[index % 15])
    writer.release()


@pytest.fixture
def clip(folder):
    write_clip(folder / 'clip.avi', 15)
    return folder / 'clip.avi'


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


@pytest.mark.parametrize('options', [[], ['--track'], ['--track', '--one-euro']])
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


@pytest.mark.parametrize(('own', 'options'), [(1000, []), (-1000, ['--threshold', 1000])])
def test_nothing_below_the_threshold_is_drawn(folder, capsys, own, options):
    """The model's own, or the one that was asked for."""
    images, picture = folder / 'images' / '001.png', folder / 'out' / '001.png'
    pose_file(folder / 'model.onnx', threshold=-1000)
    assert run(folder, images) == 0
    assert (cv2.imread(str(picture)) != person(40, 60)).any()
    pose_file(folder / 'model.onnx', threshold=own)
    capsys.readouterr()
    assert run(folder, images, '--force', *options) == 0
    np.testing.assert_array_equal(cv2.imread(str(picture)), person(40, 60))
    said = capsys.readouterr().err
    assert said.startswith('runtime: no keypoint was drawn: the best one scores ')
    assert 'than the threshold (1000): choose a lower --threshold, or, where nobody fills' in said


def test_with_boxes_no_detector_is_proposed(folder, capsys):
    pose_file(folder / 'model.onnx', threshold=1000)
    (folder / 'boxes.json').write_text('[{"image_id": 1, "bbox": [10, 10, 60, 60]}]')
    assert run(folder, folder / 'images' / '001.png', '--boxes', folder / 'boxes.json') == 0
    assert capsys.readouterr().err.endswith('choose a lower --threshold\n')


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
        assert sorted(folder.rglob('*')) == before
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
            (['--threads', '0'], 'threads (0) must be 1 to 1024'),
            (['--threads', str(10**12)], 'must be 1 to 1024'),
            (['--detect-every', '0'], 'detect_every (0) must be 1 or more'),
            (['--one-euro', '--min-cutoff', '0'], 'must be positive'),
            (['--one-euro', '--min-cutoff', 'nan'], 'must be positive'),
            (['--one-euro', '--beta', 'inf'], 'and all finite'),
            (['--beta', '10'], '--beta: of the filter, which --one-euro turns on'),
            (['--track', '--min-cutoff', '2', '--beta', '0'], '--min-cutoff and --beta: of the'),
            (['--threshold', 'nan'], 'threshold (nan) must be a number'),
            (['--threshold', 'inf'], 'threshold (inf) must be a number'),
            (['--box-threshold', 'nan'], 'box_threshold (nan) must be a number'),
            (['--nms', 'nan'], 'similarity (nan) must be a number'),
            (['--nms', '90'], 'similarity (90.0) must be 0 to 1'),
            (['--nms', '-1'], 'similarity (-1.0) must be 0 to 1'),
            (['--detector-input', 'yolox'], 'name one with --boxes DETECTOR.onnx'),
            (['--provider', 'Abacus'], 'no provider Abacus here'),
            (['--boxes', 'none.json'], "No such file or directory: 'none.json'"),
            (['--boxes', 'none.onnx'], 'no model at none.onnx'),
        ],
    )
    def test_options(self, folder, capsys, options, message):
        assert message in self.refused(folder, capsys, folder / 'images', *options)

    def test_a_folder_that_cannot_be_made(self, folder, capsys):
        (folder / 'out').write_text('a file')
        error = self.refused(folder, capsys, folder / 'images')
        expected = (
            f'no folder can be made at {folder / "out"} (File exists): name another one with --out'
        )
        assert expected in error

    @pytest.mark.parametrize('option', ['--out', '--boxes'])
    def test_an_option_without_a_name(self, folder, capsys, monkeypatch, option):
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit):
            run(folder, folder / 'images', option, '')
        assert f'argument {option}: the name is empty' in capsys.readouterr().err

    def test_a_folder_where_a_picture_is_to_go(self, folder, capsys):
        (folder / 'out' / '001.png').mkdir(parents=True)
        error = self.refused(folder, capsys, folder / 'images', '--force')
        assert '001.png is a folder, where a file is to go' in error

    def test_results_do_not_take_the_place_of_the_boxes(self, folder, capsys):
        boxes = folder / 'out' / 'keypoints.json'
        boxes.parent.mkdir()
        boxes.write_text('[{"image_id": 1, "bbox": [0, 0, 9, 9]}]')
        error = self.refused(
            folder, capsys, folder / 'images', '--boxes', boxes, '--json', '--force'
        )
        assert 'keypoints.json is an input and would be lost' in error
        assert boxes.read_text().startswith('[{')

    def test_an_input_without_a_name(self, folder, capsys, monkeypatch):
        """As from a variable that is not set: the current folder was not meant."""
        monkeypatch.chdir(folder / 'images')
        assert 'one of the inputs is an empty text' in self.refused(folder, capsys, '')

    def test_an_option_that_only_begins_like_one(self, folder, capsys):
        with pytest.raises(SystemExit):
            run(folder, folder / 'images', '--detector', 'yolox.onnx')
        assert 'unrecognized arguments: --detector' in capsys.readouterr().err


def test_options_for_videos_are_said_where_no_input_is_one(folder, clip, capsys):
    options = ['--track', '--one-euro', '--detect-every', 3, '--max-frames', 2]
    assert run(folder, folder / 'images', *options) == 0
    names = '--track, --one-euro, --detect-every, --max-frames'
    expected = f'runtime: {names}: for videos and cameras, and no input is one\n'
    assert capsys.readouterr().err == expected
    assert run(folder, folder / 'images', clip, '--force', *options) == 0
    assert not capsys.readouterr().err


@pytest.fixture
def signalled(monkeypatch):
    """A signal while the fifth frame is looked at; it is chosen by the test."""
    original, frames, numbers = PosePipeline.__call__, [], [signal.SIGINT]

    def call(self, frame):
        frames.append(frame)
        if len(frames) == 5:
            for number in numbers:
                os.kill(os.getpid(), number)
        return original(self, frame)

    monkeypatch.setattr(PosePipeline, '__call__', call)
    return numbers


@posix
class TestStops:
    """What was done until the signal is finished, readable and complete."""

    @pytest.mark.parametrize(('name', 'code'), [('SIGINT', 130), ('SIGTERM', 143), ('SIGHUP', 129)])
    def test_in_a_clip(self, folder, clip, capsys, signalled, name, code):
        signalled[:] = [getattr(signal, name)]
        assert run(folder, folder / 'images' / '001.png', clip, '--json') == code
        assert written(folder) == ['001.png', 'clip.mp4', 'keypoints.json']
        assert len(list(Video(folder / 'out' / 'clip.mp4').frames())) == 4
        entries = results(folder)
        assert [entry.get('frame') for entry in entries] == [None, 0, 1, 2, 3]
        said = capsys.readouterr()
        assert f'stopped; what was done until then is in {folder / "out"}' in said.err
        assert said.out.startswith('5 frames, 5 people')

    def test_among_images(self, folder, signalled):
        for number in range(4, 10):
            cv2.imwrite(str(folder / 'images' / f'{number:03d}.png'), person(80, 60))
        assert run(folder, folder / 'images', '--json') == 130
        names = [f'{number:03d}.png' for number in range(1, 6)]
        assert written(folder) == [*names, 'keypoints.json']
        assert [entry['file_name'] for entry in results(folder)] == names

    def test_ctrl_c_twice(self, folder, clip, capsys, signalled):
        signalled[:] = [signal.SIGINT] * 2
        assert run(folder, clip, '--json') == 130
        assert written(folder) == ['keypoints.json']
        assert [entry['frame'] for entry in results(folder)] == list(range(4))
        assert (
            'stopped at once: a video that was being written is not kept' in capsys.readouterr().err
        )

    def test_a_camera_ends_with_ctrl_c_and_what_follows_is_done(
        self, folder, clip, monkeypatch, signalled
    ):
        capture = cv2.VideoCapture
        monkeypatch.setattr(
            cv2, 'VideoCapture', lambda name: capture(str(clip if name == 0 else name))
        )
        assert run(folder, 0, folder / 'images' / '001.png', '--json') == 0
        monkeypatch.undo()
        assert written(folder) == ['001.png', 'camera0.mp4', 'keypoints.json']
        assert len(list(Video(folder / 'out' / 'camera0.mp4').frames())) == 5
        assert [entry.get('frame') for entry in results(folder)] == [*range(5), None]

    def test_a_camera_that_is_terminated_says_so(self, folder, clip, monkeypatch, signalled):
        capture = cv2.VideoCapture
        monkeypatch.setattr(
            cv2, 'VideoCapture', lambda name: capture(str(clip if name == 0 else name))
        )
        signalled[:] = [signal.SIGTERM]
        assert run(folder, 0, folder / 'images' / '001.png') == 143
        monkeypatch.undo()
        assert written(folder) == ['camera0.mp4']

    def test_before_anything_was_begun(self, folder, capsys, monkeypatch):
        def interrupted(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr('sdpose_runtime.cli.PoseModel', interrupted)
        assert run(folder, folder / 'images') == 130
        assert capsys.readouterr().err == 'runtime: stopped before anything was begun\n'

    def test_a_terminal_that_is_closed(self, folder, clip):
        """As a whole process: SIGHUP comes, and nobody reads what it says."""
        pty = pytest.importorskip('pty')
        terminal, side = pty.openpty()
        endless = folder / 'endless.avi'
        write_clip(endless, 3000)
        command = [sys.executable, '-m', 'sdpose_runtime', folder / 'model.onnx', endless]
        command += ['--out', folder / 'out', '--json', '--threads', '1']
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, 'PYTHONPATH': str(ROOT / 'projects/runtime')},
            stdin=side, stdout=side, stderr=side, start_new_session=True,
        )  # fmt: skip
        os.close(side)
        while not os.read(terminal, 1000).count(b'['):  # the first line of progress
            pass
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 128 + signal.SIGHUP
        assert written(folder) == ['endless.mp4', 'keypoints.json']
        frames = len(list(Video(folder / 'out' / 'endless.mp4').frames()))
        assert 1 < frames < 3000
        assert len(results(folder)) == frames

    def test_a_killed_run_leaves_nothing_after_the_next_one(self, folder, clip, monkeypatch):
        """As a whole process: partial files of video and results go with the next start."""
        endless = folder / 'endless.avi'
        write_clip(endless, 3000)
        command = [sys.executable, '-m', 'sdpose_runtime', folder / 'model.onnx', endless]
        command += ['--out', folder / 'out', '--json', '--threads', '1']
        environment = {**os.environ, 'PYTHONPATH': str(ROOT / 'projects/runtime')}
        process = subprocess.Popen([str(part) for part in command], env=environment)
        while not (folder / 'out').is_dir() or len(written(folder)) < 2:
            time.sleep(0.05)
        process.kill()
        process.wait()
        assert all(name.startswith('.sdpose-') for name in written(folder))
        remove_leftovers.cache_clear()
        assert run(folder, clip, '--json') == 0
        assert written(folder) == ['clip.mp4', 'keypoints.json']


class TestWhatIsNoNumber:
    """The person is left out and counted, the others are kept, and the exit code is 1."""

    @pytest.mark.filterwarnings('error')
    @pytest.mark.parametrize(
        ('output', 'bad'),
        [(name, bad) for name in ('keypoints', 'scores') for bad in (float('nan'), float('inf'))]
        + [('keypoints', -3e38)],
    )
    def test_from_the_model(self, folder, clip, capsys, monkeypatch, output, bad):
        decode = PoseModel.decode

        def poisoned(self, outputs, crops):
            outputs[output][1::3] = bad
            return decode(self, outputs, crops)

        monkeypatch.setattr(PoseModel, 'decode', poisoned)
        boxes = [
            dict(image_id=2, bbox=[20 * index, 40, 40, 40], score=0.5 + index / 10)
            for index in range(5)
        ]
        (folder / 'boxes.json').write_text(json.dumps(boxes))
        options = ['--boxes', folder / 'boxes.json', '--json']
        assert run(folder, folder / 'images' / '002.png', *options) == 1
        assert [entry['bbox'][0] for entry in results(folder)] == [0, 40, 60]
        assert capsys.readouterr().out.startswith('1 frame, 3 people, ')

    def test_from_a_clip_that_is_followed_and_smoothed(self, folder, clip, capsys, monkeypatch):
        original, calls = PoseModel.__call__, []

        def poisoned(self, *arguments):
            people = original(self, *arguments)
            calls.append(people)
            if len(calls) in (1, 4, 5):
                people.keypoints[0, 2] = float('nan')
            return people

        monkeypatch.setattr(PoseModel, '__call__', poisoned)
        assert run(folder, clip, '--json', '--track', '--one-euro') == 1
        assert [entry['frame'] for entry in results(folder)] == [1, 2, *range(5, 15)]
        assert '3 left out for NaN, infinite or absurd boxes' in capsys.readouterr().out

    def test_from_boxes(self, folder, capsys):
        boxes = [dict(image_id=n, bbox=[60, 40, 40, 40], score=0.9) for n in (1, 2, 3)]
        boxes[1]['bbox'][2] = float('nan')
        (folder / 'boxes.json').write_text(json.dumps(boxes))
        assert run(folder, folder / 'images', '--boxes', folder / 'boxes.json', '--json') == 1
        assert [entry['image_id'] for entry in results(folder)] == [1, 3]
        said = capsys.readouterr()
        assert 'entry 1: without usable numbers for `bbox` and score' in said.err
        assert '1 left out for NaN, infinite or absurd boxes' in said.out

    @pytest.mark.filterwarnings('error')
    def test_from_boxes_of_any_size(self, folder):
        sides = [
            [1e30] * 4,
            [0, 0, 1e-30, 1e-30],
            [-1e38, 0, 3e38, 9],
            [1e9, 1e9, 1, 1],
            [0, 0, 5e5, 1],
        ]
        boxes = [dict(image_id=1, bbox=side, score=0.9) for side in [*sides, [60, 40, 40, 40]]]
        (folder / 'boxes.json').write_text(json.dumps(boxes))
        assert run(folder, folder / 'images', '--boxes', folder / 'boxes.json', '--json') == 1
        assert [60, 40, 40, 40] in [entry['bbox'] for entry in results(folder)]

    def test_from_a_detector(self, folder, capsys):
        boxes = np.float32([[[10, 10, 40, 40, 0.9], [30, 10, np.nan, 40, 0.8]]])
        outputs = dict(dets=boxes, labels=np.zeros((1, 2), np.float32))
        detector_file(folder / 'detector.onnx', outputs, size=(80, 60))
        options = ['--boxes', folder / 'detector.onnx', '--json']
        assert run(folder, folder / 'images' / '001.png', *options) == 1
        assert [entry['bbox'] for entry in results(folder)] == [[20, 20, 60, 60]]
        assert '1 left out for NaN, infinite' in capsys.readouterr().out


class TestRemarks:
    def test_a_folder_says_what_it_leaves_out(self, folder, capsys):
        (folder / 'images' / 'notes.txt').touch()
        (folder / 'images' / '004.png').touch()
        assert run(folder, folder / 'images') == 1
        said = capsys.readouterr().err.splitlines()
        assert said[0].endswith('images: left out what is no image by its suffix: notes.txt')
        assert said[1] == 'runtime: 004.png is passed over: the file is empty'

    def test_nobody_above_the_threshold(self, folder, capsys):
        boxes = [dict(image_id=n, bbox=[60, 40, 40, 40], score=0.1) for n in (1, 2, 3)]
        (folder / 'boxes.json').write_text(json.dumps(boxes))
        assert run(folder, folder / 'images', '--boxes', folder / 'boxes.json', '--json') == 0
        expected = 'nobody was found: all 3 boxes score below --box-threshold (0.3)'
        assert expected in capsys.readouterr().err

    @pytest.mark.parametrize('place', [-500, 500])
    def test_nobody_within_the_images(self, folder, capsys, place):
        boxes = dict(
            images=[dict(id=1, file_name='001.png')],
            annotations=[dict(image_id=1, bbox=[place, place, 40, 40])],
        )
        (folder / 'boxes.json').write_text(json.dumps(boxes))
        assert run(folder, folder / 'images', '--boxes', folder / 'boxes.json', '--json') == 0
        expected = f'nobody was found: {folder / "boxes.json"} has no box within these images'
        assert expected in capsys.readouterr().err

    def test_frames_of_two_clips_have_their_own_boxes(self, folder):
        for clip, x in (('clip1', 40), ('clip2', 120)):
            (folder / clip).mkdir()
            cv2.imwrite(str(folder / clip / '0001.png'), person(x, 60))
        boxes = dict(
            images=[dict(id=1, file_name='clip1/0001.png'), dict(id=2, file_name='clip2/0001.png')],
            annotations=[
                dict(image_id=1, bbox=[20, 40, 40, 40]), dict(image_id=2, bbox=[100, 40, 40, 40])
            ],
        )  # fmt: skip
        (folder / 'boxes.json').write_text(json.dumps(boxes))
        inputs = [folder / 'clip1', folder / 'clip2']
        options = ['--boxes', folder / 'boxes.json', '--json', '--no-pictures']
        assert run(folder, *inputs, *options) == 0
        found = [(e['image_id'], e['file_name'], e['bbox'][0]) for e in results(folder)]
        assert found == [(1, 'clip1/0001.png', 20), (2, 'clip2/0001.png', 100)]
        assert run(folder, inputs[1], *options, '--force') == 0
        assert [(e['image_id'], e['bbox'][0]) for e in results(folder)] == [(2, 100)]


def test_without_json_no_results_are_made(folder, clip, monkeypatch):
    monkeypatch.setattr(ResultFile, '__init__', None)
    assert run(folder, clip) == 0
    assert written(folder) == ['clip.mp4']


@pytest.mark.skipif(os.name != 'posix', reason='no limits of POSIX here')
def test_a_disk_that_is_full_for_the_video(folder, clip):
    """As a whole process: one sentence, exit code 1, the old video as it was."""
    (folder / 'out').mkdir()
    (folder / 'out' / 'clip.mp4').write_bytes(b'the old video')
    code = (
        'import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n'
        'from sdpose_runtime.cli import main\nsys.exit(main(sys.argv[1:]))'
    )
    command = [sys.executable, '-c', code, folder / 'model.onnx', clip, '--out', folder / 'out']
    done = subprocess.run(
        [*map(str, command), '--force'],
        env={**os.environ, 'PYTHONPATH': str(ROOT / 'projects/runtime')},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count('\n') == 1
    assert 'clip.mp4 could not be written' in done.stderr
    assert 'is the disk full? What was there before is kept' in done.stderr
    assert (folder / 'out' / 'clip.mp4').read_bytes() == b'the old video'
    assert written(folder) == ['clip.mp4']
