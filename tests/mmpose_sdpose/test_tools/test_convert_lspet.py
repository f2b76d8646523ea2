"""LSPET's archive becomes data that MMPose's own CrowdPose data set reads."""

from __future__ import annotations

import json
import os
import shutil
import signal

from mmpose_sdpose.datasets.lspet import JOINTS, crowdpose_names
from mmpose_sdpose.tools.convert_lspet import main

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from scipy.io import savemat

PHOTOS = 5


def make_archive(folder, joints=None, photos=PHOTOS):
    """Photos of 80 x 60 whose labelled joints are at known places."""
    (folder / 'images').mkdir(parents=True)
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    for number in range(1, photos + 1):
        cv2.imwrite(str(folder / f'images/im{number:05d}.jpg'), image)
    if joints is None:
        joints = np.zeros((14, 3, PHOTOS))
        for index in range(14):
            joints[index] = [[10 + 4 * index], [5 + 3 * index], [1]]
        joints[0, 2] = 0  # not labelled
        joints[1, :2] = -20  # labelled outside of the photo
        joints[3:, 2, 4] = 0  # one joint is left of the last photo's person
    savemat(folder / 'joints.mat', dict(joints=joints))
    return folder


def convert(folder, out, *options: str) -> int:
    return main([str(folder), '--out', str(out), '--test', '2', *options])


def test_mmpose_reads_what_was_converted(tmp_path):
    assert convert(make_archive(tmp_path / 'archive'), tmp_path / 'out') == 0
    init_default_scope('mmpose')
    people = []
    for split in ('train', 'test'):
        dataset = DATASETS.build(
            dict(
                type='CrowdPoseDataset',
                data_root=str(tmp_path / 'out'),
                ann_file=f'annotations/lspet_{split}.json',
                data_prefix=dict(img='images/'),
                pipeline=[dict(type='LoadImage')],
            )
        )
        people += [dataset[index] for index in range(len(dataset))]
    assert sorted(person['img_id'] for person in people) == [1, 2, 3, 4]
    names = crowdpose_names()
    for person in people:
        assert person['img'].shape == (60, 80, 3)
        expected = np.array(
            [[10 + 4 * JOINTS.index(name), 5 + 3 * JOINTS.index(name)] for name in names], float
        )
        seen = np.array([name not in ('right_ankle', 'right_knee') for name in names])
        np.testing.assert_array_equal(person['keypoints_visible'][0] > 0, seen)
        np.testing.assert_allclose(person['keypoints'][0][seen], expected[seen])
        left, top, right, bottom = person['bbox'][0]
        # The labelled joints with a margin of 0.15 of the longer side, 44 pixels.
        np.testing.assert_allclose([left, top, right, bottom], [11.4, 4.4, 68.6, 50.6], atol=0.06)


def test_the_split_is_by_seed(tmp_path):
    archive = make_archive(tmp_path / 'archive')
    held_out = []
    for out, seed in (('a', 0), ('b', 0), ('c', 1)):
        assert convert(archive, tmp_path / out, '--seed', str(seed)) == 0
        content = json.loads((tmp_path / out / 'annotations/lspet_test.json').read_text())
        held_out.append([image['id'] for image in content['images']])
    assert held_out[0] == held_out[1] != held_out[2]
    assert all(len(ids) == 2 for ids in held_out)


def test_real_photos_keep_the_annotators_joints(tmp_path, photos):
    """The same joints as in the 14-joint file of the cut photos, but for the cut."""
    folder = photos / 'lspet'
    if not (folder / 'archive_sample').is_dir():
        pytest.skip('MMPOSE_SDPOSE_DATA has no lspet/archive_sample')
    options = ['--out', str(tmp_path / 'out'), '--first', '24', '--test', '4']
    assert main([str(folder / 'archive_sample'), *options]) == 0
    ours, theirs = {}, {}
    for split in ('train', 'test'):
        for path, people in (
            (tmp_path / f'out/annotations/lspet_{split}.json', ours),
            (folder / f'annotations/lspet_{split}.json', theirs),
        ):
            for person in json.loads(path.read_text())['annotations']:
                people[person['image_id']] = np.array(person['keypoints']).reshape(14, 3)
    shared = sorted(set(ours) & set(theirs))
    assert len(shared) >= 20
    for number in shared:
        both = (ours[number][:, 2] > 0) & (theirs[number][:, 2] > 0)
        assert both.sum() >= 0.8 * (ours[number][:, 2] > 0).sum()
        cut = (ours[number] - theirs[number])[both][:, :2]
        assert np.ptp(cut, axis=0).max() < 0.3  # one shift for the whole photo, rounded


