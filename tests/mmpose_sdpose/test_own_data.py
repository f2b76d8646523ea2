"""Own keypoints: files as labelling tools write them, and every command of the page about it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mmpose_sdpose.checkpoint import read_checkpoint
from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.datasets import check_data
from mmpose_sdpose.datasets.own_data import Labels, read_labels, split
from mmpose_sdpose.datasets.own_data_files import metainfo_file, mirrored
from mmpose_sdpose.engine.packaged_weights import load_from_package
from mmpose_sdpose.keypoint_weights import keypoint_names_in
from mmpose_sdpose.tools.prepare_data import TRAINED_WITH, WEIGHTS
from mmpose_sdpose.tools.prepare_data import main as prepare_data

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..pages import blocks, commands, run_command
from .drawn_hands import NAMES, SKELETON, write_hands

PAGE = 'docs/own_data.md'
PACKAGED_NAMES = [
    'ladpose-n_photos-256x192.pth',
    'sdpose-n_photos-256x192.pth',
    'sdpose-n_synthpose-128x96.pth',
]
#: No worker processes, and one epoch.
TEST = (
    '--cfg-options',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
)
TRAIN = (
    '--cfg-options',
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
)


def write(folder: Path, people: list[dict], categories: list[dict], name: str = 'a.jpg') -> Path:
    """A COCO file with one image of 100 x 80 pixels in ``photos/``."""
    (folder / 'photos').mkdir(exist_ok=True)
    cv2.imwrite(str(folder / 'photos' / 'a.jpg'), np.zeros((80, 100, 3), np.uint8))
    content = dict(images=[dict(id=7, file_name=name)], annotations=people, categories=categories)
    (folder / 'labels.json').write_text(json.dumps(content))
    return folder / 'labels.json'


def person(keypoints: list[float], **fields: Any) -> dict[str, Any]:
    return dict(id=0, image_id=7, category_id=1, keypoints=keypoints, **fields)


KIND = dict(id=1, name='dog', keypoints=['nose', 'tail', 'left ear'], skeleton=[[1, 2], [1, 3]])
POINTS = [10, 20, 2, 50, 60, 1, 0, 0, 0]


def read(folder: Path, *people: dict, kinds: list[dict] | None = None, **options: Any) -> Labels:
    path = write(folder, list(people), kinds or [KIND], options.pop('name', 'a.jpg'))
    return read_labels(path, folder / 'photos', **options)


def test_a_whole_file_stays_as_it_is(tmp_path):
    """As CVAT writes it."""
    labels = read(
        tmp_path, person(POINTS, bbox=[5, 15, 50, 50], area=2500, iscrowd=0, num_keypoints=2)
    )
    assert labels.names == ['nose', 'tail', 'left_ear'] and labels.links == [(0, 1), (0, 2)]
    assert labels.images == [dict(id=1, file_name='a.jpg', width=100, height=80)]
    assert labels.people == [
        dict(
            id=1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            bbox=[5, 15, 50, 50],
            area=2500,
            num_keypoints=2,
            keypoints=POINTS,
        )
    ]
    assert not labels.mended and not +labels.left_out


def test_boxes_and_areas_that_are_none_are_made(tmp_path):
    """As COCO Annotator leaves them where nothing but keypoints was drawn; drawn shapes are left out."""
    shape = dict(
        id=1, image_id=7, category_id=1, segmentation=[[1, 1, 9, 1, 9, 9]], bbox=[1, 1, 8, 8]
    )
    nobody = dict(person([0] * 9), id=2)
    labels = read(tmp_path, person(POINTS, bbox=[0, 0, 0, 0], area=0), shape, nobody)
    # 4 pixels beyond the keypoints, a tenth of the longer side
    assert labels.people[0]['bbox'] == [6, 16, 48, 48]
    assert labels.people[0]['area'] == round(0.53 * 48 * 48, 2)
    assert labels.people[0]['num_keypoints'] == 2
    assert dict(+labels.left_out) == {'without keypoints': 1, 'with no keypoint labelled': 1}
    assert labels.mended.total() == 2


def test_the_category_with_keypoints_is_chosen_and_files_are_found_by_name(tmp_path):
    """As Roboflow and Label Studio write them."""
    project = dict(id=0, name='dogs', supercategory='none')
    labels = read(
        tmp_path,
        person(POINTS),
        dict(id=3, image_id=7, category_id=0, bbox=[0, 0, 5, 5]),
        kinds=[project, KIND],
        name='upload\\12\\a.jpg',
    )
    assert labels.images[0]['file_name'] == 'a.jpg'
    assert labels.left_out['of other categories'] == 1


def test_of_two_categories_with_keypoints_one_is_named(tmp_path):
    cat = dict(id=2, name='cat', keypoints=['nose'])
    people = [person(POINTS), dict(person([3, 4, 2]), category_id=2)]
    with pytest.raises(ValueError, match="keypoints of 2 categories .*'dog', 'cat'.*--category"):
        read(tmp_path, *people, kinds=[KIND, cat])
    labels = read(tmp_path, *people, kinds=[KIND, cat], category='cat')
    assert labels.names == ['nose'] and labels.people[0]['keypoints'] == [3, 4, 2]


@pytest.mark.parametrize(
    ('people', 'kinds', 'options', 'message'),
    [
        ([dict(id=0, category_id=1, bbox=[1, 1, 5, 5])], [KIND], {}, 'no annotation with keypoints'),
        ([person(POINTS[:6])], [KIND], {}, 'has 6 numbers as keypoints: wanted are .* of 3 keypoints'),
        ([person(POINTS[:8] + [None])], [KIND], {}, 'wanted are x, y and visibility'),
        ([person([1, 2, 0] * 3)], [KIND], {}, 'nobody with a labelled keypoint .1 with no keypoint'),
        ([person(POINTS)], [dict(id=1, name='dog')], {}, 'does not name the keypoints .*--keypoints'),
        ([person(POINTS)], [dict(KIND, keypoints=['a', 'b', 'a'])], {}, 'two keypoints called a'),
        ([person(POINTS)], [dict(KIND, skeleton=[[1, 4]])], {}, r'links keypoints \(1, 4\)'),
        ([dict(person(POINTS), image_id=8)], [KIND], {}, 'is on image 8, which the file does not list'),
        ([person(POINTS)], [KIND], dict(category='cat'), "no category cat: choose from 'dog'"),
        ([person(POINTS)], [dict(KIND, id=2)], {}, 'category 1, which "categories" does not list .2'),
        ([person(POINTS)], [dict(KIND, keypoints=[{'name': 'a'}])], {}, 'wanted is a list of names'),
        ([person(POINTS)], [dict(KIND, skeleton=[['nose', 'tail']])], {}, 'wanted are pairs of numbers'),
        ([person(POINTS)], [dict(KIND, skeleton=[1, 2])], {}, 'an entry is of another kind'),
        ([[1, 2]], [KIND], {}, 'an entry is of another kind'),
        ([person([0.1, 0.2, 2, 0.5, 0.6, 1, 0, 0, 0])], [KIND], {}, 'wanted are pixels, not shares'),
        ([person([10, 20, 2, 50, 90, 1, 0, 0, 0])], [KIND], {}, r'1 of 2 labelled .* at \[50.0, 90.0\]'),
        ([person([-9, 20, 2, 50, 60, 1, 0, 0, 0])], [KIND], {}, 'are outside of their image'),
        ([person(POINTS, bbox=[0.1, 0.2, 0.5, 0.7])], [KIND], {}, '1 of 1 boxes are elsewhere than'),
        ([dict(id=0, image_id=7, keypoints=POINTS)], [KIND], {}, "no 'category_id'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_a_sentence(people, kinds, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, *people, kinds=kinds, **options)


def test_a_number_among_the_keypoints_that_is_none_is_shown(tmp_path):
    with pytest.raises(ValueError, match="annotation 0 has '60' among the numbers as keypoints"):
        read(tmp_path, person([10, 20, 2, 50, '60', 1, 0, 0, 0]))


def test_slips_are_left_to_whoever_labelled(tmp_path):
    people = [person(POINTS) for _ in range(9)] + [person([10, 20, 2, 50, 90, 1, 0, 0, 0])]
    assert len(read(tmp_path, *people).people) == 10


def test_ids_are_alike_as_numbers_and_as_text(tmp_path):
    text = dict(person(POINTS), image_id='7', category_id='1')
    assert read(tmp_path, text).people == read(tmp_path, person(POINTS)).people


@pytest.mark.parametrize(
    'name',
    [
        'my%20dog.jpg',
        '/data/local-files/?d=dogs/my%20dog.jpg',
        'https://host/1/my%20dog.jpg?key=a/b',
    ],
)
def test_files_are_found_by_the_address_that_a_tool_showed_them_at(tmp_path, name):
    path = write(tmp_path, [person(POINTS)], [KIND], name)
    (tmp_path / 'photos/a.jpg').rename(tmp_path / 'photos/my dog.jpg')
    assert read_labels(path, tmp_path / 'photos').images[0]['file_name'] == 'my dog.jpg'


def test_files_beside_the_folder_are_not_its_images(tmp_path):
    path = write(tmp_path, [person(POINTS)], [KIND], '../a.jpg')
    (tmp_path / 'photos/a.jpg').rename(tmp_path / 'a.jpg')
    with pytest.raises(ValueError, match='1 of 1 images .* not in'):
        read_labels(path, tmp_path / 'photos')


@pytest.mark.parametrize('size', [(50, 40), (80, 100)])
def test_images_of_another_size_than_labelled_are_refused(tmp_path, size):
    """Resized, or turned by their EXIF entry."""
    path = write(tmp_path, [person(POINTS)], [KIND])
    content = json.loads(path.read_text())
    content['images'][0].update(width=size[0], height=size[1])
    path.write_text(json.dumps(content))
    message = f'a.jpg has {size[0]}x{size[1]} pixels, it has 100x80: was it resized or turned'
    with pytest.raises(ValueError, match=message):
        read_labels(path, tmp_path / 'photos')


def test_an_image_that_is_listed_twice_is_one(tmp_path):
    """Else it could be trained on and held out."""
    path = write(tmp_path, [person(POINTS), dict(person(POINTS), image_id=8)], [KIND])
    content = json.loads(path.read_text())
    content['images'].append(dict(id=8, file_name='photos/a.jpg'))
    path.write_text(json.dumps(content))
    labels = read_labels(path, tmp_path / 'photos')
    assert len(labels.images) == 1 and [p['image_id'] for p in labels.people] == [1, 1]
    assert labels.mended['images that the file lists twice, taken for one'] == 1


def test_what_may_be_meant_otherwise_is_said(tmp_path):
    path = write(tmp_path, [person(POINTS, bbox=[5, 10, 70, 80])], [KIND])
    cv2.imwrite(str(tmp_path / 'photos/a.jpg'), np.zeros((240, 320, 3), np.uint8))
    assert [len(read_labels(path, tmp_path / 'photos').doubts)] == [1]
    assert 'are these per cent?' in read_labels(path, tmp_path / 'photos').doubts[0]
    labels = read(tmp_path, person(POINTS, bbox=[5, 10, 90, 90]))
    assert ['1 of 1 boxes reach beyond their image' in doubt for doubt in labels.doubts] == [True]


def test_images_that_are_elsewhere_are_named(tmp_path):
    path = write(tmp_path, [person(POINTS)], [KIND])
    (tmp_path / 'photos/a.jpg').unlink()
    with pytest.raises(ValueError, match=r'1 of 1 images .* not in .*photos.*: a.jpg. .*--images'):
        read_labels(path, tmp_path / 'photos')


def test_the_file_of_another_task_is_refused(tmp_path):
    (tmp_path / 'labels.json').write_text('{"shapes": []}')
    with pytest.raises(ValueError, match='no COCO file, which has the lists images'):
        read_labels(tmp_path / 'labels.json', tmp_path)


def test_the_split_is_by_image_and_whole(tmp_path):
    labels = read_labels(write_hands(tmp_path, 10), tmp_path / 'photos')
    parts = split(labels, 0.25, seed=1)
    assert [len(parts[part].people) for part in ('train', 'val')] == [7, math.ceil(2.5)]
    together = parts['train'].people + parts['val'].people
    assert sorted(entry['id'] for entry in together) == list(range(1, 11))
    for part in parts.values():
        on = {entry['image_id'] for entry in part.people}
        assert on == {image['id'] for image in part.images}
    for share in (1, 0, -0.2, 20, math.nan, math.inf):
        with pytest.raises(
            ValueError, match=f'a share of {share} of 10 labelled images leaves one'
        ):
            split(labels, share, seed=1)


@pytest.mark.parametrize(
    ('name', 'other'),
    [
        ('left_ear', 'right_ear'),
        ('ear_right', 'ear_left'),
        ('L_ear', 'R_ear'),
        ('Left-ear', 'Right-ear'),
        ('nose', ''),
        ('left_only', ''),
        ('lip', ''),
    ],
)
def test_a_keypoint_finds_its_mirror_by_name(name, other):
    names = [name, other, 'lip', 'rip', 'left_only']
    assert mirrored(name, names) == other


def test_mmpose_reads_the_metainfo(tmp_path):
    labels = Labels(['nose', 'left_hip', 'right_hip'], [(0, 1), (0, 2)])
    (tmp_path / 'metainfo.py').write_text(metainfo_file(labels, 'dog'))
    metainfo = parse_pose_metainfo(dict(from_file=str(tmp_path / 'metainfo.py')))
    assert metainfo['flip_indices'] == [0, 2, 1]
    assert metainfo['skeleton_links'] == [(0, 1), (0, 2)]
    assert metainfo['sigmas'].tolist() == pytest.approx([0.026, 0.107, 0.107])
    assert (metainfo['upper_body_ids'], metainfo['lower_body_ids']) == ([0], [1, 2])


def test_existing_files_are_not_replaced_unasked(tmp_path, capsys):
    arguments = [str(write_hands(tmp_path, 6)), '--images', str(tmp_path / 'photos')]
    arguments += ['--out', str(tmp_path / 'hand')]
    assert prepare_data(arguments) == 0
    before = (tmp_path / 'hand/hand.py').read_text()
    assert prepare_data([*arguments, '--seed', '1']) == 1
    assert 'replace them with --force' in capsys.readouterr().err
    assert (tmp_path / 'hand/hand.py').read_text() == before
    assert prepare_data([*arguments, '--force']) == 0


def test_what_is_wrong_with_the_command_is_said_before_images_are_read(tmp_path, capsys):
    labels, photos = write_hands(tmp_path, 6), tmp_path / 'photos'
    for photo in photos.iterdir():
        photo.write_bytes(b'broken')
    (tmp_path / 'taken').mkdir()
    (tmp_path / 'taken/val.json').touch()
    before = sorted(tmp_path.rglob('*'))
    for options, message in (
        (['--out', tmp_path / 'taken'], 'taken has val.json already'),
        (['--out', labels], 'is a file: name another folder with --out'),
        (['--out', tmp_path / 'new', '--weights', 'None', '--config', 'none'], 'no config none'),
        (
            ['--out', tmp_path / 'new', '--weights', tmp_path / 'gone.pth'],
            f'no checkpoint at {tmp_path}/gone.pth: put it there, name another with --weights, or',
        ),
        (
            ['--out', tmp_path / 'new', '--weights', 'mmpose_sdpose://gone.pth'],
            f'no weights mmpose_sdpose://gone.pth: the package has {", ".join(PACKAGED_NAMES)}\n',
        ),
        (['--out', tmp_path / 'new', '--weights', 'https://host/a.pth'], 'is no readable image'),
        (['--out', tmp_path / 'new'], 'is no readable image'),
    ):
        assert prepare_data([str(labels), '--images', str(photos), *map(str, options)]) == 1
        assert message in capsys.readouterr().err
        assert sorted(tmp_path.rglob('*')) == before
    with pytest.raises(SystemExit):
        prepare_data([str(labels), '--images', str(photos), '--out', 'new', '--seed', '-1'])
    assert '--seed (-1) must be 0 or more' in capsys.readouterr().err


def test_images_are_not_held_out_and_trained_on(tmp_path, capsys):
    labels = str(write_hands(tmp_path, 6))
    options = ['--images', str(tmp_path / 'photos'), '--out', str(tmp_path / 'hand')]
    assert prepare_data([labels, *options, '--val', labels]) == 1
    assert '6 images are in' in capsys.readouterr().err
    assert not (tmp_path / 'hand').exists()


@pytest.fixture
def hands(tmp_path, monkeypatch) -> Path:
    """A folder as the page has it: twelve drawn hands and their labels."""
    write_hands(tmp_path, 12)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page(hands, capsys):
    """In order; the training for one epoch."""
    lines = [line.replace('epoch_200', 'epoch_1') for line in commands(PAGE)]
    assert [line.split()[1] for line in lines] == [
        'run',
        'run',
        'train',
        'test',
        'run',
        'hand.onnx',
        'run',
    ]
    for line in lines[:-1]:
        run_command(line, *dict(train=TRAIN, test=TEST).get(line.split()[1], ()))
    assert 'coco/AP' in capsys.readouterr().out
    checkpoint = read_checkpoint('work_dirs/hand/epoch_1.pth')
    assert keypoint_names_in(checkpoint) == NAMES
    assert checkpoint['state_dict']['head.mct.keypoint_tokens'].shape[1] == 21
    log = ''.join(path.read_text() for path in Path('work_dirs/hand').glob('*/*.log'))
    assert '0 of 21 keypoints have their name in mmpose_sdpose://' in log
    assert Path('out/hand0_5.jpg').is_file()
    (program,) = blocks(PAGE, 'python')
    exec(program, {})
    said = capsys.readouterr().out
    assert all(f"'{name}': [" in said for name in NAMES)


def test_what_is_never_seen_in_a_mirror_is_not_mirrored(hands, capsys):
    """Asked for, since names cannot say it: where none has a side, what is done is printed."""
    flips = []
    for options in ('', ' --no-mirror --force'):
        run_command(commands(PAGE)[0] + options)
        config = Config.fromfile('data/hand/hand.py')
        kinds = [step.type for step in config.train_dataloader.dataset.pipeline]
        flips.append((kinds.count('RandomFlip'), config.model.test_cfg.flip_test))
        assert ('no keypoint is called left or right' in capsys.readouterr().out) == (not options)
    assert flips == [(1, True), (0, False)]


def test_packaged_weights_go_on_as_they_were_trained(hands):
    """With the loss that their logits are for; from the rate of their own training, and warmed up."""
    run_command(commands(PAGE)[0])
    config = Config.fromfile('data/hand/hand.py')
    trained = read_config(TRAINED_WITH)
    assert config.load_from == WEIGHTS and config.codec.input_size == trained.codec.input_size
    assert config.model.head.loss == trained.model.head.loss == dict(type='HeatmapCrossEntropyLoss')
    # 2e-3 * sqrt(16 / 256)
    assert config.optim_wrapper.optimizer == dict(type='Adam', lr=0.0005)
    warm_up, cosine = config.param_scheduler
    assert warm_up.type == 'LinearLR' and warm_up.end == 100 and not warm_up.by_epoch
    assert cosine.type == 'CosineAnnealingLR' and cosine.T_max == config.train_cfg.max_epochs
    assert config.model.test_cfg.flip_test
    weights, model = load_from_package(WEIGHTS)['state_dict'], build_model(config)
    new = {name for name, value in model.state_dict().items() if weights[name].shape != value.shape}
    assert weights.keys() == model.state_dict().keys() and new == {'head.mct.keypoint_tokens'}


def test_a_published_model_can_be_the_start(hands):
    """The page's last command, once its weights are there."""
    Path('sdpose-s-v1.pth').touch()
    run_command(commands(PAGE)[-1])
    config = Config.fromfile('data/hand_s/hand_s.py')
    assert config.load_from == 'sdpose-s-v1.pth' and config.model.head.out_channels == 21
    assert config.codec.input_size == (192, 256)
    assert config.model.head.loss.type == 'KeypointMSELoss'
    # 1e-3 * sqrt(16 / 512)
    assert config.optim_wrapper.optimizer == dict(type='Adam', lr=0.00018)
    assert config.train_dataloader.dataset.ann_file == 'data/hand_s/train.json'
    assert config.test_evaluator.ann_file == 'data/hand_s/val.json'
    assert len(SKELETON) == 20 and config.train_cfg.max_epochs == 300


