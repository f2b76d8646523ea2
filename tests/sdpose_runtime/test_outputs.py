"""Pictures and videos are there whole or not at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sdpose_runtime.outputs import VideoOutput, planned_outputs, write_picture
from sdpose_runtime.sources import ImageFile, Video

IMAGE = np.full((48, 64, 3), 90, np.uint8)


def read(path) -> list[np.ndarray]:
    return [frame.image for frame in Video(path).frames()]


@pytest.fixture
def video(tmp_path) -> VideoOutput:
    probe = cv2.VideoWriter(str(tmp_path / 'x.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
    if not probe.isOpened():
        pytest.skip('this OpenCV writes no mp4')
    probe.release()
    (tmp_path / 'x.mp4').unlink()
    return VideoOutput(tmp_path / 'out' / 'a.mp4', 10.0)


def test_a_picture(tmp_path):
    write_picture(tmp_path / 'out' / 'a.png', IMAGE)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'out' / 'a.png')), IMAGE)


def test_a_video(video):
    with video:
        for value in (0, 100, 200):
            video.write(np.full((48, 64, 3), value, np.uint8))
        assert not video.path.exists()
    np.testing.assert_allclose([i.mean() for i in read(video.path)], [0, 100, 200], atol=4)
    assert list(video.path.parent.iterdir()) == [video.path]


def test_nothing_is_left_of_a_video_that_fails(video):
    with pytest.raises(RuntimeError), video:
        video.write(IMAGE)
        raise RuntimeError
    assert list(video.path.parent.iterdir()) == []


def test_a_video_of_nothing_is_none(video):
    with video:
        pass
    assert not video.path.exists()


def test_frames_of_another_size_are_refused(video):
    with video:
        video.write(IMAGE)
        with pytest.raises(ValueError, match=r'\(48, 64\) pixels in a video of \(64, 48\)'):
            video.write(IMAGE.transpose(1, 0, 2))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'out').write_text('a file')
    with pytest.raises(OSError), VideoOutput(tmp_path / 'out' / 'a.mp4', 10.0) as video:
        video.write(IMAGE)


class TestPlan:
    def test_names(self, tmp_path):
        sources = [ImageFile(tmp_path / 'a.jpg'), ImageFile(tmp_path / 'b.png')]
        assert planned_outputs(sources, tmp_path / 'out') == [
            tmp_path / 'out' / 'a.jpg',
            tmp_path / 'out' / 'b.png',
        ]

    def test_two_of_one_name(self, tmp_path):
        sources = [ImageFile(tmp_path / 'x' / 'a.jpg'), ImageFile(tmp_path / 'y' / 'a.jpg')]
        with pytest.raises(ValueError, match='would both be drawn into'):
            planned_outputs(sources, tmp_path / 'out')

    def test_nothing_is_written_over_its_source(self, tmp_path):
        with pytest.raises(ValueError, match='written over itself: choose another --out'):
            planned_outputs([ImageFile(tmp_path / 'a.jpg')], tmp_path / 'x' / '..')
