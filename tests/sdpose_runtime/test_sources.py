"""Images, folders, videos and cameras as frames; what is broken comes as a frame that says so."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sdpose_runtime.sources import ImageFile, Video, open_sources


def write_image(path, value: int = 100) -> None:
    assert cv2.imwrite(str(path), np.full((20, 30, 3), value, np.uint8))


def write_clip(path, frames: int = 12, size: tuple[int, int] = (64, 48), fps: float = 10.0) -> None:
    """A clip whose frames get brighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), fps, size)
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no video')
    for index in range(frames):
        writer.write(np.full((size[1], size[0], 3), 20 * index, np.uint8))
    writer.release()


def test_a_folder_gives_its_images_in_order(tmp_path):
    for name in ('b.png', 'a.JPG', 'c.bmp'):
        write_image(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('')
    (tmp_path / 'sub').mkdir()
    sources = open_sources([str(tmp_path)])
    assert [source.output_name for source in sources] == ['a.JPG', 'b.png', 'c.bmp']
    frames = [frame for source in sources for frame in source.frames()]
    assert [frame.image.shape for frame in frames] == [(20, 30, 3)] * 3
    assert [str(frame) for frame in frames] == ['a.JPG', 'b.png', 'c.bmp']


def test_grey_images_become_three_channels(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((20, 30), 7, np.uint8))
    (frame,) = ImageFile(tmp_path / 'a.png').frames()
    np.testing.assert_array_equal(frame.image, np.full((20, 30, 3), 7))


@pytest.mark.parametrize('content', [b'', b'no image', b'\xff\xd8\xff\xe0broken'])
def test_a_broken_image_says_so(tmp_path, content):
    (tmp_path / 'a.jpg').write_bytes(content)
    (frame,) = ImageFile(tmp_path / 'a.jpg').frames()
    assert frame.image is None
    assert frame.error == 'no image that OpenCV can read'


def test_a_vanished_image_says_so(tmp_path):
    (frame,) = ImageFile(tmp_path / 'a.jpg').frames()
    assert 'No such file' in frame.error


def test_a_video(tmp_path):
    write_clip(tmp_path / 'clip.avi')
    (video,) = open_sources([str(tmp_path / 'clip.avi')])
    assert (video.count, video.fps, video.output_name) == (12, 10.0, 'clip.mp4')
    frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(12) / 10)
    np.testing.assert_allclose([f.image.mean() for f in frames], 20 * np.arange(12), atol=3)
    assert str(frames[3]) == 'clip.avi, frame 3'


def test_a_video_cut_short_says_so(tmp_path):
    path = tmp_path / 'clip.avi'
    numbers = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no video')
    for _ in range(20):
        writer.write(numbers.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = list(Video(path).frames())
    assert all(frame.image is not None for frame in frames[:-1])
    assert 5 < len(frames) < 16
    assert frames[-1].image is None
    assert frames[-1].error == 'the video ends here, though its header says 20 frames'


def test_no_video(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(b'no video')
    (frame,) = Video(tmp_path / 'clip.mp4').frames()
    assert frame.error == 'no video that OpenCV can read'


def test_no_camera():
    (video,) = open_sources(['97'])
    assert video.is_camera
    assert video.output_name == 'camera97.mp4'
    (frame,) = video.frames()
    assert frame.error == 'there is no such camera'


def test_what_is_no_input_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='no file or folder none.jpg'):
        open_sources(['none.jpg'])
    with pytest.raises(FileNotFoundError, match='no images in the folder'):
        open_sources([str(tmp_path)])
    (tmp_path / 'a.txt').write_text('')
    with pytest.raises(ValueError, match=r'a.txt is neither image \(.jpg.* nor video \(.mp4'):
        open_sources([str(tmp_path / 'a.txt')])
