"""Pictures, videos and results are there whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdpose_runtime import People
from sdpose_runtime.files import PartialFile
from sdpose_runtime.outputs import ResultFile, VideoOutput, planned_outputs, write_picture
from sdpose_runtime.sources import Frame, ImageFile, Video

ROOT = Path(__file__).parents[2]
IMAGE = np.full((48, 64, 3), 90, np.uint8)
PEOPLE = People(
    np.float32([[1, 2, 11, 22], [5, 5, 6, 7]]),
    np.float32([0.5, 1.0]),
    np.float32([[[1, 2], [3, 4]], [[5, 6], [7.125, 8]]]),
    np.float32([[0.5, 0.75], [0.1, 1.0]]),
    np.ones(2),
)


def read(path) -> list[np.ndarray]:
    return [frame.image for frame in Video(path).frames()]


@pytest.fixture
def video(tmp_path) -> VideoOutput:
    probe = cv2.VideoWriter(str(tmp_path / 'x.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
    if not probe.isOpened():
        pytest.skip('this OpenCV writes no mp4')
    probe.release()
    (tmp_path / 'x.mp4').unlink()
    return VideoOutput(tmp_path / 'out' / 'a.mp4')


def test_a_picture(tmp_path):
    write_picture(tmp_path / 'out' / 'a.png', IMAGE)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'out' / 'a.png')), IMAGE)


def test_a_picture_that_its_format_cannot_hold(tmp_path):
    with pytest.raises((ValueError, cv2.error)):
        write_picture(tmp_path / 'a.webp', np.zeros((20_000, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


class TestVideo:
    def test_frames(self, video):
        with video:
            for value in (0, 100, 200):
                video.write(np.full((48, 64, 3), value, np.uint8), 10.0)
            assert not video.path.exists()
        np.testing.assert_allclose([i.mean() for i in read(video.path)], [0, 100, 200], atol=4)
        assert Video(video.path).fps == 10
        assert list(video.path.parent.iterdir()) == [video.path]

    def test_nothing_is_left_of_one_that_fails(self, video):
        with pytest.raises(RuntimeError), video:
            video.write(IMAGE, 10.0)
            raise RuntimeError
        assert list(video.path.parent.iterdir()) == []

    def test_one_of_nothing_is_none(self, video):
        with video:
            pass
        assert not video.path.exists()

    def test_frames_of_another_size_are_refused(self, video):
        with video:
            video.write(IMAGE, 10.0)
            with pytest.raises(ValueError, match=r'\(48, 64\) pixels in a video of \(64, 48\)'):
                video.write(IMAGE.transpose(1, 0, 2), 10.0)
        assert len(read(video.path)) == 1

    def test_a_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / 'out').write_text('a file')
        with pytest.raises(OSError), VideoOutput(tmp_path / 'out' / 'a.mp4') as video:
            video.write(IMAGE, 10.0)

    def test_frames_that_never_reached_the_disk_are_missed(self, video, monkeypatch):
        """Whatever OpenCV does with them: it says nothing."""
        video.path.parent.mkdir()
        video.path.write_bytes(b'the old video')
        with pytest.raises(OSError, match=r'a\.mp4 could not be written, 3 of its 5 frames'), video:
            video.write(IMAGE, 10.0)
            for _ in range(2):
                video.write(IMAGE, 10.0)
            deaf = replace(video._video, writer=Deaf(video._video.writer))
            monkeypatch.setattr(video, '_video', deaf)
            for _ in range(2):
                video.write(IMAGE, 10.0)
        assert video.path.read_bytes() == b'the old video'
        assert list(video.path.parent.iterdir()) == [video.path]

    @pytest.mark.skipif(os.name != 'posix', reason='no limits of POSIX here')
    @pytest.mark.parametrize('share', [0.1, 0.5, 0.98])
    def test_a_full_disk_keeps_the_old_one(self, video, tmp_path, share):
        """The disk is full after so many bytes, as far as the process can tell."""
        with VideoOutput(tmp_path / 'whole.mp4') as whole:
            for frame in noise(60):
                whole.write(frame, 10.0)
        video.path.parent.mkdir()
        video.path.write_bytes(b'the old video')
        limit = int((tmp_path / 'whole.mp4').stat().st_size * share)
        code = (
            'import resource, sys\nsys.path[:0] = sys.argv[1:3]\n'
            'from pathlib import Path\nfrom sdpose_runtime.outputs import VideoOutput\n'
            'from tests.sdpose_runtime.test_outputs import noise\n'
            f'resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n'
            'try:\n    with VideoOutput(Path(sys.argv[3])) as video:\n'
            '        for frame in noise(60):\n            video.write(frame, 10.0)\n'
            'except OSError as error:\n    print(error)\n'
        )
        roots = (ROOT, ROOT / 'projects/runtime')
        command = [sys.executable, '-c', code, *map(str, (*roots, video.path))]
        done = subprocess.run(command, capture_output=True, text=True)
        assert 'of its 60 frames can be read: is the disk full?' in done.stdout, done.stderr
        assert video.path.read_bytes() == b'the old video'
        assert list(video.path.parent.iterdir()) == [video.path]


class Deaf:
    """A writer that forgets what it is given."""

    def __init__(self, writer: cv2.VideoWriter) -> None:
        self.release = writer.release

    def write(self, image: np.ndarray) -> None:
        pass


class Writer:
    """A file of which only ``write`` is used."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self.write = write


