"""Images, folders, videos and cameras as frames; what is broken comes as a frame that says so."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import threading
from pathlib import Path

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
    sources = open_sources([str(tmp_path)])
    assert [source.output_name for source in sources] == ['a.JPG', 'b.png', 'c.bmp']
    frames = [frame for source in sources for frame in source.frames()]
    assert [frame.image.shape for frame in frames] == [(20, 30, 3)] * 3
    assert [str(frame) for frame in frames] == ['a.JPG', 'b.png', 'c.bmp']


def test_grey_images_become_three_channels(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((20, 30), 7, np.uint8))
    (frame,) = ImageFile(tmp_path / 'a.png').frames()
    np.testing.assert_array_equal(frame.image, np.full((20, 30, 3), 7))


def test_a_folder_says_what_it_leaves_out(tmp_path, caplog):
    for name in ('a.png', 'b.png'):
        write_image(tmp_path / name)
    assert len(open_sources([str(tmp_path)])) == 2
    assert caplog.text == ''
    for name in ('clip.mp4', 'notes.txt', 'photo.heic', 'zip.zip'):
        (tmp_path / name).touch()
    (tmp_path / 'sub.jpg').mkdir()
    sources = open_sources([str(tmp_path)])
    assert [source.name for source in sources] == ['a.png', 'b.png']
    expected = 'left out what is no image by its suffix: clip.mp4, notes.txt, photo.heic and 2 more'
    assert expected in caplog.text


def test_images_of_one_name_are_told_apart_by_their_folder(tmp_path):
    for folder in ('clip1', 'clip2', 'other/clip2'):
        (tmp_path / folder).mkdir(parents=True)
        write_image(tmp_path / folder / '0001.png')
    write_image(tmp_path / 'clip1' / '0002.png')
    folders = [str(tmp_path / folder) for folder in ('clip1', 'clip2', 'other/clip2')]
    names = [source.name for source in open_sources(folders)]
    assert names == ['clip1/0001.png', 'clip1/0002.png', 'clip2/0001.png', 'other/clip2/0001.png']
    assert [source.name for source in open_sources(folders[:1])] == ['0001.png', '0002.png']


@pytest.mark.parametrize(
    ('content', 'error'),
    [
        (b'', 'the file is empty'),
        (b'no image', 'no image that OpenCV can read'),
        (b'\xff\xd8\xff\xe0broken', 'no image that OpenCV can read'),
    ],
)
def test_a_broken_image_says_so(tmp_path, content, error):
    (tmp_path / 'a.jpg').write_bytes(content)
    (frame,) = ImageFile(tmp_path / 'a.jpg').frames()
    assert frame.image is None
    assert frame.error == error


def test_an_image_that_is_not_there_or_may_not_be_read_says_so(tmp_path):
    (frame,) = ImageFile(tmp_path / 'a.jpg').frames()
    assert 'No such file' in frame.error
    (tmp_path / 'b.jpg').symlink_to(tmp_path / 'gone.jpg')
    (frame,) = (frame for source in open_sources([str(tmp_path)]) for frame in source.frames())
    assert 'No such file' in frame.error
    (tmp_path / 'c.jpg').touch(0o000)
    if not os.access(tmp_path / 'c.jpg', os.R_OK):
        (frame,) = ImageFile(tmp_path / 'c.jpg').frames()
        assert 'Permission denied' in frame.error


#: Three pictures, 30x40, of grey 10, 100 and 200: OpenCV writes such files since version 4.11.
ANIMATIONS = {
    'a.webp': (
        'UklGRroAAABXRUJQVlA4WAoAAAACAAAAHQAAJwAAQU5JTQYAAAAAAAAAAABBTk1GKgAAAAAAAAAAAB0AACcA'
        'AAAAAAJWUDhMEQAAAC8dwAkAB1CFKlSh/4GI6H8AAEFOTUYqAAAAAAAAAAAAHQAAJwAAAAAAAFZQOEwRAAAA'
        'Lx3ACQAHULKSlaz/gYjofwAAQU5NRioAAAAAAAAAAAAdAAAnAAAAAAAAVlA4TBEAAAAvHcAJAAdQ5CIXuf+B'
        'iOh/AAA='
    ),
    'a.png': (
        'iVBORw0KGgoAAAANSUhEUgAAAB4AAAAoCAIAAABmcd1FAAAACGFjVEwAAAADAAAAAM7tusAAAAAaZmNUTAAA'
        'AAAAAAAeAAAAKAAAAAAAAAAAAAAAAQAAxSBytAAAACtJREFUeJztzDEBAAAIAyD1XP/AptALAtBJ6sYcvWq1'
        'Wq1Wq9VqtVqtfqwX8XkAbhq/MXAAAAAaZmNUTAAAAAEAAAAeAAAAKAAAAAAAAAAAAAAAAQAAXlOYYAAAAC9m'
        'ZEFUAAAAAnic7cxBAQAABAQwZL3+GaTgtQVYJ6kbc/Sq1Wq1Wq1Wq9VqtfqxXu9OAXx1FLKxAAAAGmZjVEwA'
        'AAADAAAAHgAAACgAAAAAAAAAAAAAAAEAALPFS4kAAAAvZmRBVAAAAAR4nO3MQQEAAAQEMPQPdrGk4LUFWCep'
        'G3P0qtVqtVqtVqvVarX6sV6XlQKojRRKcwAAAABJRU5ErkJggg=='
    ),
}


@pytest.mark.parametrize('name', ['a.tif', *ANIMATIONS])
def test_of_several_pictures_in_a_file_the_first_is_used_and_that_is_said(tmp_path, caplog, name):
    pictures = [np.full((40, 30, 3), value, np.uint8) for value in (10, 100, 200)]
    quality = [cv2.IMWRITE_WEBP_QUALITY, 101]  # without loss
    assert cv2.imwrite(str(tmp_path / name), pictures[0], quality if name == 'a.webp' else [])
    (frame,) = ImageFile(tmp_path / name).frames()
    assert (frame.pixels == 10).all() and not caplog.text
    if name in ANIMATIONS:
        (tmp_path / name).write_bytes(base64.b64decode(ANIMATIONS[name]))
    else:
        assert cv2.imwritemulti(str(tmp_path / name), pictures)
    (frame,) = ImageFile(tmp_path / name).frames()
    if frame.image is None:
        pytest.skip(f'this OpenCV reads no {name} of several pictures')
    assert (frame.pixels == 10).all()
    assert f'{name} holds several pictures: the first is used' in caplog.text


def test_an_image_of_floating_point_numbers_says_so(tmp_path):
    pixels = np.random.default_rng(0).random((40, 30, 3))
    assert cv2.imwrite(str(tmp_path / 'a.tif'), pixels.astype(np.float32))
    (frame,) = ImageFile(tmp_path / 'a.tif').frames()
    assert frame.image is None
    assert 'its pixels are float32 numbers' in frame.error
    assert cv2.imwrite(str(tmp_path / 'a.tif'), (pixels * 65535).astype(np.uint16))
    (frame,) = ImageFile(tmp_path / 'a.tif').frames()
    assert 100 < frame.pixels.mean() < 150


def test_an_image_beyond_memory_says_so(tmp_path):
    """A PNG of a few bytes whose header says 2 billion pixels a side."""
    write_image(tmp_path / 'a.png')
    data = bytearray((tmp_path / 'a.png').read_bytes())
    data[16:24] = b'\x7f\xff\xff\xff' * 2
    (tmp_path / 'a.png').write_bytes(data)
    (frame,) = ImageFile(tmp_path / 'a.png').frames()
    assert frame.image is None
    assert frame.error


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


def test_names_that_are_addresses_or_no_text_to_opencv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / 'clip.avi', frames=2)
    (tmp_path / 'clip.avi').rename('T12:30:00.avi')
    assert [frame.error for frame in Video(Path('T12:30:00.avi')).frames()] == ['', '']
    (frame,) = Video(Path('bad\udcff.avi')).frames()  # a byte that is no UTF-8, as Python reads it
    assert frame.error == (
        'the name is not UTF-8, which OpenCV needs of a video: rename file or folder'
    )


def test_a_video_without_frames_says_so(tmp_path, monkeypatch):
    write_clip(tmp_path / 'clip.avi')
    video = Video(tmp_path / 'clip.avi')
    monkeypatch.setattr(Video, '_open', lambda self: Empty())
    video.count = None
    (frame,) = video.frames()
    assert frame.error == 'there is no frame in it'


class Empty:
    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        return False

    def release(self) -> None:
        pass


def test_many_videos_do_not_stay_open(tmp_path):
    """Each is looked at and closed: files that one process may open are few."""
    for index in range(8):
        write_clip(tmp_path / f'{index}.avi', frames=2)
    before = len(os.listdir('/proc/self/fd')) if Path('/proc/self/fd').is_dir() else None
    videos = open_sources([str(path) for path in sorted(tmp_path.iterdir())])
    assert [video.count for video in videos] == [2] * 8
    if before is not None:
        assert len(os.listdir('/proc/self/fd')) == before


class TestAddresses:
    @pytest.fixture
    def server(self, tmp_path):
        """The folder's files by HTTP."""

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

        handler = functools.partial(Quiet, directory=str(tmp_path))
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        server.server_close()

    def test_a_video_by_http(self, tmp_path, server):
        write_clip(tmp_path / 'clip.avi')
        (video,) = open_sources([f'{server}/clip.avi'])
        frames = list(video.frames())
        assert [frame.index for frame in frames] == list(range(12))
        np.testing.assert_allclose([f.image.mean() for f in frames], 20 * np.arange(12), atol=3)
        assert (video.fps, video.count) == (10, 12)
        assert not video.is_live  # it says when it ends

    def test_nothing_there(self, server):
        for address in (f'{server}/none.mp4', 'rtsp://127.0.0.1:1/live'):
            (video,) = open_sources([address])
            (frame,) = video.frames()
            assert frame.error.startswith(
                'no stream that OpenCV can open there: is the address right'
            )

    @pytest.mark.parametrize(
        ('address', 'name'),
        [
            ('rtsp://user:secret@10.0.0.5:554/live/ch1?token=secret', '10.0.0.5_554_live_ch1'),
            ('https://example.org/clips/a%20walk.mp4', 'example.org_clips_a_20walk.mp4'),
            ('http://example.org/' + 'x' * 5000, 'example.org_' + 'x' * 88),
            ('RTSP://../../etc', '.._.._etc'),
        ],
    )
    def test_names_have_no_password_and_stay_in_the_folder(self, address, name):
        (video,) = open_sources([address])
        assert video.is_live
        assert (video.name, video.output_name) == (name, name.replace('.mp4', '') + '.mp4')
        assert '/' not in video.output_name


def test_no_camera():
    (video,) = open_sources(['97'])
    assert video.is_live
    assert video.output_name == 'camera97.mp4'
    (frame,) = video.frames()
    assert frame.error == 'there is no such camera'


def test_what_is_no_input_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='no file or folder none.jpg'):
        open_sources(['none.jpg'])
    with pytest.raises(FileNotFoundError, match='no images in the folder'):
        open_sources([str(tmp_path)])
    with pytest.raises(FileNotFoundError, match='no file or folder 9999999999'):
        open_sources(['9999999999'])
    (tmp_path / 'a.txt').write_text('')
    with pytest.raises(ValueError, match=r'a.txt is neither image \(.jpg.* nor video \(.mp4'):
        open_sources([str(tmp_path / 'a.txt')])
