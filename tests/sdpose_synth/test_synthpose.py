"""SynthPose: geometry, drawing, annotation, files."""

from __future__ import annotations

import ast
import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.datasets.datasets import CocoDataset, CrowdPoseDataset
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

import sdpose_synth as synthpose
from sdpose_synth import writer
from sdpose_synth.__main__ import main
from sdpose_synth.annotations import PersonRecord, annotate, crowd_index
from sdpose_synth.appearance import Material, sample_outfit
from sdpose_synth.camera import Camera, look_at
from sdpose_synth.flesh import add_person
from sdpose_synth.keypoints import CROWDPOSE_KEYPOINTS, KEYPOINTS
from sdpose_synth.picture import render
from sdpose_synth.poses import FAMILIES, sample_pose
from sdpose_synth.raster import rasterise
from sdpose_synth.scene import Scene
from sdpose_synth.shapes import Shapes, to_camera
from sdpose_synth.skeleton import (
    JOINT_LIMITS,
    Figure,
    Pose,
    forward_kinematics,
    sample_body,
)

SETTINGS = synthpose.Settings(train=10, val=6, seed=3, size=128)
GREY = Material((0.5, 0.5, 0.5))
HIDDEN_FROM_BEHIND = ('nose', 'left_eye', 'right_eye')


