"""MMPose imports where parts it asks for are missing, and checkpoints load with weights_only left on."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, Optional

import mmpose_sdpose  # noqa: F401  (applies compat to this process)
from mmpose_sdpose import compat

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import build_optim_wrapper
from mmengine.runner import CheckpointLoader, checkpoint
from mmpose.models.heads import RTMCCHead, RTMWHead, SimCCHead

from . import small_models

ROOT = Path(__file__).parents[2]
HAS_TORCHVISION = importlib.util.find_spec('torchvision') is not None

# Makes packages unfindable, so that the tests say the same where they are installed.
HIDE = """
import importlib, json, os, sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(tuple(HIDDEN)):
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Hide())

def error_of(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return f'{type(error).__name__}: {error}'

def modules_of(*packages):
    return sorted(n for n in sys.modules if n.startswith(packages))

def walk(package):
    import pkgutil
    return [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + '.')
            if error_of(importlib.import_module, m.name)]
"""

NOTHING_THERE = """
too_early = error_of(importlib.import_module, 'mmpose.apis')
import mmpose_sdpose, mmpose
from mmengine.utils.dl_utils import collect_env
from mmpose.models.heads.hybrid_heads.rtmo_head import reduce_mean
from mmpose.models.heads.transformer_heads.edpose_head import MultiScaleDeformableAttention as Attention
from mmpose.visualization.simcc_vis import ToPILImage
print(json.dumps(dict(
    too_early=too_early,
    left=modules_of('torchvision', 'mmdet', 'mmcv.ops'),
    finders=[repr(f) for f in sys.meta_path if 'mmpose_sdpose' in type(f).__module__],
    not_importable=walk(mmpose),
    imports={n: error_of(importlib.import_module, n) for n in ('torchvision', 'mmdet', 'mmcv.ops')},
    reported_torchvision='TorchVision' in collect_env(),
    use=dict(torchvision=error_of(ToPILImage), mmdet=error_of(reduce_mean, 1), mmcv=error_of(Attention)),
)))
"""

ONLY_TORCHVISION_THERE = """
import mmpose_sdpose, torchvision
from mmpose.apis.inferencers.base_mmpose_inferencer import has_mmdet
from mmpose.models.heads.hybrid_heads.dekr_head import has_mmcv_full
from mmpose.visualization import simcc_vis
print(json.dumps(dict(
    guarded=[has_mmdet, has_mmcv_full],
    file=torchvision.__file__,
    modules=modules_of('torchvision', 'mmdet', 'mmcv.ops'),
    used=simcc_vis.ToPILImage(),
)))
"""


def run(code: str, hidden: list[str], *folders: Path) -> dict[str, Any]:
    """What ``code`` prints as JSON, run in a Python of its own with ``folders`` ahead on its path."""
    path = os.pathsep.join(map(str, [*folders, ROOT, os.environ.get('PYTHONPATH', '')]))
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', f'HIDDEN = {hidden!r}\n{HIDE}\n{code}'],
        env={**os.environ, 'PYTHONPATH': path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope='module')
def nothing_there() -> dict[str, Any]:
    return run(NOTHING_THERE, ['torchvision', 'mmdet', 'mmcv.ops', 'mmcv._ext'])


class TestWithoutThePackages:
    def test_mmpose_alone_does_not_import(self, nothing_there):
        assert 'ModuleNotFoundError' in nothing_there['too_early']

    def test_every_module_of_mmpose_imports_afterwards(self, nothing_there):
        assert nothing_there['not_importable'] == []

    def test_nothing_is_left_behind(self, nothing_there):
        assert nothing_there['left'] == []
        assert nothing_there['finders'] == []

    def test_nothing_takes_the_packages_for_installed(self, nothing_there):
        for name, error in nothing_there['imports'].items():
            assert error.startswith('ModuleNotFoundError'), (name, error)
        assert nothing_there['reported_torchvision'] is False

    def test_use_names_the_package_to_install(self, nothing_there):
        for package, error in nothing_there['use'].items():
            assert error.startswith('ImportError')
            assert f'comes with the package {package}' in error


@pytest.mark.skipif(
    HAS_TORCHVISION, reason='torchvision is installed, so it is no wonder that it is found'
)
def test_find_spec_finds_no_torchvision_here():
    assert importlib.util.find_spec('torchvision') is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('torchvision')


def test_a_package_that_is_there_is_left_alone(tmp_path):
    folder = tmp_path / 'torchvision'
    folder.mkdir()
    (folder / '__init__.py').write_text('')
    (folder / 'transforms.py').write_text(
        'class ToPILImage:\n    def __new__(cls): return "the real one"\n'
    )
    seen = run(ONLY_TORCHVISION_THERE, ['mmdet', 'mmcv.ops', 'mmcv._ext'], tmp_path)
    assert seen['file'] == str(folder / '__init__.py')
    assert seen['modules'] == ['torchvision', 'torchvision.transforms']
    assert seen['used'] == 'the real one'
    assert seen['guarded'] == [False, False]


class TestStandIns:
    @pytest.fixture(autouse=True)
    def needs(self, monkeypatch, tmp_path):
        """One package that is missing, one there, one whose compiled half is missing, one at fault."""
        (tmp_path / 'half_built').mkdir()
        (tmp_path / 'half_built' / '__init__.py').write_text('')
        (tmp_path / 'half_built' / 'ops.py').write_text('from half_built import _ext')
        (tmp_path / 'at_fault.py').write_text('raise AssertionError("incompatible version")')
        monkeypatch.syspath_prepend(tmp_path)
        self.use(monkeypatch, 'not_there.part', 'json.decoder', 'half_built.ops')
        yield
        for name in [name for name in sys.modules if name.startswith('half_built')]:
            del sys.modules[name]

    def use(self, monkeypatch, *modules: str) -> None:
        needs = tuple(compat.Need(module, ('Thing',), f'{module}-package') for module in modules)
        monkeypatch.setattr(compat, 'NEEDS', needs)

    def test_only_what_cannot_be_imported_is_stood_in_for(self):
        real = importlib.import_module('json.decoder')
        with compat.stand_ins() as missing:
            assert missing == ['not_there.part', 'half_built.ops']
            assert importlib.import_module('not_there.part').Thing
            assert importlib.import_module('json.decoder') is real
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module('not_there')
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module('not_there.other')

    def test_they_go_when_the_block_fails_too(self):
        before = set(sys.modules)
        finders = list(sys.meta_path)
        with pytest.raises(RuntimeError), compat.stand_ins():
            raise RuntimeError
        assert {name for name in sys.modules if name.endswith(('.part', '.ops'))} <= before
        assert sys.meta_path == finders
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module('not_there.part')

    def test_a_blocked_module_is_blocked_again(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'not_there.part', None)
        with compat.stand_ins() as missing:
            assert 'not_there.part' in missing
        assert sys.modules['not_there.part'] is None

    def test_a_package_at_fault_is_not_covered_up(self, monkeypatch):
        self.use(monkeypatch, 'at_fault')
        with pytest.raises(AssertionError, match='incompatible version'), compat.stand_ins():
            pass

    def test_can_be_named_and_inherited_from_but_not_used(self):
        with compat.stand_ins():
            thing = importlib.import_module('not_there.part').Thing

        class Child(thing):
            pass

        assert Optional[thing].__args__[0] is thing  # noqa: UP045  (as RTMO's head is annotated)
        assert not isinstance(1, thing)
        assert not hasattr(thing, '__wrapped__')
        for use in (thing, Child, lambda: thing.attribute, lambda: Child.attribute):
            with pytest.raises(
                ImportError, match=r'No module named .*comes with.*not_there.part-package'
            ):
                use()


TRAIN = """
import torch
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, Runner

