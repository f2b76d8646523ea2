from __future__ import annotations

from mmpose_sdpose.configs import build_model
from mmpose_sdpose.models.heads import num_keypoints_of

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from projects.studies.jobs import Job, list_jobs
from projects.studies.study import read_study, study_files

from .studies import arm as an_arm
from .studies import study, write_study

SCALES = [(name, scale) for name in study_files() for scale in read_study(name).scales]


def test_the_studies_are_there():
    names = [
        'across', 'backbones', 'backbones_heatmaps', 'cycles', 'distillation', 'outputs', 'peers',
        'pretraining', 'recipe', 'tokens',
    ]  # fmt: skip
    assert list(study_files()) == names


@pytest.mark.parametrize(('name', 'scale'), SCALES, ids=lambda value: value)
def test_every_run_of_every_study_has_a_config(name, scale, tmp_path):
    whole = read_study(name)
    jobs = list_jobs(whole, whole.scales[scale], tmp_path, seeds=1)
    assert {job.arm.name for job in jobs if job.arm in whole.arms} == {
        arm.name for arm in whole.arms
    }
    sizes = {tuple(job.config.codec.input_size) for job in jobs}
    assert len(sizes) == 1, 'runs that are compared see pictures of one size'
    pipelines = {str(job.config.val_dataloader.dataset.pipeline) for job in jobs}
    assert len(pipelines) == 1
    steps = {_epochs_of(job) for job in jobs if job.arm in whole.arms and not job.arm.once}
    assert len(steps) == 1, 'as many steps for all'


def _epochs_of(job: Job) -> int:
    """With those of its backbone, where that is trained first."""
    return sum(one.config.train_cfg.max_epochs for one in (job, job.start) if one)


@pytest.mark.parametrize(
    ('name', 'scale', 'keypoints'),
    [
        *((name, 'micro', 17) for name in ('cycles', 'backbones', 'peers')),
        *(
            (name, 'photos', 14)
            for name in ('across', 'backbones', 'distillation', 'outputs', 'peers', 'pretraining')
        ),
    ],
)
def test_the_models_of_the_small_scales_build(name, scale, keypoints, tmp_path):
    init_default_scope('mmpose')
    whole = read_study(name)
    for job in list_jobs(whole, whole.scales[scale], tmp_path, seeds=1):
        if 'teacher' in job.config.model:  # whose weights are not there yet
            job.config.model.update(teacher_ckpt=None, allow_untrained=True)
        model = MODELS.build(job.config.model)
        assert num_keypoints_of(model.head) == keypoints, job.name


def test_nobody_flips_on_photos_and_all_augment_alike(tmp_path):
    """A flip test would double the cost of those whose config has it."""
    for name in ('across', 'distillation', 'outputs', 'peers'):
        whole = read_study(name)
        jobs = list_jobs(whole, whole.scales['photos'], tmp_path, seeds=1)
        models = [job.config.model.get('student', job.config.model) for job in jobs]
        assert [model.test_cfg.flip_test for model in models] == [False] * len(jobs)
        loaders = [job.config.train_dataloader for job in jobs]
        assert all(loader == loaders[0] for loader in loaders)
        augmented = [{**model.data_preprocessor, 'codec': None} for model in models]
        assert augmented[0]['type'] == 'DeviceAugmentation'
        assert all(one == augmented[0] for one in augmented)
        targets = [model.data_preprocessor.codec for model in models]
        assert targets == [model.head.decoder for model in models]


@pytest.mark.parametrize(
    ('study', 'teacher', 'student'),
    [
        ('distillation', 'teacher', 'both'),
        ('across', 'rtmpose_s', 'rtmpose_simcc'),
        ('across', 'resnet18', 'sdpose_features'),
        ('across', 'sdpose_teacher', 'ladpose_attention'),
    ],
)
def test_a_student_of_photos_learns_from_the_network_that_is_trained(
    study, teacher, student, tmp_path
):
    """Widths of the teacher are said twice: where it is trained, and where it teaches."""
    whole = read_study(study)
    jobs = list_jobs(whole, whole.scales['photos'], tmp_path, seeds=1)
    models = {job.arm.name: job.config.model for job in jobs}
    shapes = [
        {
            name: weight.shape
            for name, weight in build_model(Config(dict(model=model))).state_dict().items()
        }
        for model in (models[teacher], models[student].teacher)
    ]
    assert shapes[0] == shapes[1]
    folders = {job.arm.name: job.folder for job in jobs}
    assert models[student].teacher_ckpt == str(folders[teacher] / 'weights.pth')


def test_all_cycles_cost_the_same_but_the_untied_ones(tmp_path):
    whole = read_study('cycles')
    jobs = list_jobs(whole, whole.scales['micro'], tmp_path, seeds=1)
    depths = {job.arm.name: job.config.model.head.encoder.depth for job in jobs}
    assert depths.pop('untied') == 8
    assert set(depths.values()) == {4}


def test_a_name_that_is_not_there():
    with pytest.raises(FileNotFoundError, match='did you mean cycles'):
        read_study('cycle')
    with pytest.raises(FileNotFoundError, match='neither a file nor one of'):
        read_study('absent.py')


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ("question = 'Is it?'", '', 'it has no question'),
        ("model='sdpose', options=dict(load", "model='other', options=dict(load", 'asks for model'),
        ('run:bad', 'run:worse', 'made_up has no run worse'),
        ("label='later'", "lable='later'", 'lable'),
        ('good=', 'start=', 'no run can be called start'),
        (
            'runs = dict(',
            "runs = dict(**{'../evil': dict(label='x', model='sdpose')}, ",
            'called ../evil',
        ),
        ('dict(sdpose=dict(', 'dict(sdpose=dict(lenght=2, ', "'lenght'; did you mean length"),
        (
            'dict(sdpose=dict(',
            "dict(sdpose=dict(length='2', ",
            r"length of .* \('2'\) must be a number",
        ),
        (
            'dict(sdpose=dict(',
            'dict(sdpose=dict(start=dict(), ',
            'start of model sdpose .* no config',
        ),
        (
            'dict(sdpose=dict(',
            'dict(other=5, sdpose=dict(',
            r'model other of micro \(5\) must be a dict',
        ),
        ("label='later'", 'label=5', r'label of \w+ \(5\) must be a text'),
        (
            "label='later'",
            "label='later', once='no'",
            r"once of \w+ \('no'\) must be True or False",
        ),
        (
            'seeds=2',
            "seeds='1'",
            r"seeds of micro \('1'\) must be a whole number",
        ),
        (
            'options=dict(load',
            "options=dict(a=dict(b='run:good'), load",
            "has 'run:good' inside: give",
        ),
        ('runs = dict(', 'runs = 5 or dict(', "'int' object has no attribute 'items'"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, old, new, message):
    path = write_study(tmp_path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_study(str(path))


def test_only_brings_what_is_needed():
    whole = study(an_arm('a'), an_arm('b'), an_arm('c', load_from='run:b'))
    assert [one.name for one in whole.select(['c'])] == ['b', 'c']
    with pytest.raises(ValueError, match='no run d; it has a, b, c'):
        whole.select(['d'])


def test_runs_that_need_each_other():
    whole = study(an_arm('a', load_from='run:b'), an_arm('b', load_from='run:a'))
    with pytest.raises(ValueError, match='need each other: a -> b -> a'):
        whole.select(None)
