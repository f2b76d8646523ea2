"""Pictures and results are there whole or not at all."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdpose_runtime import People
from sdpose_runtime.files import PartialFile
from sdpose_runtime.outputs import ResultFile, planned_outputs, write_picture
from sdpose_runtime.sources import Frame, ImageFile, Video

IMAGE = np.full((48, 64, 3), 90, np.uint8)
PEOPLE = People(
    np.float32([[1, 2, 11, 22], [5, 5, 6, 7]]),
    np.float32([0.5, 1.0]),
    np.float32([[[1, 2], [3, 4]], [[5, 6], [7.125, 8]]]),
    np.float32([[0.5, 0.75], [0.1, 1.0]]),
    np.ones(2),
)


def test_a_picture(tmp_path):
    write_picture(tmp_path / 'out' / 'a.png', IMAGE)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'out' / 'a.png')), IMAGE)


def test_a_picture_that_its_format_cannot_hold(tmp_path):
    with pytest.raises((ValueError, cv2.error)):
        write_picture(tmp_path / 'a.webp', np.zeros((20_000, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


class Writer:
    """A file of which only ``write`` is used."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self.write = write


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