@pytest.mark.parametrize(
    ('fault', 'said'),
    [
        ('nothing', 'has no joints.mat: name the unpacked archive'),
        ('text', 'is no MATLAB file that can be read'),
        ('shape', r'joints of shape \(3, 14, 5\), those of LSPET are \(14, 3, 10000\)'),
        ('name', 'has no variable joints but points: is it the file of another data set'),
        ('unlabelled', '4 labelled joints in 0 of 5 photos, that of LSPET in all'),
        ('not numbers', '4 labelled joints in 0 of 5 photos'),
        ('shares', 'the joints of half of the photos are within 0.65 pixels: .* in pixels'),
        (
            'resized',
            '5.% of the joints of 4 photos are outside of the photo: were the photos resized',
        ),
        (
            'scaled',
            'the people of 12 photos are at 2.% of the width and 2.% of the height by their joints',
        ),
        ('no folder', 'nothing can be written into .*out.*: choose another --out'),
        ('objects', 'joints of 5 photos as object, those of LSPET are numbers'),
        ('nobody', 'joints of 0 photos as float64'),
        ('no photos', '5 of 5 photos are missing or empty, the first is .*im00001.jpg'),
        ('packed', 'archive has no joints.mat: name the unpacked archive'),
        ('half', '2 of 5 photos are missing or empty, the first is .*im00004.jpg'),
        ('broken', 'im00002.jpg is no readable image'),
        ('taken', 'out exists and is not empty'),
        ('few', '1 photo is too few: one to train on and one to test on are needed'),
    ],
)
def test_what_is_no_archive_is_said_in_one_sentence(fault, said, tmp_path, capsys):
    import re

    archive, options = tmp_path / 'archive', []
    if fault == 'nothing':
        archive.mkdir()
    else:
        joints = np.zeros((3, 14, 5)) if fault == 'shape' else None
        photos = dict(half=3, scaled=12).get(fault, PHOTOS)
        if fault == 'scaled':  # to half of the size of their photos
            places = np.stack([5 + 2 * np.arange(14), 3 + 1.5 * np.arange(14), np.ones(14)], axis=1)
            joints = np.repeat(places[..., None], photos, axis=2)
        make_archive(archive, joints, photos)
    if fault == 'text':
        (archive / 'joints.mat').write_text('joints')
    if fault == 'objects':
        savemat(archive / 'joints.mat', dict(joints=np.full((14, 3, 5), {}, object)))
    if fault == 'nobody':
        savemat(archive / 'joints.mat', dict(joints=np.zeros((14, 3, 0))))
    if fault == 'no photos':
        shutil.rmtree(archive / 'images')
    if fault == 'packed':
        shutil.rmtree(archive)
        archive.write_bytes(b'PK')
    if fault == 'name':
        savemat(archive / 'joints.mat', dict(points=np.zeros(3)))
    if fault in ('unlabelled', 'not numbers', 'shares'):
        joints = np.zeros((14, 3, PHOTOS))
        joints[:, 2] = fault != 'unlabelled'
        joints[:, 0] = np.nan if fault == 'not numbers' else np.arange(14)[:, None] / 20
        savemat(archive / 'joints.mat', dict(joints=joints))
    if fault == 'resized':
        for image in (archive / 'images').iterdir():
            cv2.imwrite(str(image), cv2.resize(cv2.imread(str(image)), (40, 30)))
    if fault == 'no folder':
        (tmp_path / 'out').write_text('mine')
    if fault == 'broken':
        (archive / 'images/im00002.jpg').write_text('photo')
    if fault == 'taken':
        (tmp_path / 'out').mkdir()
        (tmp_path / 'out/mine').write_text('mine')
    if fault == 'few':
        savemat(archive / 'joints.mat', dict(joints=np.ones((14, 3, 1))))
    before = sorted(tmp_path.rglob('*'))
    out = tmp_path / ('out/lspet' if fault == 'no folder' else 'out')
    assert convert(archive, out, *options) == 1
    error = capsys.readouterr().err
    assert re.search(rf'^convert_lspet: .*{said}', error, re.MULTILINE), error
    assert 'Traceback' not in error
    assert sorted(tmp_path.rglob('*')) == before, 'nothing is left behind'


@pytest.mark.parametrize('place', ['empty folder', 'current folder', 'link', 'dangling link'])
def test_where_a_folder_or_a_link_is_there(place, tmp_path, monkeypatch):
    archive, out, real = make_archive(tmp_path / 'archive'), tmp_path / 'out', tmp_path / 'real'
    if place.endswith('folder'):
        real = out
    if place != 'dangling link':
        real.mkdir()
    if place.endswith('link'):
        out.symlink_to(real)
    if place == 'current folder':
        monkeypatch.chdir(out)
    number = real.stat().st_ino if real.exists() else None
    assert convert(archive, '.' if place == 'current folder' else out) == 0
    assert number in (None, real.stat().st_ino), 'the folder is another one'
    assert sorted(path.name for path in out.iterdir()) == ['annotations', 'images']
    assert len([*(real / 'images').iterdir()]) == PHOTOS


def test_a_disk_that_is_full_and_an_end_in_the_middle_leave_nothing(tmp_path, capsys, monkeypatch):
    archive = make_archive(tmp_path / 'archive')
    before = sorted(tmp_path.rglob('*'))
    copied = []

    def copy(source, target):
        copied.append(source)
        if len(copied) == 3:
            raise OSError(28, 'No space left on device', str(target))
        if len(copied) == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(shutil, 'copyfile', copy)
    assert convert(archive, tmp_path / 'out') == 1
    assert 'No space left on device' in capsys.readouterr().err
    assert convert(archive, tmp_path / 'out') == 130
    assert 'stopped; nothing was written' in capsys.readouterr().err
    assert sorted(tmp_path.rglob('*')) == before


def test_a_seed_that_is_none(tmp_path, capsys):
    with pytest.raises(SystemExit):
        convert(tmp_path, tmp_path / 'out', '--seed', '-1')
    assert '--seed (-1) must be 0 or more' in capsys.readouterr().err
