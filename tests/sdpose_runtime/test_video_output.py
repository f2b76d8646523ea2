"""Videos are there whole or not at all, however the thread that writes them ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdpose_runtime.sources import Video
from sdpose_runtime.video_output import MOST_WAITING, VideoOutput

ROOT = Path(__file__).parents[2]
IMAGE = np.full((48, 64, 3), 90, np.uint8)
#: Is given a frame and OpenCV's function that encodes it.
Encode = Callable[[np.ndarray, Callable[[np.ndarray], None]], None]


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


@pytest.fixture
def encode(video, monkeypatch) -> list[Encode]:
    """Frames go to what the test puts into the list, with OpenCV's way to encode them."""
    original, functions = cv2.VideoWriter, []

    class Replaced:
        fourcc = original.fourcc

        def __init__(self, *arguments: object) -> None:
            real = original(*arguments)
            self.isOpened, self.release, self.encode = real.isOpened, real.release, real.write

        def write(self, image: np.ndarray) -> None:
            functions[0](image, self.encode)

    monkeypatch.setattr(cv2, 'VideoWriter', Replaced)
    return functions


def noise(count: int) -> list[np.ndarray]:
    numbers = np.random.default_rng(0)
    return [numbers.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def test_frames(video):
    with video:
        for value in (0, 100, 200):
            video.write(np.full((48, 64, 3), value, np.uint8), 10.0)
        assert not video.path.exists()
    np.testing.assert_allclose([i.mean() for i in read(video.path)], [0, 100, 200], atol=4)
    assert Video(video.path).fps == 10
    assert list(video.path.parent.iterdir()) == [video.path]


def test_nothing_is_left_of_one_that_fails(video):
    with pytest.raises(RuntimeError), video:
        video.write(IMAGE, 10.0)
        raise RuntimeError
    assert list(video.path.parent.iterdir()) == []


def test_one_of_nothing_is_none(video):
    with video:
        pass
    assert not video.path.exists()


def test_frames_of_another_size_are_refused(video):
    with video:
        video.write(IMAGE, 10.0)
        with pytest.raises(ValueError, match=r'\(48, 64\) pixels in a video of \(64, 48\)'):
            video.write(IMAGE.transpose(1, 0, 2), 10.0)
    assert len(read(video.path)) == 1


def test_names_that_are_addresses_or_no_text_to_opencv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with VideoOutput(Path('out:1/a.mp4')) as video:
        video.write(IMAGE, 10.0)
    assert len(read(tmp_path / 'out:1' / 'a.mp4')) == 1
    with (
        pytest.raises(OSError, match='the name is not UTF-8'),
        VideoOutput(Path('\udcff.mp4')) as bad,
    ):
        bad.write(IMAGE, 10.0)
    assert [path.name for path in tmp_path.iterdir()] == ['out:1']


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'out').write_text('a file')
    with pytest.raises(OSError), VideoOutput(tmp_path / 'out' / 'a.mp4') as video:
        video.write(IMAGE, 10.0)


def test_frames_that_never_reached_the_disk_are_missed(video, encode):
    """Whatever OpenCV does with them: it says nothing."""
    frames = []

    def forget(image: np.ndarray, write: Callable[[np.ndarray], None]) -> None:
        frames.append(image)
        if len(frames) <= 3:
            write(image)

    encode.append(forget)
    video.path.parent.mkdir()
    video.path.write_bytes(b'the old video')
    with pytest.raises(OSError, match=r'a\.mp4 could not be written, 3 of its 5 frames'), video:
        for _ in range(5):
            video.write(IMAGE, 10.0)
    assert video.path.read_bytes() == b'the old video'
    assert list(video.path.parent.iterdir()) == [video.path]


