"""What is released: both files are whole, and the wheel runs where hardly anything else is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

from mmpose_sdpose.version import __version__

import pytest

from .sdpose_runtime.onnx_files import NAMES, pose_file

ROOT = Path(__file__).parents[1]
PACKAGES = {
    'mmpose_sdpose': ROOT / 'mmpose_sdpose',
    'sdpose_runtime': ROOT / 'projects/runtime/sdpose_runtime',
    'sdpose_synth': ROOT / 'projects/synthpose/sdpose_synth',
}
MOST_BYTES = 12_000_000


def run(*command: str | Path, **kwargs) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, **kwargs
    )
    assert done.returncode == 0, f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done


@pytest.fixture(scope='module')
def dist(tmp_path_factory) -> Path:
    """A folder with the sdist and the wheel made from it: built here, or by `make dist`."""
    if 'MMPOSE_SDPOSE_DIST' in os.environ:
        return Path(os.environ['MMPOSE_SDPOSE_DIST'])
    folder = tmp_path_factory.mktemp('dist')
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', folder, ROOT)
    return folder


@pytest.fixture(scope='module')
def wheel(dist) -> Path:
    return dist / f'mmpose_sdpose-{__version__}-py3-none-any.whl'


def files_below(folder: Path) -> set[str]:
    """Paths of a folder's files, without what Python and an editable install leave there."""
    left = ('__pycache__', '.mim')
    paths = (path.relative_to(folder) for path in folder.rglob('*') if path.is_file())
    return {path.as_posix() for path in paths if not any(name in path.parts for name in left)}


def test_the_wheel_from_the_sdist_has_every_file_and_no_other(wheel):
    """Configs and model index stand beside the packages in a checkout, in `.mim` in the wheel."""
    expected = {
        f'{name}/{path}' for name, folder in PACKAGES.items() for path in files_below(folder)
    }
    expected |= {f'mmpose_sdpose/.mim/configs/{path}' for path in files_below(ROOT / 'configs')}
    expected |= {'mmpose_sdpose/.mim/model-index.yml'}
    found = {name for name in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in name}
    assert found == expected
    assert {f'{name}/py.typed' for name in PACKAGES} <= found
    assert wheel.stat().st_size < MOST_BYTES


def test_the_sdist_is_the_checkout(dist):
    """So that whoever has it alone can run the tests and build the wheel again."""
    if not (ROOT / '.git').exists():
        pytest.skip('this is no checkout')
    kept = listed('--cached')
    name = f'mmpose_sdpose-{__version__}'
    with tarfile.open(dist / f'{name}.tar.gz') as archive:
        members = {member.name for member in archive if member.isfile()}
    found = {member.removeprefix(f'{name}/') for member in members}
    made_by_the_build = {name for name in found if '.egg-info/' in name} | {'PKG-INFO', 'setup.cfg'}
    assert found - made_by_the_build - kept - listed('--others', '--exclude-standard') == set()
    assert kept - found == set()


def listed(*options: str) -> set[str]:
    """What git knows of the files that are there; users may keep others beside them."""
    names = run('git', 'ls-files', *options, cwd=ROOT).stdout.splitlines()
    return {name for name in names if (ROOT / name).exists()}


def test_what_the_metadata_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        folder = f'mmpose_sdpose-{__version__}.dist-info'
        metadata = message_from_bytes(archive.read(f'{folder}/METADATA'))
        assert archive.read(f'{folder}/licenses/LICENSE') == (ROOT / 'LICENSE').read_bytes()
        assert b'sdpose-runtime = sdpose_runtime.cli:main' in archive.read(
            f'{folder}/entry_points.txt'
        )
    assert metadata['License-Expression'] == 'Apache-2.0'
    assert metadata['Requires-Python'] == '>=3.9'
    assert set(metadata.get_all('Provides-Extra')) == {'runtime', 'onnx', 'export'}
    # MMPose's set is looked at by the import: pip could not resolve it.
    assert [need for need in metadata.get_all('Requires-Dist') if 'extra ==' not in need] == []


@pytest.mark.parametrize('package', PACKAGES)
def test_the_licence_of_weights_is_said_beside_them(package):
    """A table in their README: file, model, data, licence."""
    folder = PACKAGES[package] / 'weights'
    weights = {path.name for path in folder.glob('*') if path.stem != 'README'}
    if package != 'sdpose_synth':
        assert weights
    lines = [line for path in folder.glob('README.*') for line in path.read_text().splitlines()]
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines]
    told = {row[0].strip('`') for row in rows if len(row) == 4 and all(row)}
    assert weights <= told


@pytest.fixture(scope='module')
def bare(wheel, tmp_path_factory) -> Path:
    """Programs of an environment with the wheel, NumPy, OpenCV, ONNX Runtime and what these need."""
    folder = tmp_path_factory.mktemp('bare') / 'venv'
    run(sys.executable, '-m', 'venv', folder)
    programs = folder / ('Scripts' if os.name == 'nt' else 'bin')
    run(programs / 'python', '-m', 'pip', 'install', '--quiet', f'{wheel}[runtime]')
    return programs


@pytest.mark.slow
@pytest.mark.parametrize('model', ['', 'model.onnx'], ids=['packaged', 'own'])
def test_a_bare_environment_runs_a_model_on_a_picture(bare, tmp_path, model):
    from matplotlib.cbook import get_sample_data

    shutil.copy(get_sample_data('grace_hopper.jpg', asfileobj=False), tmp_path / 'photo.jpg')
    pose_file(tmp_path / 'model.onnx')
    program = shutil.which('sdpose-runtime', path=str(bare))
    out = tmp_path / 'out'
    run(program, *filter(None, [model]), 'photo.jpg', '--out', out, '--json', cwd=tmp_path)
    assert (out / 'photo.jpg').stat().st_size > 0
    (person,) = json.loads((out / 'keypoints.json').read_text())
    assert len(person['keypoints']) == 3 * (len(NAMES) if model else 17)


@pytest.mark.slow
def test_a_bare_environment_draws_people_and_says_what_the_plugin_lacks(bare, tmp_path):
    python = shutil.which('python', path=str(bare))
    run(python, '-m', 'sdpose_synth', '--out', tmp_path / 'data', '--train', '1', '--val', '1')
    assert len(list((tmp_path / 'data' / 'train').iterdir())) == 1
    done = subprocess.run(
        [python, '-c', 'import mmpose_sdpose'], cwd=tmp_path, capture_output=True, text=True
    )
    assert 'mmpose_sdpose needs mmengine' in done.stderr.splitlines()[-1]