class Toy(BaseModel):
    METAINFO = dict()
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def forward(self, inputs, mode):
        return dict(loss=self.layer(torch.stack(inputs)).square().mean())

class Data(torch.utils.data.Dataset):
    metainfo = dict(sigmas=__import__('numpy').full(17, 0.05, 'float32'), name='toy')
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return dict(inputs=torch.ones(2))

def runner(epochs, **kwargs):
    loader = dict(batch_size=2, sampler=dict(type='DefaultSampler', shuffle=False))
    return Runner(
        Toy(), WORK, experiment_name=f'toy{epochs}', log_level='ERROR',
        train_dataloader=dict(dataset=Data(), collate_fn=dict(type='pseudo_collate'), **loader),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1]), **kwargs)
"""
WRITE = """
runner(1).train()
print('{}')
"""
READ = """
import mmpose_sdpose, pickle
file = WORK + '/epoch_1.pth'
by_default = torch.load(file, map_location='cpu')
explicitly = torch.load(file, weights_only=True)
by_mmengine = CheckpointLoader.load_checkpoint(file, map_location='cpu')
resumed = runner(2, resume=True)
resumed.train()
history = by_mmengine['message_hub']['log_scalars']['train/loss']
print(json.dumps(dict(
    keys=[sorted(c) for c in (by_default, explicitly, by_mmengine)],
    history=[type(history).__name__, len(history.data[0]), float(history.mean()) > 0],
    sigma=float(by_mmengine['meta']['dataset_meta']['sigmas'][3]),
    epoch=resumed.epoch,
)))
"""


def test_a_checkpoint_of_mmengines_runner_loads_and_resumes(tmp_path):
    work = f'WORK = {str(tmp_path)!r}\n'
    run(work + TRAIN + WRITE, ['nothing'])  # without mmpose_sdpose
    seen = run(work + TRAIN + READ, ['nothing'])
    assert seen['keys'][0] == seen['keys'][1] == seen['keys'][2]
    assert 'message_hub' in seen['keys'][0]
    assert seen['history'] == ['HistoryBuffer', 2, True]
    assert seen['sigma'] == pytest.approx(0.05)
    assert seen['epoch'] == 2


def saved(value: Any, **kwargs: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **kwargs)
    return file.getvalue()


def loaded(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), weights_only=True)


class TestAllowedClasses:
    def test_history_buffer_keeps_its_statistics(self):
        history = loaded(saved(HistoryBuffer([1.0, 2.0], [1, 3])))
        assert history.mean() == HistoryBuffer([1.0, 2.0], [1, 3]).mean()
        assert history.max() == 2

    @pytest.mark.parametrize(
        'dtype', ['bool', 'int8', 'int64', 'uint8', 'float16', 'float32', 'float64', 'U3']
    )
    def test_numpy_arrays_and_scalars(self, dtype):
        values = np.array([0, 1]).astype(dtype)
        array, scalar = loaded(saved((values, values[1])))
        np.testing.assert_array_equal(array, values)
        assert array.dtype == values.dtype
        assert scalar == values[1]

    def test_files_written_under_the_other_numpy(self):
        written = saved(np.arange(3.0), _use_new_zipfile_serialization=False)
        here, there = b'numpy.core.multiarray', b'numpy._core.multiarray'
        if here not in written:
            here, there = there, here
        assert here in written
        np.testing.assert_array_equal(loaded(written.replace(here, there)), np.arange(3.0))


class RunsACommand:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call[0], self.call[1:]


class TestHostileCheckpoints:
    @pytest.fixture(params=['os.system', 'Path.touch', 'getattr'])
    def hostile(self, request, tmp_path) -> Path:
        """A file that, if it were unpickled freely, would create the file 'harm' beside it."""
        harm = tmp_path / 'harm'
        attack = {
            'os.system': RunsACommand(os.system, f'touch {harm}'),
            'Path.touch': RunsACommand(Path.touch, harm),
            # what getattr on an allowed class gives away: the globals of its module
            'getattr': [
                RunsACommand(
                    getattr, RunsACommand(getattr, HistoryBuffer, '__init__'), '__globals__'
                ),
                RunsACommand(Path.touch, harm),
            ],
        }[request.param]
        file = tmp_path / 'hostile.pth'
        torch.save(dict(state_dict={}, message_hub=attack), file)
        return file

    def test_the_attack_is_a_real_one(self, hostile):
        torch.load(hostile, weights_only=False)
        assert hostile.with_name('harm').exists()

    def test_torch_load_refuses(self, hostile):
        with pytest.raises(pickle.UnpicklingError):
            torch.load(hostile, weights_only=True)
        assert not hostile.with_name('harm').exists()

    def test_mmengine_refuses(self, hostile):
        with pytest.raises(pickle.UnpicklingError):
            CheckpointLoader.load_checkpoint(str(hostile), map_location='cpu')
        assert not hostile.with_name('harm').exists()

    def test_only_a_history_buffers_own_methods_may_be_asked_for(self):
        assert loaded(saved(RunsACommand(getattr, HistoryBuffer, 'mean'))) is HistoryBuffer.mean
        for owner, name in (
            (HistoryBuffer, '__init__'),
            (np.ndarray, 'tofile'),
            (np.dtype, 'mean'),
        ):
            with pytest.raises(pickle.UnpicklingError, match='refused'):
                loaded(saved(RunsACommand(getattr, owner, name)))


def test_older_torch_is_left_alone(monkeypatch):
    calls = []
    reader = object()
    monkeypatch.setattr(torch, '__version__', '2.5.1')
    monkeypatch.setattr(torch.serialization, 'add_safe_globals', calls.append)
    monkeypatch.setattr(checkpoint, '_safe_torch_load', reader, raising=False)
    compat.allow_mmengine_checkpoints()
    assert calls == []
    assert checkpoint._safe_torch_load is reader


@pytest.mark.parametrize(
    ('command', 'expected'),
    [
        (['python', '-m', 'mmpose_sdpose.tools.check'], True),
        (['python', '-m', 'mmpose_sdpose.tools.train', 'config.py'], False),
        (['python', '-m', 'mmpose_sdpose.tools.train', '--help'], True),
        (
            ['python', os.path.join('site-packages', 'mmpose_sdpose', 'tools', 'train.py'), '-h'],
            True,
        ),
        (['python', '-m', 'mmpose_sdpose.tools.benchmark', '-h'], False),
        (['python', 'tools/train.py', '-h'], False),
        (['python', '-X', 'dev', '-Wignore', '-Bm', 'mmpose_sdpose.tools.check'], True),
        (['python', 'mine.py', 'mmpose_sdpose.tools.check'], False),
        (['python', 'mine.py', 'mmpose_sdpose/tools/train.py', '-h'], False),
        (['python', '-c', 'pass', 'mmpose_sdpose/tools/train.py', '-h'], False),
        (['python', 'xmmpose_sdpose/tools/train.py', '-h'], False),
        (['python', 'check.py'], False),
    ],
)
def test_what_runs_without_mmpose_is_recognised(monkeypatch, command, expected):
    monkeypatch.setattr(sys, 'orig_argv', command, raising=False)
    assert compat.needs_nothing() is expected


@pytest.mark.parametrize('name', ['train', 'test'])
def test_the_help_of_mmposes_script_needs_no_mmpose(name):
    """`mim train` asks for it before each training."""
    code = f"""
        import runpy, sys
        sys.argv = ['train', '--cfg-options', 'a=1', '--help']
        sys.orig_argv = ['python', '-m', 'mmpose_sdpose.tools.{name}', '--help']
        try:
            runpy.run_module('mmpose_sdpose.tools.{name}', run_name='__main__')
        finally:
            assert not {{'torch', 'mmengine', 'mmpose'}} & set(sys.modules)
    """
    done = subprocess.run(
        [sys.executable, '-c', dedent(code)], capture_output=True, text=True, check=True
    )
    assert '--work-dir' in done.stdout and '--cfg-options' in done.stdout
    assert '--gpus' not in done.stdout  # where it is, MIM says which device, and MMPose knows none


def test_the_config_in_a_checkpoint_is_not_run(tmp_path):
    """MMEngine's inferencers execute it where no config is given."""
    from mmpose.apis import Pose2DInferencer

    trace = tmp_path / 'trace'
    code = f'import pathlib\npathlib.Path({str(trace)!r}).touch()\n'
    hub = dict(runtime_info=dict(cfg=code), log_scalars={}, resumed_keys={})
    torch.save(dict(meta=dict(cfg=code), message_hub=hub, state_dict={}), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='a.pth: MMEngine would run the Python text in that file'):
        Pose2DInferencer(model=None, weights=str(tmp_path / 'a.pth'), device='cpu')
    assert not trace.exists()
    compat.refuse_config_in_checkpoint()  # a second time changes nothing
    with pytest.raises(ValueError, match='name the config that the weights were trained with'):
        Pose2DInferencer(model=None, weights=str(tmp_path / 'a.pth'), device='cpu')