@pytest.mark.skipif(os.name != 'posix', reason='no limits of POSIX here')
@pytest.mark.parametrize('share', [0.1, 0.5, 0.98])
def test_a_full_disk_keeps_the_old_one(video, tmp_path, share):
    """The disk is full after so many bytes, as far as the process can tell."""
    with VideoOutput(tmp_path / 'whole.mp4') as whole:
        for frame in noise(60):
            whole.write(frame, 10.0)
    video.path.parent.mkdir()
    video.path.write_bytes(b'the old video')
    limit = int((tmp_path / 'whole.mp4').stat().st_size * share)
    code = (
        'import resource, sys\nsys.path[:0] = sys.argv[1:3]\n'
        'from pathlib import Path\nfrom sdpose_runtime.video_output import VideoOutput\n'
        'from tests.sdpose_runtime.test_video_output import noise\n'
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


class TestThread:
    @pytest.fixture(autouse=True)
    def no_thread_is_left(self):
        yield
        assert 'video writer' not in [thread.name for thread in threading.enumerate()]

    def fail(self, image: np.ndarray, write: object) -> None:
        self.calls = getattr(self, 'calls', 0) + 1
        raise cv2.error('no encoder')

    def test_an_error_comes_with_a_later_frame(self, video, encode):
        encode.append(self.fail)
        video.path.parent.mkdir()
        video.path.write_bytes(b'the old video')
        with pytest.raises(OSError, match=r'a\.mp4 could not be written: no encoder') as caught:  # noqa: SIM117
            with video:
                video.write(IMAGE, 10.0)
                while video._encoder.error is None:
                    time.sleep(0.001)
                video.write(IMAGE, 10.0)
        assert isinstance(caught.value.__cause__, cv2.error)
        assert video.path.read_bytes() == b'the old video'
        assert list(video.path.parent.iterdir()) == [video.path]

    def test_an_error_in_the_last_frame_comes_at_the_end(self, video, encode):
        encode.append(self.fail)
        with pytest.raises(OSError, match=r'a\.mp4 could not be written: no encoder'), video:
            video.write(IMAGE, 10.0)
        assert list(video.path.parent.iterdir()) == []

    def test_after_an_error_nothing_is_encoded_and_nobody_waits(self, video, encode):
        encode.append(self.fail)
        with pytest.raises(OSError), video:  # noqa: PT012
            video.write(IMAGE, 10.0)
            for _ in range(3 * MOST_WAITING):
                video._encoder.add(IMAGE)
        assert self.calls == 1

    def test_so_many_frames_wait_and_no_more(self, video, encode):
        """Else a fast network would fill the memory with frames."""
        gate, encoded, written = threading.Semaphore(0), [], []

        def slow(image: np.ndarray, write: object) -> None:
            gate.acquire()
            encoded.append(int(image[0, 0, 0]))

        def write() -> None:
            for value in range(20):
                video.write(np.full_like(IMAGE, value), 10.0)
                written.append(value)

        encode.append(slow)
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(0.2)
        assert len(written) == MOST_WAITING + 1  # one is in the encoder's hands
        for _ in range(20):
            gate.release()
        writer.join()
        with pytest.raises(OSError, match='0 of its 20 frames can be read'), video:
            pass
        assert encoded == list(range(20))

    def test_who_fails_does_not_wait_for_what_waits(self, video, encode):
        started, gate, encoded = threading.Event(), threading.Event(), []

        def slow(image: np.ndarray, write: object) -> None:
            started.set()
            gate.wait()
            encoded.append(image)

        encode.append(slow)
        with pytest.raises(KeyboardInterrupt), video:  # noqa: PT012
            for _ in range(MOST_WAITING):
                video.write(IMAGE, 10.0)
            started.wait()
            threading.Timer(0.1, gate.set).start()
            raise KeyboardInterrupt
        assert len(encoded) == 1
        assert list(video.path.parent.iterdir()) == []


def test_a_size_that_cannot_be_encoded(video):
    message = (
        'no video of 1x1 pixels, 5 frames a second, can be written to .*a.mp4: this OpenCV does not'
    )
    with pytest.raises(OSError, match=message), video:
        video.write(IMAGE[:1, :1], 5)
    assert not list(video.path.parent.iterdir())
