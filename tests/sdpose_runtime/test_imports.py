"""The runtime runs where PyTorch, MMEngine and MMPose cannot be imported, and leaves them alone."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from .onnx_files import pose_file

ROOT = Path(__file__).parents[2]
HIDE = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in HIDDEN:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Hide())
"""
OTHERS = ['torch', 'mmengine', 'mmcv', 'mmpose', 'mmdet', 'rich', 'scipy', 'matplotlib', 'onnx']
OTHERS += ['pycocotools', 'xtcocotools', 'torchvision', 'pkg_resources', 'PIL']


def python(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT / 'projects/runtime')}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def python_without(hidden: list[str], code: str) -> subprocess.CompletedProcess:
    return python('-c', f'HIDDEN = {hidden!r}\n{HIDE}\n{code}')


@pytest.fixture
def files(tmp_path) -> Path:
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    pose_file(tmp_path / 'model.onnx')
    return tmp_path


def test_these_tests_need_no_more_than_the_runtime():
    """Beside pytest and onnx, which makes their files: so they run on any Python."""
    allowed = {'numpy', 'cv2', 'onnx', 'pytest', 'sdpose_runtime'}
    found = set()
    for path in Path(__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split('.')[0])
    assert allowed <= found
    assert found & {*OTHERS, 'mmpose_sdpose', 'sdpose_synth', 'tests'} == {'onnx'}


def test_the_whole_command_where_nothing_else_can_be_imported(files):
    code = f"""
from sdpose_runtime.cli import main
folder = {str(files)!r}
code = main([folder + '/model.onnx', folder + '/a.png', '--out', folder + '/out', '--json'])
print(code, sorted(name for name in sys.modules if name.split('.')[0] in HIDDEN))
"""
    done = python_without(OTHERS, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '0 []'
    assert cv2.imread(str(files / 'out' / 'a.png')).shape == (60, 80, 3)
    assert len(json.loads((files / 'out' / 'keypoints.json').read_text())) == 1


def test_the_api_where_nothing_else_can_be_imported(files):
    code = f"""
import cv2
from sdpose_runtime import PoseModel
folder = {str(files)!r}
result = PoseModel(folder + '/model.onnx', threads=1)(cv2.imread(folder + '/a.png'), [[9, 9, 50, 55]])
print(result.keypoints.shape, result.scores.shape)
"""
    done = python_without(OTHERS, code)
    assert done.stdout == '(1, 5, 2) (1, 5)\n', done.stderr


def test_the_command_does_not_wait_for_packages_that_are_there():
    done = python('-X', 'importtime', '-m', 'sdpose_runtime', '--help')
    assert done.returncode == 0, done.stderr
    assert '--one-euro' in done.stdout
    imported = {
        match.split('.')[0] for match in re.findall(r'\| +([\w.]+)$', done.stderr, re.MULTILINE)
    }
    assert 'cv2' in imported
    assert imported & {'torch', 'mmengine', 'mmcv', 'mmpose', 'rich', 'matplotlib'} == set()


def test_onnx_runtime_missing(files):
    code = f"""
from sdpose_runtime.cli import main
folder = {str(files)!r}
print(main([folder + '/model.onnx', folder + '/a.png', '--out', folder + '/out']))
"""
    done = python_without(['onnxruntime'], code)
    assert done.stdout == '2\n', done.stderr
    assert done.stderr.count('\n') == 1
    assert "(No module named 'onnxruntime'): pip install onnxruntime" in done.stderr
