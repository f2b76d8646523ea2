"""Boxes from COCO-style files: whose they are, and what is said of those that are left out."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from sdpose_runtime import BoxFile
from sdpose_runtime.sources import Frame, ImageFile

from .wrong_kinds import every_wrong_kind

NAN = float('nan')


def frame(name: str = 'a.jpg', path: str | None = None) -> Frame:
    return Frame(name, np.zeros((100, 200, 3), np.uint8), path=path and Path(path))


def box_file(tmp_path, content) -> BoxFile:
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(content))
    return BoxFile(path)


def annotations(*entries: dict, images: tuple = (), **more) -> dict:
    images = images or (dict(id=7, file_name='a.jpg'), dict(id=9, file_name='b.jpg'))
    return dict(images=list(images), annotations=list(entries), **more)


def box(**changes) -> dict:
    return {**dict(image_id=7, bbox=[10, 20, 30, 40], category_id=1), **changes}


class TestAnnotations:
    CONTENT = dict(
        images=[dict(id=7, file_name='train/a.jpg'), dict(id=9, file_name='b.jpg')],
        annotations=[
            dict(image_id=7, bbox=[10, 20, 30, 40], category_id=1),
            dict(image_id=7, bbox=[-5, -5, 500, 500], category_id=1),
            dict(image_id=7, bbox=[0, 0, 50, 50], category_id=1, iscrowd=1),
            dict(image_id=7, bbox=[0, 0, 50, 50], category_id=18),
        ],
    )

    def test_boxes_of_people_within_the_image(self, tmp_path):
        boxes = box_file(tmp_path, self.CONTENT)(frame())
        np.testing.assert_array_equal(boxes.corners, [[10, 20, 40, 60], [0, 0, 199, 99]])
        np.testing.assert_array_equal(boxes.scores, [1, 1])

    def test_images_by_name(self, tmp_path):
        boxes = box_file(tmp_path, self.CONTENT)
        assert [boxes.image_id(name) for name in ('a.jpg', 'b.jpg', '7.jpg')] == [7, 9, None]

    def test_an_image_without_people(self, tmp_path):
        assert box_file(tmp_path, self.CONTENT)(frame('b.jpg')).corners.shape == (0, 4)

    def test_boxes_outside_of_their_image_are_said(self, tmp_path, caplog):
        outside = box(bbox=[500, 20, 30, 40])
        found = box_file(tmp_path, annotations(box(), outside))(frame())
        assert len(found.above(0)) == 1
        assert (
            'boxes.json: 1 of 2 boxes of a.jpg are empty or outside of the image, and left out'
            in caplog.text
        )

    def test_what_a_windows_editor_adds_in_front_is_read(self, tmp_path):
        (tmp_path / 'boxes.json').write_text(json.dumps(self.CONTENT), encoding='utf-8-sig')
        assert len(BoxFile(tmp_path / 'boxes.json')(frame())) == 2


class TestResults:
    def test_images_by_number(self, tmp_path):
        entries = [dict(image_id=785, category_id=1, bbox=[10, 20, 30, 40], score=0.25)]
        boxes = box_file(tmp_path, entries)
        found = boxes(frame('000000000785.jpg'))
        np.testing.assert_array_equal(found.corners, [[10, 20, 40, 60]])
        np.testing.assert_array_equal(found.scores, [0.25])
        assert boxes.image_id('000000000785.jpg') == 785
        assert boxes.image_id('photo.jpg') is None

    def test_images_by_name_in_our_own_results(self, tmp_path):
        entries = [dict(image_id=3, bbox=[1, 2, 3, 4], score=0.5, file_name='a.jpg')]
        boxes = box_file(tmp_path, entries)
        assert boxes.image_id('a.jpg') == 3
        np.testing.assert_array_equal(boxes(frame()).corners, [[1, 2, 4, 6]])
        assert boxes.image_id('3.jpg') is None  # which is another one: image 3 has a name
        boxes = box_file(tmp_path, [*entries, dict(image_id=3, bbox=[1, 2, 3, 4])])
        assert boxes.image_id('3.jpg') is None
        assert len(boxes(frame())) == 2


class TestNames:
    """Frames of two clips have one name, and two folders."""

    CLIPS = annotations(
        box(image_id=1, bbox=[1, 1, 10, 10]),
        box(image_id=2, bbox=[2, 2, 20, 20]),
        images=(dict(id=1, file_name='clip1/0001.jpg'), dict(id=2, file_name='clip2\\0001.jpg')),
    )

    @pytest.mark.parametrize(('folder', 'left'), [('clip1', 1), ('clip2', 2)])
    def test_the_folder_tells_them_apart(self, tmp_path, folder, left):
        boxes = box_file(tmp_path, self.CLIPS)
        # the folder of the clip was given, or the one above it
        for name in ('0001.jpg', f'{folder}/0001.jpg'):
            found = boxes(frame(name, f'/data/{folder}/0001.jpg'))
            assert found.corners[0, 0] == left
        assert boxes.image_id(f'{folder}/0001.jpg') == left

    def test_without_it_both_are_named(self, tmp_path):
        boxes = box_file(tmp_path, self.CLIPS)
        message = r'x/0001.jpg could be clip1/0001.jpg \(image 1\) or clip2/0001.jpg \(image 2\)'
        with pytest.raises(ValueError, match=message):
            boxes(frame('0001.jpg', '/data/x/0001.jpg'))
        with pytest.raises(ValueError, match=message):
            boxes.check_images([ImageFile(Path('/data/x/0001.jpg'))])

    def test_one_name_twice_in_the_file(self, tmp_path):
        images = (dict(id=1, file_name='a.jpg'), dict(id=2, file_name='a.jpg'))
        boxes = box_file(tmp_path, annotations(box(image_id=1), images=images))
        with pytest.raises(ValueError, match=r'a.jpg \(image 1\) or a.jpg \(image 2\)'):
            boxes(frame())

    def test_the_longer_name_is_the_nearer_one(self, tmp_path):
        images = (dict(id=1, file_name='0001.jpg'), dict(id=2, file_name='clip2/0001.jpg'))
        boxes = box_file(tmp_path, annotations(box(image_id=1), images=images))
        assert boxes.image_id('0001.jpg', Path('/data/clip2/0001.jpg')) == 2
        assert boxes.image_id('0001.jpg', Path('/data/clip1/0001.jpg')) == 1

    def test_two_images_are_not_one(self, tmp_path):
        boxes = box_file(tmp_path, annotations(box()))
        images = [ImageFile(Path('x/a.jpg')), ImageFile(Path('y/a.jpg'))]
        with pytest.raises(
            ValueError, match=r'x/a.jpg and y/a.jpg would both be a.jpg \(image 7\)'
        ):
            boxes.check_images(images)

    def test_two_names_are_not_one_image(self, tmp_path):
        """Results of two runs put into one list: both begin with image 1."""
        entries = [box(image_id=1, file_name='a.jpg'), box(image_id=1, file_name='b.jpg')]
        with pytest.raises(ValueError, match='image_id 1 is both a.jpg .* and b.jpg'):
            box_file(tmp_path, entries)

    def test_another_folder_is_said(self, tmp_path, caplog):
        images = (dict(id=7, file_name='clip1/a.jpg'),)
        boxes = box_file(tmp_path, annotations(box(), images=images))
        boxes.check_images([ImageFile(Path('clip2/a.jpg'))])
        expected = (
            r'clip2/a.jpg is taken for clip1/a.jpg (image 7): found in it by the file name alone'
        )
        assert expected in caplog.text
        caplog.clear()
        boxes.check_images([ImageFile(Path('clip1/a.jpg'))])
        assert caplog.text == ''

    def test_images_that_are_not_in_it_are_said(self, tmp_path, caplog):
        boxes = box_file(tmp_path, annotations(box()))
        boxes.check_images([ImageFile(Path(name)) for name in ('a.jpg', 'x.jpg', 'y.jpg')])
        assert (
            'boxes.json: x.jpg and 1 more: not in it, and nobody is looked for there' in caplog.text
        )
        with pytest.raises(ValueError, match='has boxes for none of the images'):
            boxes.check_images([ImageFile(Path('x.jpg'))])


class TestIds:
    @pytest.mark.parametrize('images', [(5, 5), ('5', 5), (5.0, 5)])
    def test_repeated_image_ids_are_refused(self, tmp_path, images):
        listed = tuple(dict(id=id, file_name=f'{n}.jpg') for n, id in enumerate(images))
        with pytest.raises(ValueError, match='two or more images have the id 5: number them anew'):
            box_file(tmp_path, annotations(box(image_id=5), images=listed))

    def test_repeated_annotation_ids_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match='two or more annotations have the id 4: number them'):
            box_file(tmp_path, annotations(box(id=4), box(id=3), box(id=4)))

    @pytest.mark.parametrize('written', ['7', 7.0, '007'])
    def test_numbers_written_otherwise_are_understood(self, tmp_path, written):
        boxes = box_file(tmp_path, annotations(box(image_id=written)))
        assert len(boxes(frame())) == 1
        assert boxes.image_id('a.jpg') == 7

    def test_names_as_ids_are_understood(self, tmp_path):
        images = (dict(id='first', file_name='a.jpg'), dict(id='second', file_name='b.jpg'))
        boxes = box_file(tmp_path, annotations(box(image_id='second'), images=images))
        assert [len(boxes(frame(name))) for name in ('a.jpg', 'b.jpg')] == [0, 1]
        assert boxes.image_id('b.jpg') == 'second'

    @pytest.mark.parametrize('bad', [None, True, 1.5, [7], NAN])
    def test_other_ids_are_refused(self, tmp_path, bad):
        with pytest.raises(
            ValueError, match='boxes.json cannot be used for boxes: .*(id|image_id)'
        ):
            box_file(tmp_path, annotations(box(image_id=bad)))

    def test_boxes_of_images_that_are_not_listed_are_said(self, tmp_path, caplog):
        box_file(tmp_path, annotations(box(), box(image_id=8)))
        assert '1 of 2 boxes left out: of images that it does not list' in caplog.text


class TestCategories:
    """People are the category called person; else the only one; else 1."""

    def kept(self, tmp_path, *numbers: object, **more) -> int:
        content = annotations(*(box(category_id=number) for number in numbers), **more)
        return len(box_file(tmp_path, content)(frame()))

    @pytest.mark.parametrize('number', [0, 1, 2, '1', '0', 1.0])
    def test_the_one_that_is_named_so(self, tmp_path, caplog, number):
        categories = [dict(id=number, name='Person'), dict(id=77, name='dog')]
        assert self.kept(tmp_path, number, number, 77, categories=categories) == 2
        assert f'1 of 3 boxes left out: of other categories than {int(number)}' in caplog.text

    @pytest.mark.parametrize('number', [0, 2, 'worker'])
    def test_the_only_one_is_people_and_that_is_said(self, tmp_path, caplog, number):
        assert self.kept(tmp_path, number, number) == 2
        assert f'its only category, {number}, is taken for people' in caplog.text

    @pytest.mark.parametrize('number', [1, '1', None])
    def test_what_everybody_writes_needs_no_word(self, tmp_path, caplog, number):
        assert self.kept(tmp_path, number, number) == 2
        assert caplog.text == ''

    def test_of_several_without_names_1(self, tmp_path, caplog):
        assert self.kept(tmp_path, 0, 1, 2, 1) == 2
        assert '2 of 4 boxes left out: of other categories than 1' in caplog.text

    def test_a_list_of_results_has_the_same_rule(self, tmp_path):
        entries = [box(category_id=0, file_name='a.jpg'), box(category_id=0, file_name='a.jpg')]
        assert len(box_file(tmp_path, entries)(frame())) == 2

    def test_a_file_of_which_nothing_is_left_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match='nobody is in it: 2 of other categories than 1$'):
            self.kept(tmp_path, 0, 2)
        with pytest.raises(
            ValueError, match='nobody is in it: 1 crowds; 1 without width or height'
        ):
            content = annotations(box(iscrowd=1), box(bbox=[1, 1, 0, 5]))
            box_file(tmp_path, content)
        for empty in ([], annotations()):
            with pytest.raises(ValueError, match='nobody is in it: its list is empty'):
                box_file(tmp_path, empty)


class TestBoxesThatAreNone:
    @pytest.mark.parametrize(
        'bad',
        [
            dict(bbox=[NAN] * 4), dict(bbox=[1, 2, None, 4]), dict(bbox=[1, 2, float('inf'), 4]),
            dict(bbox=[1, 2]), dict(bbox=None), dict(bbox='1 2 3 4'), dict(bbox=[1, 2, 3, 4, 5]),
            dict(bbox=[1, 2, 10**400, 4]), dict(bbox=[1, 2, 1e30, 4]),
            dict(score=NAN), dict(score=None), dict(score='high'),
        ],
    )  # fmt: skip
    def test_one_among_many_is_named_and_comes_as_nan(self, tmp_path, caplog, bad):
        boxes = box_file(tmp_path, annotations(box(id=3), box(id=5, **bad)))(frame())
        assert boxes.usable().tolist() == [True, False]
        np.testing.assert_array_equal(boxes.corners[0], [10, 20, 40, 60])
        expected = 'annotation with id 5: without usable numbers for `bbox` and score'
        assert expected in caplog.text

    def test_all_of_them_are_refused(self, tmp_path):
        with pytest.raises(
            ValueError, match='nobody is in it: 2 without usable numbers for `bbox`'
        ):
            box_file(tmp_path, annotations(box(bbox=None), box(bbox=[NAN] * 4)))

    def test_shares_of_the_image_are_refused(self, tmp_path):
        shares = [box(bbox=[0.1, 0.2, 0.5, 0.7]), box(bbox=[0, 0, 1, 1])]
        with pytest.raises(ValueError, match='no box is larger than a pixel: boxes are in pixels'):
            box_file(tmp_path, annotations(*shares))
        assert len(box_file(tmp_path, annotations(box(), *shares))(frame())) == 3

    def test_without_width_or_height_they_are_counted(self, tmp_path, caplog):
        boxes = box_file(
            tmp_path, annotations(box(), box(bbox=[1, 2, 0, 4]), box(bbox=[1, 2, 3, -4]))
        )
        assert len(boxes(frame())) == 1
        assert '2 of 3 boxes left out: without width or height' in caplog.text


class TestSizes:
    def test_an_image_of_another_size_is_said_once(self, tmp_path, caplog):
        half = dict(width=100, height=50)
        images = (dict(id=7, file_name='a.jpg', **half), dict(id=9, file_name='b.jpg', **half))
        boxes = box_file(tmp_path, annotations(box(), images=images))
        boxes(frame())
        boxes(frame('b.jpg'))
        expected = (
            'boxes.json says that a.jpg has 100x50 pixels, it has 200x100: was it resized or turned'
        )
        assert caplog.text.count('pixels') == 1
        assert expected in caplog.text

    @pytest.mark.parametrize(
        'sides', [dict(width=200, height=100), dict(), dict(width=None, height=0)]
    )
    def test_the_right_size_and_none_need_no_word(self, tmp_path, caplog, sides):
        images = (dict(id=7, file_name='a.jpg', **sides),)
        box_file(tmp_path, annotations(box(), images=images))(frame())
        assert caplog.text == ''

    def test_corners_instead_of_sides_are_said(self, tmp_path, caplog):
        """Boxes [left, top, right, bottom]: most of those right of the middle end beyond the image."""
        corners = [[10, 20, 60, 90], [120, 20, 150, 90], [100, 10, 180, 95]]
        boxes = box_file(tmp_path, annotations(*(box(bbox=corner) for corner in corners)))
        boxes(frame())
        boxes(frame())
        assert caplog.text.count('boxes reach far beyond their image') == 1
        assert '2 of the first 3 boxes' in caplog.text
        assert 'they must be [left, top, width, height]; or were the images resized?' in caplog.text

    def test_a_few_beyond_the_border_need_no_word(self, tmp_path, caplog):
        sides = [[150, 20, 60, 70], [0, 50, 50, 52], [-10, -10, 300, 150], [0, 0, 9, 300]]
        box_file(tmp_path, annotations(*(box(bbox=side) for side in sides), *[box()] * 4))(frame())
        assert caplog.text == ''


@pytest.mark.parametrize(
    'content',
    [
        3,
        'text',
        None,
        ['a'],
        dict(images=[]),
        [dict(image_id=1)],
        [dict(image_id=1, bbox=[1, 2])],
        dict(images=[dict(id=1)], annotations=[]),
        dict(images=3, annotations=[]),
        dict(images=[], annotations=dict()),
    ],
)
def test_other_files_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match='boxes.json cannot be used for boxes: ') as caught:
        box_file(tmp_path, content)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('text', [b'', b'{', b'\xff\xfe', b'[' * 100_000, b'{"a":' * 100_000])
def test_no_json_at_all(tmp_path, text):
    (tmp_path / 'boxes.json').write_bytes(text)
    with pytest.raises(ValueError, match='boxes.json cannot be used for boxes: ') as caught:
        BoxFile(tmp_path / 'boxes.json')
    assert '\n' not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(OSError):
        BoxFile(tmp_path / 'none.json')
    with pytest.raises(OSError):
        BoxFile(tmp_path)


ANNOTATED = annotations(
    box(id=1, iscrowd=0, area=1200, keypoints=[1, 2, 2] * 5),
    box(id=2),
    images=(
        dict(id=7, file_name='clip/a.jpg', width=200, height=100),
        dict(id=9, file_name='b.jpg'),
    ),
    categories=[dict(id=1, name='person')],
)
LISTED = [box(score=0.5, file_name='a.jpg'), box(score=0.25, file_name='a.jpg'), box(image_id=9)]


@pytest.mark.parametrize('content', [ANNOTATED, LISTED], ids=['annotations', 'results'])
def test_another_kind_at_any_place_is_taken_or_refused(tmp_path, content, caplog):
    caplog.set_level(logging.CRITICAL)
    refused = 0
    for name, changed in every_wrong_kind(content):
        try:
            boxes = box_file(tmp_path, changed)
            for image in ('a.jpg', 'b.jpg', '9.jpg'):
                found = boxes(frame(image))
                assert found.corners.shape == (len(found), 4), name
                boxes.check_images([ImageFile(Path('clip/a.jpg')), ImageFile(Path('9.jpg'))])
        except ValueError as error:
            assert '\n' not in str(error), name
            refused += 1
    assert refused > 100
