from __future__ import annotations

import pickle

import pytest

from projects.studies.jobs import list_jobs, metric, optional_metric
from projects.studies.study import Arm, Scale

from .studies import HEATMAPS_N, RECIPE, SCALE, SDPOSE_N, arm, study


def folders(tmp_path, *arms, **options) -> dict[str, str]:
    jobs = list_jobs(study(*arms), SCALE, tmp_path, seeds=1, **options)
    return {job.arm.name: job.folder.parent.name for job in jobs}


def test_the_same_config_has_the_same_folder_whatever_the_study(tmp_path):
    other = arm('other', model__head__num_cycles=3)
    alone = folders(tmp_path, arm('a', model__head__num_cycles=1))
    together = folders(tmp_path, other, arm('a', model__head__num_cycles=1))
    assert alone['a'] == together['a']


def test_arms_of_the_same_config_share_a_run_under_the_first_name(tmp_path):
    one, two = (arm(name, model__head__num_cycles=1) for name in ('one', 'two'))
    planned = folders(tmp_path, one, two)
    assert set(planned) == {'one', 'two'}
    assert planned['one'] == planned['two'] and planned['one'].startswith('one-')
    (tmp_path / 'micro' / planned['one']).mkdir(parents=True)
    assert folders(tmp_path, two) == {'two': planned['one']}


def test_a_changed_option_has_another_folder(tmp_path):
    one = folders(tmp_path, arm('a', model__head__num_cycles=1))
    two = folders(tmp_path, arm('a', model__head__num_cycles=2))
    command_line = {'train_dataloader.batch_size': 4}
    three = folders(tmp_path, arm('a', model__head__num_cycles=1), options=command_line)
    assert len({one['a'], two['a'], three['a']}) == 3


def test_seeds_differ_by_seed_and_folder_alone(tmp_path):
    first, second = list_jobs(study(arm('a')), SCALE, tmp_path, seeds=2)
    assert (first.folder.name, second.folder.name) == ('seed1', 'seed2')
    assert first.folder.parent == second.folder.parent
    one, two = first.config.to_dict(), second.config.to_dict()
    assert one.pop('randomness')['seed'] == 1
    assert two.pop('randomness')['seed'] == 2
    assert one.pop('work_dir') == str(first.folder)
    assert two.pop('work_dir') == str(second.folder)
    assert one == two


def test_a_student_learns_from_the_teacher_of_the_first_seed(tmp_path):
    teacher = Arm('teacher', 'teacher', 'sdpose', once=True)
    student = arm('student', 'distilled', model__teacher_ckpt='run:teacher')
    jobs = list_jobs(study(teacher, student), SCALE, tmp_path, seeds=2)
    assert [job.name for job in jobs] == ['teacher seed 1', 'student seed 1', 'student seed 2']
    for job in jobs[1:]:
        assert job.needs == [jobs[0]]
        assert job.config.model.teacher_ckpt == str(jobs[0].folder / 'weights.pth')


def test_under_whose_name_a_teacher_was_run_is_nothing_to_its_students(tmp_path):
    teacher = Arm('teacher', 'teacher', 'sdpose', once=True)
    student = arm('student', 'distilled', model__teacher_ckpt='run:teacher')
    before = list_jobs(study(teacher, student), SCALE, tmp_path, seeds=1)
    elsewhere = tmp_path / 'micro' / f'earlier-{before[0].digest}'
    elsewhere.mkdir(parents=True)
    after = list_jobs(study(teacher, student), SCALE, tmp_path, seeds=1)
    assert after[0].folder.parent == elsewhere.resolve()
    assert after[1].folder == before[1].folder
    assert after[1].config.model.teacher_ckpt == str(after[0].folder / 'weights.pth')


def test_a_backbone_that_is_trained_first_is_shared_by_all_that_start_alike(tmp_path):
    begun = dict(config=HEATMAPS_N, options={'optim_wrapper.optimizer.lr': 2e-3})
    begins = Scale('micro', 'tiny', dict(sdpose=dict(SCALE.models['sdpose'], start=begun)), RECIPE)
    cycles, deep = arm('cycles', model__head__num_cycles=3), arm('deep', model__backbone__depth=34)
    jobs = list_jobs(study(arm('one'), cycles, deep), begins, tmp_path, seeds=2)
    runs = ['one_start seed 1', 'one seed 1', 'cycles seed 1', 'deep_start seed 1', 'deep seed 1']
    runs += [name.replace('1', '2') for name in runs]
    assert [job.name for job in jobs] == runs
    start, deep_start = (job for job in jobs if job.seed == 1 and job.arm.name.endswith('_start'))
    again, deep_again = (job for job in jobs if job.seed == 2 and job.arm.name.endswith('_start'))
    assert again.folder.parent == start.folder.parent  # one config, two seeds
    models = [job for job in jobs if not job.arm.name.endswith('_start')]
    assert start.config.model.head.type == 'HeatmapHead'
    assert start.config.optim_wrapper.optimizer.lr == 2e-3
    assert deep_start.config.model.backbone.depth == 34
    for job in models:
        started, deep_started = (start, deep_start) if job.seed == 1 else (again, deep_again)
        needed = deep_started if job.arm.name == 'deep' else started
        assert job.needs == [needed]
        init_cfg = job.config.model.backbone.init_cfg
        assert init_cfg.checkpoint == str(needed.folder / 'weights.pth')
        assert init_cfg.prefix == 'backbone.'
    options = {'model.head.encoder.depth': 2, 'train_dataloader.batch_size': 4}
    start, model = list_jobs(study(arm('one')), begins, tmp_path, seeds=1, options=options)
    assert start.config.train_dataloader.batch_size == model.config.train_dataloader.batch_size == 4
    assert model.config.model.head.encoder.depth == 2 and 'encoder' not in start.config.model.head
    stem = dict(_delete_=True, type='StemNet')
    start, model = list_jobs(study(arm('own', model__backbone=stem)), begins, tmp_path, seeds=1)
    assert start.config.model.backbone.type == model.config.model.backbone.type == 'StemNet'
    assert model.config.model.backbone.init_cfg.checkpoint == str(start.folder / 'weights.pth')
    faster = dict(begun, options={'optim_wrapper.optimizer.lr': 1e-3})
    others = Scale('micro', 'tiny', dict(sdpose=dict(SCALE.models['sdpose'], start=faster)), RECIPE)
    changed = list_jobs(study(arm('one')), others, tmp_path, seeds=1)
    assert changed[-1].folder != models[0].folder