@pytest.fixture(scope='module')
def dataset(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('synthpose') / 'data'
    assert synthpose.write_dataset(out, SETTINGS, workers=2)
    return out


def load(folder: Path, name: str) -> dict:
    return json.loads((folder / 'annotations' / f'{name}.json').read_text())


def straight_figure(yaw: float) -> Figure:
    """An average person standing upright with the arms a little away from the body."""
    rng = np.random.default_rng(0)
    body = sample_body(rng)
    angles = {name: 0.0 for name in JOINT_LIMITS if name.startswith(('spine', 'neck'))}
    for side in ('left', 'right'):
        limb = {name: 0.0 for name in JOINT_LIMITS if not name.startswith(('spine', 'neck'))}
        limb.update(shoulder_abd=30.0, hip_abd=8.0)
        angles.update({f'{side}_{name}': angle for name, angle in limb.items()})
    return forward_kinematics(body, Pose('standing', angles, np.eye(3)), np.zeros(2), yaw)


def picture_of(figure: Figure, centre: tuple[float, float] = (128.0, 128.0)) -> Scene:
    """The figure alone, 4.5 m away, for a picture of 256 x 256."""
    camera = look_at(np.array([0.0, 0.9, 0.0]), 4.5, 0.0, 0.0, 520.0)
    camera.centre = np.array(centre)
    outfit = sample_outfit(np.random.default_rng(1))
    outfit.hair_style = 'short'
    shapes = Shapes()
    add_person(shapes, figure, outfit, 0)
    return Scene([(figure, outfit)], shapes, camera, 'alone')


def flags(scene: Scene) -> dict[str, int]:
    picture = render(np.random.default_rng(0), scene, 256)
    person = annotate(scene, picture).people[0]
    return dict(zip(KEYPOINTS, person.keypoints[:, 2].astype(int)))


# Geometry


def test_projection_is_a_pinhole():
    camera = Camera(np.array([0.0, 1.0, 5.0]), np.diag([1.0, -1.0, -1.0]), 100.0, np.full(2, 64.0))
    projected = camera.project(np.array([[0.0, 1.0, 0.0], [1.0, 2.0, 0.0], [-2.0, 1.0, -5.0]]))
    np.testing.assert_allclose(projected, [[64, 64, 5], [84, 44, 5], [44, 64, 10]])


def test_a_sphere_is_drawn_where_it_is():
    camera = Camera(np.zeros(3), np.diag([1.0, -1.0, -1.0]), 100.0, np.full(2, 50.0))
    shapes = Shapes()
    shapes.ellipsoid(np.array([0.0, 0.0, -4.0]), np.eye(3), (1.0, 1.0, 1.0), GREY)
    buffers = rasterise(to_camera(shapes, camera.position, camera.rotation), camera, 101)
    assert buffers.depth[50, 50] == pytest.approx(3.0, abs=1e-4)
    rows, columns = np.mgrid[:101, :101]
    # A sphere of radius 1 at distance 4 looks as large as a disc with sine 1/4.
    disc = np.hypot(rows - 50, columns - 50) < 100.0 / np.sqrt(15.0)
    np.testing.assert_array_equal(buffers.shape == 0, disc)


def test_a_box_and_a_tube_have_the_right_depth():
    camera = Camera(np.zeros(3), np.diag([1.0, -1.0, -1.0]), 100.0, np.full(2, 50.0))
    shapes = Shapes()
    shapes.box(np.array([-1.0, 0.0, -4.0]), np.eye(3), np.array([0.5, 0.5, 0.5]), GREY)
    top, bottom = np.array([1.0, 1.0, -4.0]), np.array([1.0, -1.0, -4.0])
    shapes.cone(top, bottom, np.array([0.0, 0.0, 1.0]), (0.2, 0.4), 1.0, GREY)
    buffers = rasterise(to_camera(shapes, camera.position, camera.rotation), camera, 101)
    assert buffers.depth[50, 22] == pytest.approx(3.5, abs=1e-4)
    # The tube's nearest line is at depth 3.6, seen at x = 1 there: column 50 + 100 / 3.6.
    assert buffers.depth[50, 78] == pytest.approx(3.6, abs=0.01)
    assert buffers.depth[50, 50] == np.inf


@pytest.mark.parametrize('family', FAMILIES)
def test_poses_keep_limits_lengths_and_the_ground(family):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        body = sample_body(rng)
        pose = sample_pose(rng, body, family)
        for name, angle in pose.angles.items():
            low, high = JOINT_LIMITS[name.replace('left_', '').replace('right_', '')]
            assert low <= angle <= high, name
        p = forward_kinematics(body, pose, np.array([0.5, -1.0]), 30.0).points
        for side in ('left', 'right'):
            for one, two, segment in (
                ('shoulder', 'elbow', 'upper_arm'),
                ('elbow', 'wrist', 'forearm'),
                ('hip', 'knee', 'thigh'),
                ('knee', 'ankle', 'shank'),
            ):
                length = np.linalg.norm(p[f'{side}_{one}'] - p[f'{side}_{two}'])
                assert length == pytest.approx(body.lengths[segment])
        assert min(point[1] for point in p.values()) >= pose.lift - 1e-9


def test_pose_families_differ():
    rng = np.random.default_rng(0)
    body = sample_body(rng)

    def posed(family: str) -> Figure:
        return forward_kinematics(body, sample_pose(rng, body, family), np.zeros(2), 0.0)

    standing, lying, sitting = (posed(name).points for name in ('standing', 'lying', 'sitting'))
    assert standing['head'][1] > 0.85 * body.stature
    assert lying['head'][1] < 0.4 * body.stature
    assert sitting['left_hip'][1] - sitting['left_knee'][1] < 0.15 * body.stature
    assert posed('jumping').pose.lift > 0.1
    with pytest.raises(ValueError, match=r"family \('flying'\) must be one of standing"):
        sample_pose(rng, body, 'flying')


# Annotation


@pytest.mark.parametrize(('yaw', 'left_is_right_of_right'), [(0.0, True), (180.0, False)])
def test_sides_follow_the_view(yaw, left_is_right_of_right):
    figure = straight_figure(yaw)
    scene = picture_of(figure)
    x = scene.camera.project(np.array([figure.points[f'{s}_hip'] for s in ('left', 'right')]))[:, 0]
    assert (x[0] > x[1]) == left_is_right_of_right


def test_everything_shows_from_the_front():
    seen = flags(picture_of(straight_figure(0.0)))
    assert {name for name, flag in seen.items() if flag != 2} == set()


def test_the_face_is_occluded_from_behind():
    seen = flags(picture_of(straight_figure(180.0)))
    assert {name for name, flag in seen.items() if flag != 2} >= set(HIDDEN_FROM_BEHIND)
    for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'):
        assert (seen[f'left_{joint}'], seen[f'right_{joint}']) == (2, 2), joint


@pytest.mark.parametrize(
    ('yaw', 'near', 'far'), [(90.0, 'right', 'left'), (-90.0, 'left', 'right')]
)
def test_the_far_side_is_occluded_from_the_side(yaw, near, far):
    seen = flags(picture_of(straight_figure(yaw)))
    for joint in ('eye', 'ear', 'shoulder', 'hip'):
        assert (seen[f'{near}_{joint}'], seen[f'{far}_{joint}']) == (2, 1), joint


def test_things_and_people_in_front_occlude():
    scene = picture_of(straight_figure(0.0))
    half = np.array([1.0, 0.3, 0.1])
    scene.shapes.box(np.array([0.0, 0.3, 0.8]), np.eye(3), half, GREY)
    seen = flags(scene)
    assert {n for n, flag in seen.items() if flag == 1} == {
        f'{side}_{joint}' for side in ('left', 'right') for joint in ('knee', 'ankle')
    }


def test_joints_outside_the_image_are_zero():
    scene = picture_of(straight_figure(0.0), centre=(128.0, 250.0))
    person = annotate(scene, render(np.random.default_rng(0), scene, 256)).people[0]
    ankles = [KEYPOINTS.index(f'{side}_ankle') for side in ('left', 'right')]
    np.testing.assert_array_equal(person.keypoints[ankles], np.zeros((2, 3)))
    assert person.keypoints[KEYPOINTS.index('nose'), 2] == 2
    assert person.bbox[1] + person.bbox[3] == 256


def test_crowd_index_counts_joints_in_boxes():
    def person(columns: list[float]) -> PersonRecord:
        keypoints = np.zeros((19, 3))
        for row, x in enumerate(columns, start=5):
            keypoints[row] = x, 5.0, 2
        return PersonRecord(keypoints, [min(columns), 0.0, np.ptp(columns), 10.0], 10.0, [])

    near, far = person([0.0, 10.0, 20.0, 30.0]), person([30.0, 40.0])
    # One of the other's joints lies in each box, of four and of two own joints.
    assert crowd_index([near, far]) == pytest.approx(round((1 / 4 + 1 / 2) / 2, 2))
    assert crowd_index([near]) == 0.0
    assert crowd_index([near, near]) == 1.0
    assert crowd_index([]) == 0.0


def test_records_are_consistent(dataset):
    for split in synthpose.SPLITS:
        coco = load(dataset, f'person_keypoints_{split}')
        for person in coco['annotations']:
            x, y, flag = np.array(person['keypoints']).reshape(-1, 3).T
            left, top, wide, high = person['bbox']
            assert person['num_keypoints'] == np.count_nonzero(flag)
            assert set(np.unique(flag)) <= {0, 1, 2}
            assert not x[flag == 0].any() and not y[flag == 0].any()
            assert left >= 0 and top >= 0 and left + wide <= 128 and top + high <= 128
            assert 0 < person['area'] <= wide * high
            seen = flag == 2
            assert (x[seen] >= left - 2).all() and (x[seen] <= left + wide + 1).all()
            assert (y[seen] >= top - 2).all() and (y[seen] <= top + high + 1).all()
            assert person['iscrowd'] == 0


def test_area_and_polygon_are_the_silhouette(dataset):
    coco = COCO(str(dataset / 'annotations' / 'person_keypoints_train.json'))
    for person in coco.dataset['annotations']:
        drawn = np.zeros((128, 128), dtype=np.uint8)
        for polygon in person['segmentation']:
            outline = np.round(np.reshape(polygon, (-1, 1, 2))).astype(np.int32)
            cv2.fillPoly(drawn, [outline], 1)
        # Holes, such as between arm and body, are in the polygon but not in the area.
        assert 0.75 * person['area'] <= drawn.sum() <= 1.6 * person['area'] + 40


def test_crowd_levels_and_flags_are_spread():
    records = [synthpose.make_sample(0, 'val', index, 96).record for index in range(60)]
    levels = np.array([record.crowd_index for record in records])
    assert (levels <= 0.1).sum() >= 10
    assert ((levels > 0.1) & (levels <= 0.8)).sum() >= 5
    assert (levels > 0.8).sum() >= 3
    flag = np.concatenate([p.keypoints[:, 2] for r in records for p in r.people])
    assert all(np.mean(flag == value) > 0.01 for value in (0, 1, 2))


# Files


def test_official_structure(dataset):
    coco, crowd = load(dataset, 'person_keypoints_val'), load(dataset, 'crowdpose_val')
    assert set(coco) == {'info', 'licenses', 'images', 'annotations', 'categories'}
    assert [len(c['categories'][0]['keypoints']) for c in (coco, crowd)] == [17, 14]
    assert crowd['categories'][0]['keypoints'] == list(CROWDPOSE_KEYPOINTS)
    for image, crowd_image in zip(coco['images'], crowd['images']):
        assert 0.0 <= crowd_image['crowdIndex'] <= 1.0
        assert image['file_name'] == crowd_image['file_name']
        pixels = cv2.imread(str(dataset / 'val' / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)
    assert coco['info']['seed'] == 3 and '--seed 3' in coco['info']['command']
    for one, two in zip(coco['annotations'], crowd['annotations']):
        assert one['keypoints'][15:] == two['keypoints'][:36]  # the twelve shared joints


@pytest.mark.parametrize('crowd', [False, True])
def test_ground_truth_scores_one(dataset, crowd):
    name = 'crowdpose_val' if crowd else 'person_keypoints_val'
    truth = COCO(str(dataset / 'annotations' / f'{name}.json'))
    answers = [
        dict(image_id=a['image_id'], category_id=1, keypoints=a['keypoints'], score=1.0)
        for a in truth.dataset['annotations']
        if a['num_keypoints']
    ]
    sigmas = np.full(14, 0.079) if crowd else None
    kind = 'keypoints_crowd' if crowd else 'keypoints'
    score = COCOeval(truth, truth.loadRes(answers), kind, sigmas, use_area=not crowd)
    score.evaluate()
    score.accumulate()
    score.summarize()
    np.testing.assert_allclose(score.stats[:3], 1.0)


@pytest.mark.parametrize(
    ('dataset_class', 'name', 'joints'),
    [(CocoDataset, 'person_keypoints', 17), (CrowdPoseDataset, 'crowdpose', 14)],
)
def test_mmpose_reads_it(dataset, dataset_class, name, joints):
    def read(split: str, **options) -> list[dict]:
        made = dataset_class(
            ann_file=f'annotations/{name}_{split}.json',
            data_root=str(dataset),
            data_prefix=dict(img=f'{split}/'),
            pipeline=[],
            **options,
        )
        return [made[index] for index in range(len(made))]

    people = read('train')
    labelled = [a for a in load(dataset, f'{name}_train')['annotations'] if a['num_keypoints']]
    assert len(people) == len(labelled)
    for person, annotation in zip(people, labelled):
        assert Path(person['img_path']).is_file()
        expected = np.array(annotation['keypoints'], dtype=np.float32).reshape(1, joints, 3)
        np.testing.assert_array_equal(person['keypoints'], expected[..., :2])
    boxes = dataset / 'annotations' / 'person_detections_val.json'
    detected = read('val', bbox_file=str(boxes), test_mode=True)
    assert len(detected) == len(json.loads(boxes.read_text())) > 0


def test_detections_are_near_people_but_not_perfect():
    exact = found = missed = 0
    for index in range(30):
        sample = synthpose.make_sample(0, 'val', index, 96)
        boxes = [detection['bbox'] for detection in sample.detections]
        for detection in sample.detections:
            assert 0 < detection['score'] < 1 and detection['category_id'] == 1
            x, y, w, h = detection['bbox']
            assert x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= 96.01 and y + h <= 96.01
        for person in sample.record.people:
            apart = [np.abs(np.subtract(box, person.bbox)).max() for box in boxes]
            found += bool(apart) and min(apart) < 20
            exact += bool(apart) and min(apart) < 1e-6
            missed += not apart or min(apart) >= 20
    assert found > 40 and missed > 0 and exact == 0


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_bytes_depend_on_the_seed_alone(dataset, tmp_path):
    assert synthpose.write_dataset(tmp_path / 'one', SETTINGS, workers=1)
    assert contents(tmp_path / 'one') == contents(dataset)
    other = synthpose.Settings(train=1, val=0, seed=4, size=128)
    assert synthpose.write_dataset(tmp_path / 'other', other)
    name = 'train/000000000001.jpg'
    assert contents(tmp_path / 'other')[name] != contents(dataset)[name]


def test_opencv_threads_do_not_stall_workers(tmp_path):
    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:  # forked while these threads live, a worker would wait for them for ever
        cv2.GaussianBlur(np.zeros((1500, 1500, 3), dtype=np.uint8), (0, 0), 3)
        assert synthpose.write_dataset(tmp_path / 'data', SETTINGS, workers=2)
        assert cv2.getNumThreads() == 4
    finally:
        cv2.setNumThreads(threads)


def test_a_longer_data_set_begins_like_a_shorter_one(dataset):
    sample = synthpose.make_sample(3, 'train', 9, 128)
    assert (dataset / 'train' / '000000000010.jpg').read_bytes() == sample.jpeg


def test_workers_need_no_torch():
    for file in Path(synthpose.__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in getattr(node, 'names', [])]
            names.append(getattr(node, 'module', '') or '')
            for name in names:
                assert name.split('.')[0] not in ('torch', 'mmpose', 'mmengine', 'mmpose_sdpose')


# Nothing lost, nothing half


def test_an_interrupted_run_leaves_nothing(tmp_path):
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    for workers in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            synthpose.write_dataset(tmp_path / 'data', SETTINGS, workers, interrupt)
        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch, capsys):
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, 'No space left on device', str(self))

    monkeypatch.setattr(writer.Path, 'write_bytes', full)
    out = tmp_path / 'data'
    assert main(['--out', str(out), '--train', '2', '--val', '0', '--workers', '1']) == 1
    assert 'No space left on device' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_contact_sheet_on_a_full_disk_leaves_the_one_before(tmp_path, monkeypatch, capsys):
    def half(self: Path, data: bytes) -> int:
        with open(self, 'wb') as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, 'No space left on device', str(self))

    monkeypatch.setattr(Path, 'write_bytes', half)
    sheet = tmp_path / 'sheet.png'
    with open(sheet, 'wb') as file:
        file.write(b'the one before')
    assert main(['--contact-sheet', str(sheet), '--size', '64']) == 1
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert 'No space left on device' in error
    assert sheet.read_bytes() == b'the one before'
    assert list(tmp_path.iterdir()) == [sheet]