@pytest.mark.parametrize(
    'name',
    [
        'td-hm_sdpose-n_8xb64-300e_coco-256x192',  # tests on detected boxes of its own
        'td-reg_ladpose_8xb64-300e_crowdpose-256x192',  # has another data set, metric and AP
        'td-reg_distilpose-n_2xb16-16e_synthpose-128x96',
    ],
)
def test_nothing_is_left_of_the_data_that_a_model_was_made_for(name, hands):
    arguments = ['labels.json', '--images', 'photos', '--out', 'own', '--config', name]
    assert prepare_data([*arguments, '--weights', 'None']) == 0
    config = Config.fromfile('own/own.py')
    assert config.load_from is None
    assert [finding.text for finding in check_data(config, ['train', 'val', 'test'])] == []
    text = Path('own/own_base.py').read_text()
    assert not [word for word in ('data/', 'CrowdPose', 'crowd', 'annotations/') if word in text]
    assert config.default_hooks.checkpoint.save_best == 'coco/AP'


def test_a_model_that_augments_its_own_data_is_refused(hands, capsys):
    arguments = ['labels.json', '--images', 'photos', '--out', 'own', '--weights', 'None']
    name = 'td-hm_sdpose-n_1xb256-60e_photos-256x192'
    assert prepare_data([*arguments, '--config', name]) == 1
    assert 'take a config of the same model for COCO' in capsys.readouterr().err
