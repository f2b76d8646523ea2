"""The check tool names what keeps MMPose from running, also where nothing can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from mmpose_sdpose.configs import find_config
from mmpose_sdpose.tools import check, trial

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import EpochBasedTrainLoop
from mmpose.registry import LOOPS

from ..test_datasets.test_check_data import root  # noqa: F401  a fixture

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'mmpose_sdpose' / 'tools' / 'check.py'
AS_MODULE = ['-m', 'mmpose_sdpose.tools.check']
NUMPY_2 = 'ValueError: numpy.dtype size changed, may indicate binary incompatibility'


def package(name: str) -> check.Package:
    return next(package for package in check.PACKAGES if package.name == name)


@pytest.fixture
def environment(monkeypatch):
    """Makes the tool see the given distributions, and every import end with ``error``."""

    def pretend(error: str = '', **versions: str) -> None:
        installed = {name.replace('_', '-'): version for name, version in versions.items()}

        def version(name: str) -> str:
            if name.replace('_', '-') not in installed:
                raise metadata.PackageNotFoundError(name)
            return installed[name.replace('_', '-')]

        monkeypatch.setattr(check.metadata, 'version', version)
        monkeypatch.setattr(check, 'why_it_fails', lambda code: error)

    return pretend


@pytest.mark.parametrize(
    ('name', 'versions', 'error', 'status', 'mend'),
    [
        ('mmpose', dict(mmpose='1.3.2'), '', 'ok', ''),
        ('mmpose', {}, '', 'missing', 'pip install --no-deps mmpose==1.3.2'),
        ('mmpose', dict(mmpose='0.29.0'), '', 'too old', 'pip install --no-deps mmpose==1.3.2'),
        ('mmpose', dict(mmpose='2.0.0'), '', 'too new', 'pip install --no-deps mmpose==1.3.2'),
        ('mmcv', dict(mmcv_lite='2.1.0'), '', 'ok', ''),
        ('mmcv', dict(mmcv_full='1.7.2'), '', 'too old', 'pip install mmcv-lite==2.1.0'),
        (
            'mmcv',
            dict(mmcv='2.1.0', mmcv_lite='2.1.0'),
            '',
            'clash',
            'pip uninstall -y mmcv mmcv-lite && pip install mmcv-lite==2.1.0',
        ),
        (
            'mmengine',
            dict(mmengine='0.10.7', onedl_mmengine='0.10.12'),
            '',
            'clash',
            'pip uninstall -y mmengine onedl-mmengine && pip install onedl-mmengine==0.10.12',
        ),
        ('opencv', dict(opencv_contrib_python_headless='4.9.0.80'), '', 'ok', ''),
        ('opencv', dict(opencv_python='5.0.0'), '', 'too new', 'pip install "opencv-python<4.12"'),
        (
            'opencv',
            dict(opencv_python='4.11.0.86'),
            'ImportError: libGL.so.1: cannot open shared object file: No such file or directory',
            'broken',
            check.HEADLESS,
        ),
        ('xtcocotools', dict(xtcocotools='1.14.3'), NUMPY_2, 'broken', 'pip install "numpy<2"'),
        ('torchvision', {}, '', 'optional', 'pip install torchvision'),
        (
            'mmcv.ops',
            dict(mmcv='2.1.0'),
            "ModuleNotFoundError: No module named 'mmcv._ext'",
            'broken',
            check.COMPILED_MMCV,
        ),
        (
            'mmdet',
            dict(mmdet='3.2.0'),
            'AssertionError: MMCV==2.2.0 is used but incompatible. Please install mmcv<2.2.0.',
            'broken',
            check.COMPILED_MMCV,
        ),
        (
            'openmim',
            dict(openmim='0.3.9'),
            "ModuleNotFoundError: No module named 'pkg_resources'",
            'broken',
            'pip install "setuptools>=77.0.3,<80.9"',
        ),
        (
            'setuptools',
            dict(setuptools='82.0.0'),
            "ModuleNotFoundError: No module named 'pkg_resources'",
            'broken',
            'pip install "setuptools>=77.0.3,<80.9"',
        ),
        (
            'matplotlib',
            dict(matplotlib='3.10.0'),
            "ModuleNotFoundError: No module named 'cycler'",
            'broken',
            'pip install cycler',
        ),
    ],
)
def test_status_and_the_line_that_mends_it(environment, name, versions, error, status, mend):
    environment(error, **versions)
    finding = check.examine(package(name))
    assert (finding.status, finding.mend) == (status, mend)
    assert error in finding.remark


@pytest.mark.parametrize(
    'version, status',
    [((3, 9, 18), 'too old'), ((3, 10, 0), 'ok'), ((3, 12, 4), 'ok'), ((3, 13, 0), 'too new')],
)
def test_the_python_that_the_pinned_set_installs_on(monkeypatch, version, status):
    monkeypatch.setattr(check.sys, 'version_info', version)
    found = check.examine_python()
    assert found.status == status
    assert bool(found.mend) == (status != 'ok')


def test_every_package_has_a_line_that_installs_it():
    assert all('pip install ' in package.mend for package in check.PACKAGES)


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        ('', 'sdpose_runtime can run: exported models, without MMPose.'),
        ("No module named 'onnxruntime'", "named 'onnxruntime'): pip install onnxruntime"),
        ("No module named 'cv2'", '\'cv2\'): pip install "mmpose_sdpose[runtime]"'),
    ],
)
def test_the_runtime_has_a_verdict_of_its_own(error, said):
    assert check.runtime_verdict(error).endswith(said)


@pytest.mark.parametrize(
    ('text', 'numbers'), [('2.13.0+cpu', (2, 13, 0)), ('1.3rc1', (1, 3)), ('x', ())]
)
def test_as_numbers(text, numbers):
    assert check.as_numbers(text) == numbers


def test_exit_code_is_decided_by_trying(environment, capsys):
    environment()  # nothing installed, yet it runs
    assert check.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith('MMPose can run')
    environment(NUMPY_2, numpy='2.2.0', xtcocotools='1.14.3')
    assert check.main([]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith('MMPose cannot run, because')
    assert 'xtcocotools is broken' in last
    assert NUMPY_2 in last


@pytest.mark.parametrize('code', ['raise ValueError("first\\nsecond")', 'import os; os.abort()'])
def test_an_error_is_reported_in_one_line(code):
    error = check.why_it_fails(code)
    assert error
    assert '\n' not in error
    assert error.startswith(
        ('ValueError: first', 'Python ended with exit code -6', 'Fatal Python error')
    )


def test_a_broken_mmpose_is_found_by_the_proof(tmp_path, monkeypatch):
    (tmp_path / 'mmpose.py').write_text('raise ImportError("half of me is missing")')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    assert 'half of me is missing' in check.why_it_fails(check.PROOF)


def test_tries_what_is_installed_not_what_lies_about(tmp_path, monkeypatch):
    (tmp_path / 'mmpose.py').write_text('raise ImportError("a clone of something")')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('PYTHONPATH', raising=False)
    assert check.why_it_fails('import mmpose_sdpose.compat, mmpose') == ''


def run(python: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), *arguments],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'ignore'},
        capture_output=True,
        text=True,
        errors='replace',
    )


def test_here_mmpose_can_run():
    done = run(sys.executable, *AS_MODULE)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith('MMPose can run')
    assert metadata.version('mmpose') in done.stdout


@pytest.fixture(scope='module')
def bare_python(tmp_path_factory) -> Path:
    """A Python in which nothing is installed."""
    folder = tmp_path_factory.mktemp('bare') / 'venv'
    venv.create(folder, with_pip=False, symlinks=os.name != 'nt')
    return folder / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')


@pytest.mark.parametrize(
    'arguments',
    [
        pytest.param(
            AS_MODULE,
            marks=pytest.mark.skipif(
                sys.version_info < (3, 10), reason='Python 3.9 does not keep its command line'
            ),
        ),
        [str(TOOL)],
    ],
    ids=['module', 'file'],
)
def test_where_nothing_is_installed(bare_python, arguments):
    done = run(bare_python, *arguments)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].startswith('MMPose cannot run, because torch is missing')
    assert [line for line in lines if line.split()[:3] == ['mmpose', '-', 'missing']]
    assert [line for line in lines if line.split() == ['torch', 'pip', 'install', 'torch']]


def test_the_package_says_there_what_is_missing(bare_python):
    done = run(bare_python, '-c', 'import mmpose_sdpose, mmpose_sdpose.models')
    assert done.returncode == 1
    assert 'ImportError: mmpose_sdpose needs mmengine 0.10.0 or later' in done.stderr
    assert 'check.py` lists what is missing and how to mend it' in done.stderr
    assert '`import sdpose_runtime`' in done.stderr


@pytest.fixture
def synthpose(tmp_path, monkeypatch):
    """A folder with annotations of nobody."""
    monkeypatch.setenv('SYNTHPOSE_ROOT', str(tmp_path))
    return tmp_path


CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'


@pytest.mark.parametrize('tool', [AS_MODULE, [str(TOOL)]], ids=['module', 'file'])
def test_a_config_is_looked_at(tool, synthpose):
    done = run(sys.executable, *tool, CONFIG, '--cfg-options', 'load_from=gone.pth', 'work_dir=a')
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    train = synthpose / 'annotations/person_keypoints_train.json'
    assert lines[0] == CONFIG
    errors = [line for line in lines if line.startswith('error: ')]
    assert errors[0] == 'error: load_from: no checkpoint at gone.pth'
    assert errors[1] == (
        f'error: annotation file not found: expected at {train}; the data comes from mim run '
        'mmpose_sdpose make_synthpose --out data/synthpose'
    )
    assert lines[-1] == f'{CONFIG}: errors: 3, warnings: 0'


def test_a_config_is_looked_at_for_one_run(synthpose, capsys):
    assert check.main([CONFIG, '--run', 'test']) == 1
    out = capsys.readouterr().out
    assert 'keypoints_val.json' in out and 'keypoints_train.json' not in out
    assert check.main(['td-hm_nothing']) == 1
    assert capsys.readouterr().err.startswith('check: no config td-hm_nothing')


@pytest.fixture
def looked_at(root, tmp_path, monkeypatch, capsys):  # noqa: F811
    """Looks at a training on two images of blank people, with changes; the exit code and the lines."""

    def look(**changes: Any) -> tuple[int, list[str]]:
        cfg = Config.fromfile(find_config(CONFIG))
        for stage in ('train', 'val', 'test'):
            cfg[f'{stage}_dataloader'].dataset.update(
                data_root=str(root), ann_file='people.json', data_prefix=dict(img='')
            )
        cfg.val_evaluator.ann_file = cfg.test_evaluator.ann_file = str(root / 'people.json')
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
        cfg.dump(tmp_path / 'cfg.py')
        monkeypatch.setattr(sys, 'path', list(sys.path))
        code = check.main([str(tmp_path / 'cfg.py')])
        return code, capsys.readouterr().out.splitlines()

    return look


def test_what_fits_is_tried(looked_at, root):  # noqa: F811
    before = sorted(root.rglob('*'))
    code, lines = looked_at()
    assert code == 0
    people = f'3 people in 2 images of {root}/people.json'
    assert lines[1:6] == [
        f'  train data  {people}',
        '  val data    as train data',
        '  test data   as train data',
        '  model       ThinResNet + MCTHead, input 128x96 pixels (height x width), heatmaps 32x24',
        '  weights     random',
    ]
    assert (
        lines[6].startswith('  train trial 3 people: loss ') and 'loss_heatmap_cycle2' in lines[6]
    )
    assert lines[7] == '  val trial   3 people: coco/AP, coco/AP .5, coco/AP .75 and 7 more'
    assert lines[8].endswith('errors: 0, warnings: 0') and len(lines) == 9
    assert sorted(root.rglob('*')) == sorted([*before, root / 'cfg.py'])


def test_a_test_of_its_own_is_tried_too(looked_at):
    _, lines = looked_at(test_evaluator__nms_thr=0.8)
    assert lines[8].startswith('  test trial  3 people: coco/AP')


WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (dict(load_from=WEIGHTS), "weights     141 of the model's 141 from "),
        (
            dict(load_from=WEIGHTS, model__head__hidden_dims=32),
            "weights     139 of the model's 145 from mmpose_sdpose://sdpose-n_synthpose-128x96.pth; "
            'the others begin anew: head.mlp.',
        ),
        (
            dict(model__head__in_featuremap_size=(3, 4)),
            'error: a trial of train with 2 images fails with ',
        ),
        (
            dict(model__data_preprocessor__std=(0, 0, 0)),
            'FloatingPointError: loss',
        ),
        (dict(model__head__encoder__num_heads=5), 'error: the model cannot be built: '),
        (dict(model__backbone__type='ThinResNe'), 'did you mean ThinResNet'),
        (
            dict(optim_wrapper__optimizer__lr='abc'),
            "error: optim_wrapper cannot be used: TypeError: '<=' not supported between",
        ),
        (
            dict(param_scheduler__0__type='MultiStepL'),
            "error: param_scheduler cannot be used: there is no 'MultiStepL'",
        ),
        (
            dict(
                custom_hooks=[dict(type='LossWeightHook', schedules=dict(a=dict(type='constant')))]
            ),
            "LossWeightHook schedules ['a'], which the model does not compare",
        ),
        (dict(train_cfg=dict(type='Epochs', max_epochs=1)), "there is no loop 'Epochs'"),
        (
            dict(train_cfg=dict(by_epoch=True, max_epoch=1)),
            'error: train_cfg cannot be used: EpochBasedTrainLoop: got an unexpected keyword argument',
        ),
        (
            dict(train_cfg=dict(by_epoch=False)),
            "IterBasedTrainLoop: missing a required argument: 'max_",
        ),
        (
            dict(train_cfg__type='EpochBasedTrainLoop'),
            'train_cfg cannot be used: it needs either type or by_epoch, and not both',
        ),
        (
            dict(val_cfg=dict(type='ValLoop', fp=16)),
            "error: val_cfg cannot be used: ValLoop: got an unexpected keyword argument 'fp'",
        ),
        (
            dict(test_cfg=dict(type='TestLop')),
            "test_cfg cannot be used: there is no loop 'TestLop'",
        ),
        (dict(model=5), 'error: model (5) must be a dict'),
        (dict(train_dataloader=[1]), 'error: train_dataloader ([1]) must be a dict'),
        (dict(train_cfg=None), 'error: there is no train_cfg, which a training needs'),
        (
            dict(optim_wrapper__type='AmpOptimWrapper'),
            'warning: optim_wrapper is an AmpOptimWrapper, which needs an accelerator: there is none'
            * (not torch.cuda.is_available()),
        ),
    ],
)
def test_what_does_not_fit_is_found(looked_at, changes, said):
    code, lines = looked_at(**changes)
    assert said in '\n'.join(lines)
    assert code == any(line.startswith('error: ') for line in lines)


@LOOPS.register_module()
class OwnLoop(EpochBasedTrainLoop):
    """Takes what it is given."""

    def __init__(self, runner, dataloader, max_epochs, **options) -> None:
        super().__init__(runner, dataloader, max_epochs)


@pytest.mark.parametrize(
    ('stage', 'settings', 'said'),
    [
        ('train', dict(type='OwnLoop', max_epochs=1, anything=2), None),
        ('train', dict(type=OwnLoop, max_epochs=1), None),
        (
            'train',
            dict(type='mmengine.EpochBasedTrainLoop', _scope_='mmengine', max_epochs=1),
            None,
        ),
        ('train', dict(type=partial(EpochBasedTrainLoop, max_epochs=1)), None),
        ('train', dict(by_epoch=2, max_epochs=1), None),
        ('train', dict(by_epoch=None, max_iters=1), None),
        ('val', dict(), None),
        ('val', dict(type='ValLoop', dataloader=dict(), evaluator=dict()), None),
        ('val', dict(fp16=True), None),
        (
            'train',
            dict(type='OwnLoop', by_epoch=True, max_epochs=1),
            'either type or by_epoch, and not',
        ),
        ('train', dict(max_epochs=1), 'either type or by_epoch, and not both'),
        ('train', dict(type=5, max_epochs=1), 'there is no loop 5'),
        (
            'train',
            dict(type=partial(EpochBasedTrainLoop, max_epochs=1), epochs=2),
            "argument 'epochs'",
        ),
        ('val', dict(type=None), 'there is no loop None'),
        ('test', dict(type='TestLop'), "there is no loop 'TestLop'; did you mean TestLoop"),
    ],
)
def test_loops_are_what_a_runner_takes(stage, settings, said):
    init_default_scope('mmpose')
    findings = list(trial._loops({f'{stage}_cfg': settings}, [stage]))
    assert bool(findings) == (said is not None), findings
    assert said is None or said in str(findings[0][1])


def test_hooks_may_say_their_priority(looked_at):
    code, lines = looked_at(custom_hooks=[dict(type='SyncBuffersHook', priority=49)])
    assert code == 0 and lines[-1].endswith('errors: 0, warnings: 0')


def test_weights_of_which_nothing_fits_are_an_error(looked_at, tmp_path):
    torch.save({'head.other': torch.zeros(3)}, tmp_path / 'other.pth')
    code, lines = looked_at(load_from=str(tmp_path / 'other.pth'))
    (error,) = [line for line in lines if line.startswith('error: ')]
    assert code == 1
    assert error.startswith(f'error: load_from: the checkpoint {tmp_path}/other.pth is of another')