def test_other_content_is_left_alone(tmp_path, capsys):
    (tmp_path / 'photo.jpg').write_bytes(b'mine')
    assert main(['--out', str(tmp_path), '--train', '1', '--val', '0']) == 2
    assert f'{tmp_path} is not empty' in capsys.readouterr().err
    assert contents(tmp_path) == {'photo.jpg': b'mine'}
    assert main(['--out', str(tmp_path / 'photo.jpg'), '--train', '1', '--val', '0']) == 2
    assert 'is a file' in capsys.readouterr().err


def test_made_once(tmp_path, capsys):
    out = tmp_path / 'data'
    arguments = ['--out', str(out), '--train', '2', '--val', '1', '--size', '64']
    out.mkdir()  # an empty folder is taken
    assert main(arguments) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*')}
    capsys.readouterr()
    assert main(arguments) == 0
    assert capsys.readouterr().out == f'{out}: already there, nothing to do\n'
    assert {path: path.stat().st_mtime_ns for path in out.rglob('*')} == before
    assert main([*arguments, '--seed', '1']) == 2  # other settings: not overwritten
    (out / 'train' / '000000000002.jpg').unlink()
    assert main(arguments) == 2  # no longer whole: not taken for complete


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('--size', '16', 'size (16) must be 64 to 2048'),
        ('--train', '-1', 'train (-1) must be 0 or more'),
        ('--seed', '-5', 'seed (-5) must be 0 or more'),
        ('--workers', '0', 'workers (0) must be 1 or more'),
    ],
)
def test_bad_values_are_named(tmp_path, capsys, option, value, message):
    assert main(['--out', str(tmp_path / 'data'), option, value]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_do_is_an_error(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert '--out FOLDER' in capsys.readouterr().err


def test_contact_sheet(tmp_path):
    file = tmp_path / 'sheets' / 'sheet.png'
    assert main(['--contact-sheet', str(file), '--size', '64', '--seed', '3']) == 0
    assert cv2.imread(str(file)).shape == (4 * 512, 6 * 512, 3)


def test_people_alone():
    records = [synthpose.make_sample(0, 'val', index, 96, 'alone').record for index in range(12)]
    assert [len(record.people) for record in records] == [1] * 12
    settings = synthpose.Settings(1, 0, company='alone')
    assert settings.command().endswith('--size 256 --company alone')
    assert settings.as_dict()['company'] == 'alone'


def test_people_who_face_the_camera():
    scenes = [synthpose.make_sample(0, 'val', i, 96, view='front').scene for i in range(30)]
    figures = [figure for scene in scenes for figure, _ in scene.people]
    assert len(figures) > 50
    assert {figure.pose.family for figure in figures} <= set(FAMILIES) - {'lying'}
    across = [f.points['left_hip'][0] - f.points['right_hip'][0] for f in figures]
    assert min(across) > 0  # seen from the front, the left side is on the right
    settings = synthpose.Settings(1, 0, view='front')
    assert settings.command().endswith('--size 256 --view front')
    assert settings.as_dict()['view'] == 'front'


@pytest.mark.parametrize('choice', ['company', 'view'])
def test_data_sets_from_before_there_was_a_choice_are_known_again(choice):
    assert choice not in synthpose.Settings(1, 0).as_dict()
    assert choice not in synthpose.Settings(1, 0).command()


def test_unknown_company():
    with pytest.raises(ValueError, match=r'company \(lonely\) must be one of mixed, alone'):
        synthpose.Settings(1, 0, company='lonely')


def test_unknown_view():
    with pytest.raises(ValueError, match=r'view \(back\) must be one of any, front'):
        synthpose.Settings(1, 0, view='back')