def test_lengths_keep_their_proportion(tmp_path):
    begun = dict(config=HEATMAPS_N, length=0.5)
    models = dict(
        sdpose=dict(SCALE.models['sdpose'], start=begun), longer=dict(config=SDPOSE_N, length=3)
    )
    scale = Scale('micro', 'tiny', models, RECIPE)
    whole = study(arm('one'), arm('three', 'longer'))
    lengths = {}
    for epochs in (None, 4):
        jobs = list_jobs(whole, scale, tmp_path, seeds=1, epochs=epochs)
        lengths[epochs] = [job.config.train_cfg.max_epochs for job in jobs]
        assert [job.config.param_scheduler[1].T_max for job in jobs] == lengths[epochs]
        assert [job.config.train_cfg.val_interval for job in jobs] == lengths[epochs]
    assert lengths == {None: [1, 2, 6], 4: [2, 4, 12]}


def test_a_job_goes_to_a_process_that_shares_no_memory(tmp_path):
    teacher = Arm('teacher', 'teacher', 'sdpose', once=True)
    student = arm('student', 'distilled', model__teacher_ckpt='run:teacher')
    for job in list_jobs(study(teacher, student), SCALE, tmp_path, seeds=1):
        sent = pickle.loads(pickle.dumps(job))
        assert sent.config.to_dict() == job.config.to_dict()
        assert sent.folder == job.folder and sent.arm == job.arm


def test_a_student_of_another_teacher_has_another_folder(tmp_path):
    student = arm('student', 'distilled', model__teacher_ckpt='run:teacher')
    plain = folders(tmp_path, Arm('teacher', '', 'sdpose'), student)
    deeper = arm('teacher', model__head__encoder__depth=8)
    assert plain['student'] != folders(tmp_path, deeper, student)['student']
    elsewhere = folders(tmp_path / 'elsewhere', Arm('teacher', '', 'sdpose'), student)
    assert plain == elsewhere, 'where the runs are is no part of what they are'


def test_options_of_the_model_mean_the_student(tmp_path):
    options = dict(model__head__encoder__depth=2, model__start_from_teacher=[])
    (job,) = list_jobs(study(arm('a', 'distilled', **options)), SCALE, tmp_path, seeds=1)
    assert job.config.model.student.head.encoder.depth == 2
    assert job.config.model.start_from_teacher == []
    assert 'head' not in job.config.model


@pytest.mark.parametrize('prefix', ['coco/', 'crowdpose/', ''])
def test_a_metric_is_found_whatever_its_data_set(prefix):
    metrics = {f'{prefix}{name}': value for value, name in enumerate(('AP', 'AP .5', 'AR'))}
    assert [metric(metrics, name) for name in ('AP', 'AP .5', 'AR')] == [0, 1, 2]


@pytest.mark.parametrize('metrics', [{'PCK': 0.5}, {'coco/AP': 0.1, 'crowdpose/AP': 0.2}])
def test_a_metric_that_is_not_one_is_refused(metrics):
    with pytest.raises(ValueError, match='metrics are called AP, of (PCK|coco/AP, crowdpose/AP)'):
        metric(metrics, 'AP')


@pytest.mark.parametrize('content', ['', '{}', '[]', '3'])
def test_a_damaged_result_is_named(tmp_path, content):
    job = list_jobs(study(arm('a')), SCALE, tmp_path, seeds=1)[0]
    job.folder.mkdir(parents=True)
    (job.folder / 'result.json').write_text(content)
    with pytest.raises(
        ValueError, match='result.json is damaged .*: remove it, and the run is done'
    ):
        job.result()


def test_a_metric_that_may_be_absent():
    assert optional_metric({'lspet/AP': 0.1, 'lspet/PCK': 0.7}, 'PCK') == 0.7
    assert optional_metric({'coco/AP': 0.1}, 'PCK') is None
