"""Exported networks in processes of their own, and in OpenVINO."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from mmpose_sdpose.benchmark import alone
from mmpose_sdpose.benchmark.alone import Job, open_network, time_alone
from mmpose_sdpose.benchmark.made_up_data import made_up_image
from mmpose_sdpose.benchmark.run import PROCESSES, build_subject, run_benchmark
from mmpose_sdpose.benchmark.spec import CannotMeasure, Spec, list_specs
from mmpose_sdpose.tools.console import progress_bar

import cv2
import numpy as np
import pytest

from sdpose_runtime.model_file import packaged_model

from ...sdpose_runtime.onnx_files import pose_file

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
ROOT = Path(__file__).parents[3]
onnxruntime = pytest.importorskip('onnxruntime')


def job(path: Path, engine: str = 'onnxruntime') -> Job:
    session = onnxruntime.InferenceSession(str(path))
    batch, *rest = session.get_inputs()[0].shape
    return Job(str(path), engine, 1, (batch if isinstance(batch, int) else 2, *rest))


@pytest.fixture
def small(tmp_path) -> Job:
    return job(pose_file(tmp_path / 'a.onnx'))


def test_processes_take_turns(small, monkeypatch, tmp_path):
    other = job(pose_file(tmp_path / 'b.onnx'))
    turns, run = [], subprocess.run

    def recorded(command, **options):
        turns.append(json.loads(command[2])['source'])
        return run(command, **options)

    monkeypatch.setattr(subprocess, 'run', recorded)
    ticks = []
    times = time_alone([small, other], 2, 3, lambda: ticks.append(len(turns)))
    assert turns == [small.source, other.source] * 2
    assert ticks == [1, 2, 3, 4]
    assert [one.shape for one in times] == [(2, 3)] * 2
    assert all((one > 0).all() for one in times)


def test_a_process_loads_nothing_of_pytorch(small):
    code = (
        'import sys, runpy; sys.argv = sys.argv[1:]; '
        "runpy.run_path(sys.argv[0], run_name='__main__'); "
        "print([name for name in ('torch', 'mmpose', 'mmengine') if name in sys.modules])"
    )
    command = [sys.executable, '-c', code, alone.__file__, json.dumps(asdict(small)), '1']
    paths = dict(PYTHONPATH=':'.join(filter(None, sys.path)))
    done = subprocess.run(command, env=paths, capture_output=True, text=True, check=True)
    assert done.stdout.endswith('][]\n')


def test_what_a_process_died_of_is_said(tmp_path):
    gone = Job(str(tmp_path / 'gone.onnx'), 'onnxruntime', 1, (1, 3, 8, 8))
    with pytest.raises(
        RuntimeError, match=r'gone.onnx: the process that times it failed: .*no model'
    ):
        time_alone([gone], 1, 1)


def test_a_benchmark_times_exported_networks_so(small, tmp_path):
    assert PROCESSES >= 5
    specs = [Spec(CONFIG), Spec(small.source, batch=small.shape[0])]
    with progress_bar() as progress:
        config, file = run_benchmark(specs, 2, False, progress, processes=3)
    assert (config.processes, file.processes) == (1, 3)
    assert config.times['total'].shape == (2,) and file.times['total'].shape == (6,)
    np.testing.assert_allclose(
        file.median_ms(), np.median(np.median(file.times['total'].reshape(3, 2), axis=1))
    )


def test_openvino_is_beside_each_exported_file():
    specs = list_specs([CONFIG, 'x.onnx'], [1], Spec(''), openvino=True)
    assert [(spec.is_onnx, spec.engine) for spec in specs] == [
        (False, 'pytorch'),
        (True, 'onnxruntime'),
        (True, 'openvino'),
    ]
    with pytest.raises(CannotMeasure, match='--openvino: none of these is an ONNX file'):
        list_specs([CONFIG], [1], Spec(''), openvino=True)


def test_openvino_that_is_not_there_is_named(small, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    spec = Spec(small.source, batch=small.shape[0], exported_in='openvino')
    with pytest.raises(CannotMeasure, match='OpenVINO cannot be imported .*pip install openvino'):
        build_subject(spec)


def test_openvino_has_no_cuda(small):
    spec = Spec(small.source, batch=small.shape[0], exported_in='openvino', device='cuda')
    with pytest.raises(CannotMeasure, match='no provider CUDA|OpenVINO is timed on the CPU alone'):
        build_subject(spec)


def test_openvino_finds_the_same_keypoints_with_the_packaged_model():
    pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install openvino')
    path = packaged_model()
    ours, theirs = (open_network(job(path, engine)) for engine in ('onnxruntime', 'openvino'))
    photo = cv2.imread(str(ROOT / 'docs/walk.jpg'))[..., ::-1]
    people = [photo, photo[: len(photo) // 2], made_up_image()]
    for image in people:
        images = cv2.resize(image, (192, 256)).astype(np.float32).transpose(2, 0, 1)[None]
        images = (images - 120) / 58
        for expected, found in zip(ours(images), theirs(images)):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