SIMCC_HEAD = dict(
    type='SimCCHead',
    in_channels=8,
    out_channels=17,
    input_size=(24, 32),
    in_featuremap_size=(6, 8),
    deconv_out_channels=None,
    loss=dict(type='KLDiscretLoss', use_target_weight=True),
    decoder=small_models.SIMCC_CODEC,
)


@pytest.mark.parametrize(
    'config',
    [
        small_models.rtmpose_model(),
        dict(small_models.rtmpose_model(), head=SIMCC_HEAD),
        small_models.distillation(
            small_models.rtmpose_model(),
            small_models.rtmpose_model(),
            dict(simcc=dict(type='SimCCDistributionLoss')),
        ),
    ],
    ids=['RTMCCHead', 'SimCCHead', 'distilled'],
)
def test_simcc_heads_of_mmpose_leave_their_accuracy_out_where_asked(config):
    """With it there is no bfloat16: NumPy has none."""
    model = small_models.build(config)
    batch = model.data_preprocessor(
        small_models.with_simcc_labels(small_models.packed_batch()), True
    )
    inputs, samples = batch['inputs'], batch['data_samples']
    counted = model.loss(inputs, samples)
    model.train_cfg = dict(compute_acc=False)
    found = model.loss(inputs, samples)
    assert {*counted} - {*found} == {'acc_pose'}
    assert all(torch.equal(found[name], counted[name]) for name in found)

    wrapper = build_optim_wrapper(
        model, dict(type='BFloat16OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    )
    with wrapper.optim_context(model):
        loss, _ = model.parse_losses(model.loss(inputs, samples))
    wrapper.update_params(loss)
    assert torch.isfinite(loss)

    model.train_cfg = dict(compute_acc=True)
    with (
        pytest.raises(ValueError, match='set model.train_cfg.compute_acc=False'),
        wrapper.optim_context(model),
    ):
        model.loss(inputs, samples)


@pytest.mark.parametrize('head', [RTMCCHead, RTMWHead, SimCCHead])
def test_every_simcc_head_is_changed_and_once(head):
    before = head.loss
    compat.honour_compute_acc()
    assert head.loss is before
    packed = small_models.with_simcc_labels(small_models.packed_batch())
    said = []
    stand_in = SimpleNamespace(
        forward=lambda feats: feats, loss_module=lambda *given: said.append(given) or 'loss'
    )
    kept_out = dict(compute_acc=False)
    found = head.loss(stand_in, 'simcc', packed['data_samples'], train_cfg=kept_out)
    assert found == dict(loss_kpt='loss')
    (prediction, target, weights), *_ = said
    assert prediction == 'simcc' and weights.shape == (2, 17)
    assert [tuple(axis.shape) for axis in target] == [(2, 17, 48), (2, 17, 64)]