def noise(count: int) -> list[np.ndarray]:
    numbers = np.random.default_rng(0)
    return [numbers.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


class TestPlan:
    def test_names(self, tmp_path):
        sources = [ImageFile(tmp_path / 'a.jpg'), ImageFile(tmp_path / 'b.png')]
        assert planned_outputs(sources, tmp_path / 'out') == [
            tmp_path / 'out' / 'a.jpg',
            tmp_path / 'out' / 'b.png',
        ]

    def test_two_of_one_name(self, tmp_path):
        sources = [ImageFile(tmp_path / 'x' / 'a.jpg'), ImageFile(tmp_path / 'y' / 'a.jpg')]
        with pytest.raises(ValueError, match='x/a.jpg and .*y/a.jpg would both be drawn into'):
            planned_outputs(sources, tmp_path / 'out')

    def test_two_streams_of_one_name(self, tmp_path):
        sources = [
            Video('rtsp://u:secret@10.0.0.5/a?channel=1'),
            Video('rtsp://10.0.0.5/a?channel=2'),
        ]
        with pytest.raises(
            ValueError, match='10.0.0.5_a and 10.0.0.5_a would both be drawn'
        ) as caught:
            planned_outputs(sources, tmp_path / 'out')
        assert 'secret' not in str(caught.value)

    def test_nothing_is_written_over_its_source(self, tmp_path):
        with pytest.raises(ValueError, match='written over itself: choose another --out'):
            planned_outputs([ImageFile(tmp_path / 'a.jpg')], tmp_path / 'x' / '..')


class TestResults:
    def written(self, tmp_path, *added: tuple, **options) -> list[dict]:
        with ResultFile(tmp_path / 'keypoints.json', **options) as results:
            for frame, people in added:
                results.add(frame, people)
        return json.loads((tmp_path / 'keypoints.json').read_text())

    def test_every_field(self, tmp_path):
        entries = self.written(tmp_path, (Frame('a.jpg', IMAGE), PEOPLE))
        assert entries[0] == dict(
            image_id=1,
            category_id=1,
            keypoints=[1, 2, 0.5, 3, 4, 0.75],
            score=0.3125,
            bbox=[1, 2, 10, 20],
            file_name='a.jpg',
        )
        assert entries[1]['keypoints'] == [5, 6, 0.1, 7.12, 8, 1]
        assert entries[1]['score'] == 1.0

    def test_frames_are_numbered_and_followed(self, tmp_path):
        followed = replace(PEOPLE, ids=np.array([4, 2]))
        frames = [(Frame('clip.mp4', IMAGE, index), followed) for index in range(3)]
        entries = self.written(tmp_path, *frames)
        assert [entry['image_id'] for entry in entries] == [1, 1, 2, 2, 3, 3]
        assert [entry['frame'] for entry in entries] == [0, 0, 1, 1, 2, 2]
        assert [entry['track_id'] for entry in entries] == [4, 2] * 3

    def test_frames_passed_over_have_a_number_too(self, tmp_path):
        frames = [(Frame(name, IMAGE), people) for name, people in (('a', None), ('b', PEOPLE))]
        assert [entry['image_id'] for entry in self.written(tmp_path, *frames)] == [2, 2]

    def test_numbers_of_a_data_set(self, tmp_path):
        ids = dict(a=785, b=40083)
        entries = self.written(
            tmp_path,
            *((Frame(name, IMAGE), PEOPLE) for name in 'ab'),
            image_id=lambda name, path: ids[name],
        )
        assert [entry['image_id'] for entry in entries] == [785, 785, 40083, 40083]

    def test_nobody_anywhere_is_an_empty_list(self, tmp_path):
        nobody = PEOPLE.select(np.zeros(2, bool))
        assert self.written(tmp_path) == []
        assert self.written(tmp_path, (Frame('a.jpg', IMAGE), nobody)) == []

    @pytest.mark.parametrize('error', [OSError, RuntimeError, KeyboardInterrupt])
    def test_however_it_ends_the_frames_so_far_are_there(self, tmp_path, error):
        path = tmp_path / 'keypoints.json'
        path.write_text('old')
        with pytest.raises(error), ResultFile(path) as results:
            for index in range(3):
                results.add(Frame('clip.mp4', IMAGE, index), PEOPLE)
            assert path.read_text() == 'old'
            raise error
        assert [entry['frame'] for entry in json.loads(path.read_text())] == [0, 0, 1, 1, 2, 2]
        assert list(tmp_path.iterdir()) == [path]

    def test_an_error_before_the_first_frame_leaves_what_was_there(self, tmp_path):
        path = tmp_path / 'keypoints.json'
        path.write_text('old')
        with pytest.raises(OSError), ResultFile(path):
            raise OSError
        assert path.read_text() == 'old'
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.skipif(not Path('/dev/full').exists(), reason='no /dev/full here')
    def test_a_full_disk_keeps_the_old_ones(self, tmp_path, monkeypatch):
        path = tmp_path / 'keypoints.json'
        path.write_text('old')
        opened = PartialFile._open

        def open_full(self, suffix):
            opened(self, suffix)
            self.file.close()
            self.file = open('/dev/full', 'wb')  # noqa: SIM115
            monkeypatch.setattr(os, 'fstat', lambda number: os.stat(path))

        monkeypatch.setattr(PartialFile, '_open', open_full)
        with pytest.raises(OSError, match=r"No space left on device: '.*keypoints\.json'$"):  # noqa: SIM117
            with ResultFile(path) as results:
                for index in range(500):
                    results.add(Frame('clip.mp4', IMAGE, index), PEOPLE)
        assert path.read_text() == 'old'
        assert list(tmp_path.iterdir()) == [path]

    def test_after_half_a_frame_nothing_is_named(self, tmp_path):
        """The disk is full once, in the middle of a frame, and has room again for the end."""
        path = tmp_path / 'keypoints.json'
        with pytest.raises(OSError), ResultFile(path) as results:  # noqa: PT012
            results.add(Frame('clip.mp4', IMAGE, 0), PEOPLE)
            write = results._partial.file.write

            def half(data: bytes) -> int:
                write(data[: len(data) // 2])
                results._partial.file = file
                raise OSError(28, 'No space left on device')

            file, results._partial.file = results._partial.file, Writer(half)
            results.add(Frame('clip.mp4', IMAGE, 1), PEOPLE)
        assert list(tmp_path.iterdir()) == []

    def test_memory_does_not_grow_with_the_clip(self, tmp_path):
        with ResultFile(tmp_path / 'keypoints.json') as results:
            results.add(Frame('clip.mp4', IMAGE, 0), PEOPLE)
            tracemalloc.start()
            for index in range(3000):
                results.add(Frame('clip.mp4', IMAGE, index), PEOPLE)
            grown, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert (tmp_path / 'keypoints.json').stat().st_size > 500_000
        assert grown < 50_000

    def test_what_is_no_number_is_not_written(self, tmp_path):
        broken = replace(PEOPLE, keypoints=PEOPLE.keypoints * np.float32('nan'))
        with pytest.raises(ValueError), ResultFile(tmp_path / 'keypoints.json') as results:
            results.add(Frame('a.jpg', IMAGE), PEOPLE)
            results.add(Frame('b.jpg', IMAGE), broken)
        names = [
            entry['file_name'] for entry in json.loads((tmp_path / 'keypoints.json').read_text())
        ]
        assert names == ['a.jpg', 'a.jpg']

    @pytest.mark.parametrize('tools', ['pycocotools.coco', 'xtcocotools.coco'])
    def test_cocos_tools_read_them(self, tmp_path, tools):
        coco = pytest.importorskip(tools, reason=f'{tools} is not installed').COCO()
        coco.dataset = dict(
            images=[dict(id=1)],
            categories=[dict(id=1)],
            annotations=[dict(id=1, image_id=1, category_id=1, keypoints=[1, 2, 2, 3, 4, 2])],
        )
        coco.createIndex()
        self.written(tmp_path, (Frame('a.jpg', IMAGE), PEOPLE))
        coco.anno_file = []
        loaded = coco.loadRes(str(tmp_path / 'keypoints.json'))
        found = loaded.loadAnns(loaded.getAnnIds(imgIds=[1], catIds=[1]))
        assert [person['score'] for person in found] == [0.3125, 1.0]
        assert found[0]['keypoints'] == [1, 2, 0.5, 3, 4, 0.75]
