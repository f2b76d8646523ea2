"""``make matrix``: which versions the packages work with, tried one environment after another.

    python .dev_scripts/update_matrix.py [NAME …] [--list] [--again] [--keep] [--tests PATH …]

An environment is made, its tests run, the result written into ``docs/matrix.json`` and the tables of
``docs/matrix.md``; then the environment is removed, and its log left in ``work_dirs/matrix/``. Started
again, it goes on with what has no result yet of the same code.

The runtime is tried on every Python found, the plugin on the one that runs this script: for the others
there would have to be a PyTorch as well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

from matrix_page import RESULTS, SHOWN, Result, read_results, write_results

ROOT = Path(__file__).resolve().parents[1]
#: What a part's results are of: its code and tests.
CODE = {
    'runtime': ('projects/runtime', 'tests/conftest.py', 'tests/sdpose_runtime', 'pyproject.toml'),
    'plugin': (
        'mmpose_sdpose', 'projects', 'configs', 'tests', 'pyproject.toml', 'requirements.txt',
        'requirements-no-deps.txt',
    ),
}  # fmt: skip
PYTHONS = ('3.9', '3.10', '3.11', '3.12', '3.13', '3.14')

_FOR_PYTHON_3_9 = ('numpy==1.21.6', 'opencv-python-headless==4.6.0.66', 'onnxruntime==1.18.0')
#: By Python, the oldest for which there are wheels that work together, within what the metadata allows.
OLDEST_OF_RUNTIME = {
    '3.9': (*_FOR_PYTHON_3_9, 'onnx==1.16.0'),
    '3.10': (*_FOR_PYTHON_3_9, 'onnx==1.16.0'),
    '3.11': ('numpy==1.24.2', *_FOR_PYTHON_3_9[1:], 'onnx==1.16.0'),
    '3.12': ('numpy==1.26.0', *_FOR_PYTHON_3_9[1:], 'onnx==1.16.0'),
    '3.13': (
        'numpy==2.1.0', 'opencv-python-headless==4.10.0.84', 'onnxruntime==1.20.0', 'onnx==1.18.0'
    ),
}  # fmt: skip
#: Of what the plugin needs beside PyTorch; what is not named is as in requirements.txt.
OLDEST_OF_PLUGIN = {
    'numpy': '1.24.2', 'opencv-python': '4.6.0.66', 'scipy': '1.9.3', 'matplotlib': '3.7.0',
    'xtcocotools': '1.14.3', 'pycocotools': '2.0.7', 'onnx': '1.17.0', 'onnxruntime': '1.18.0',
    'pandas': '2.0.0', 'rich': '13.0.0',
}  # fmt: skip
#: Where the newest is not what pip would choose: pinned in requirements.txt for reasons that still hold.
NEWEST_OF_PLUGIN = {'torch': '==2.13.0', 'numpy': '==1.26.4', 'opencv-python': '<5'}
#: No test of the plugin needs them.
TOOLS = ('build', 'mypy', 'pytest-xdist', 'ruff', 'twine')
_COUNTED = ('tests', 'failures', 'errors', 'skipped')
MMENGINES = {'mmengine': 'mmengine==0.10.7', 'fork': 'onedl-mmengine==0.10.12'}


@dataclass(frozen=True)
class Environment:
    """Packages to be installed on a Python, and the tests to be run there.

    Args:
        name: Of its folder and its result.
        part: ``runtime`` or ``plugin``.
        python: The interpreter.
        installs: Arguments of ``pip install``, one call after another.
        tests: Of pytest.
    """

    name: str
    part: str
    python: Path
    installs: tuple[tuple[str, ...], ...]
    tests: tuple[str, ...]

    def digest(self) -> str:
        """Of all that the result hangs on: packages, tests, and the code as it lies in the checkout."""
        spec = [self.name, self.installs, self.tests]
        digest = hashlib.sha256(json.dumps(spec).encode())
        for path in (ROOT / name for name in CODE[self.part]):
            for file in sorted(path.rglob('*')) if path.is_dir() else [path]:
                if file.suffix in ('.py', '.toml', '.txt', '.yml'):
                    digest.update(file.read_bytes())
        return digest.hexdigest()[:16]


def find_pythons() -> dict[str, Path]:
    """Interpreters by their version (``3.9``): of pyenv and on the PATH, the newest patch of each."""
    pyenv = [path / 'bin' / 'python' for path in Path.home().glob('.pyenv/versions/3.*')]
    pyenv.sort(key=lambda path: [int(part) for part in re.findall(r'\d+', path.parts[-3])])
    found = {'.'.join(path.parts[-3].split('.')[:2]): path for path in pyenv}
    for version in PYTHONS:
        on_path = shutil.which(f'python{version}')
        if on_path is not None and _runs(on_path):  # a shim of pyenv may have nothing behind it
            found.setdefault(version, Path(on_path))
    return {version: found[version] for version in PYTHONS if version in found}


def _runs(python: str) -> bool:
    return subprocess.run([python, '--version'], capture_output=True).returncode == 0


def runtime_environments(pythons: dict[str, Path]) -> Iterator[Environment]:
    """The runtime with the oldest and the newest of what it needs, on every Python."""
    for version, python in pythons.items():
        for age, pins in (('oldest', OLDEST_OF_RUNTIME.get(version)), ('newest', ('onnx',))):
            if pins is not None:
                installs = (('WHEEL[runtime]', 'pytest', *pins),)
                name = f'runtime-{version}-{age}'
                yield Environment(name, 'runtime', python, installs, ('tests/sdpose_runtime',))


def plugin_environments(python: Path) -> Iterator[Environment]:
    """The plugin on MMEngine and on its fork, with the oldest and the newest of the rest."""
    lines = [line.split('#')[0].strip() for line in _read_lines('requirements.txt')]
    no_deps = [line.split('#')[0].strip() for line in _read_lines('requirements-no-deps.txt')]
    for name, mmengine in MMENGINES.items():
        for age in ('oldest', 'newest'):
            needs = [
                _aged(line, age)
                for line in lines
                if line and 'mmengine' not in line and _name(line) not in TOOLS
            ]
            installs = (
                (mmengine, *needs),
                ('--no-deps', 'WHEEL', *(line for line in no_deps if line)),
            )
            tests = ('tests/mmpose_sdpose', 'tests/sdpose_synth', 'tests/test_walls.py')
            yield Environment(f'plugin-{name}-{age}', 'plugin', python, installs, tests)


def _read_lines(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding='utf-8').splitlines()


def _aged(requirement: str, age: str) -> str:
    """A line of requirements.txt with the oldest version, or without its pin."""
    name = _name(requirement)
    if age == 'oldest':
        oldest = OLDEST_OF_PLUGIN.get(name)
        return requirement if oldest is None else f'{name}=={oldest}'
    if name in NEWEST_OF_PLUGIN:
        return f'{name}{NEWEST_OF_PLUGIN[name]}'
    return re.sub(r'==[\w.]+', '', requirement)


def _name(requirement: str) -> str:
    return re.split(r'[=<>; ]', requirement)[0]


def try_environment(environment: Environment, wheel: Path, folder: Path) -> Result:
    """Make it, run its tests, and say what came of it; it is left behind in ``folder``.

    Args:
        environment: What to try.
        wheel: The package.
        folder: For the environment, the log and the tests' report.
    """
    begin = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python, report = folder / 'venv/bin/python', folder / 'tests.xml'
    commands = [[environment.python, '-m', 'venv', folder / 'venv']]
    for install in environment.installs:
        packages = [str(wheel) + part[5:] if part.startswith('WHEEL') else part for part in install]
        commands.append([python, '-m', 'pip', 'install', '--prefer-binary', *packages])
    result = Result(
        environment.name, environment.part, environment.digest(), tests=environment.tests
    )
    with open(folder / 'log.txt', 'w', encoding='utf-8') as log:
        for command in commands:
            if _run(command, log) != 0:
                return replace(result, outcome='not installed')
        result = replace(result, versions=_versions(python))
        tests = [python, '-m', 'pytest', '-p', 'no:cacheprovider', '--junitxml', report]
        exit_code = _run([*tests, *environment.tests], log)
    passed, failed, skipped = _counts(report)
    return replace(
        result,
        outcome='passed' if exit_code == 0 else 'failed',
        seconds=round(time.monotonic() - begin),
        date=time.strftime('%Y-%m-%d'),
        passed=passed,
        failed=failed,
        skipped=skipped,
    )


def _run(command: Sequence[object], log: IO[str]) -> int:
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT).returncode


def _versions(python: Path) -> dict[str, str]:
    """Of Python, and of what the page shows."""
    listing = subprocess.run(
        [python, '-m', 'pip', 'list', '--format', 'json', '--disable-pip-version-check'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    version = subprocess.run([python, '--version'], capture_output=True, text=True, check=True)
    packages = {package['name']: package['version'] for package in json.loads(listing.stdout)}
    shown = {name: packages[name] for name in SHOWN if name in packages}
    return {'python': version.stdout.split()[1], **shown}


def _counts(report: Path) -> tuple[int, int, int]:
    """Tests passed, failed and skipped, of pytest's report; 0 where there is none."""
    totals = Counter[str]()
    if report.is_file():
        for suite in ET.parse(report).getroot().iter('testsuite'):
            totals.update({name: int(number) for name, number in suite.items() if name in _COUNTED})
    failed = totals['failures'] + totals['errors']
    return totals['tests'] - failed - totals['skipped'], failed, totals['skipped']


def build_wheel(folder: Path) -> Path:
    """The package as it is released."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, '-m', 'build', '--no-isolation', '--wheel', '--outdir', str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    return next(folder.glob('*.whl'))


def choose(environments: Iterable[Environment], names: Sequence[str]) -> list[Environment]:
    """Those of these names, in which ``*`` stands for anything; all if there are none.

    Raises:
        ValueError: If a name is none.
    """
    known = list(environments)
    for name in names:
        if not any(fnmatch(environment.name, name) for environment in known):
            there = ', '.join(environment.name for environment in known)
            raise ValueError(f'no environment {name}: there are {there}')
    wanted = names or ['*']
    return [one for one in known if any(fnmatch(one.name, name) for name in wanted)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('names', nargs='*', help="which; * stands for anything: 'runtime-3.9-*'")
    parser.add_argument('--list', action='store_true', help='say which there are')
    parser.add_argument('--again', action='store_true', help='those with a result, too')
    parser.add_argument('--keep', action='store_true', help='leave the environments behind')
    parser.add_argument('--tests', nargs='+', help='instead of all: paths of tests')
    parser.add_argument('--out', type=Path, default=ROOT / 'work_dirs/matrix')
    args = parser.parse_args(arguments)
    environments = [
        *runtime_environments(find_pythons()),
        *plugin_environments(Path(sys.executable)),
    ]
    try:
        chosen = choose(environments, args.names)
    except ValueError as error:
        parser.error(str(error))
    if args.list:
        print(*(environment.name for environment in chosen), sep='\n')
        return 0
    if args.tests:
        chosen = [replace(environment, tests=tuple(args.tests)) for environment in chosen]
    return _try_all(chosen, args.out, args.again, args.keep)


def _try_all(chosen: Sequence[Environment], out: Path, again: bool, keep: bool) -> int:
    """One after another; 1 if not all passed."""
    wheel, bad = build_wheel(out / 'wheel'), 0
    for environment in chosen:
        results = read_results(ROOT / RESULTS)
        result = results.get(environment.name)
        if again or result is None or result.digest != environment.digest():
            print(f'{environment.name} …', flush=True)
            result = try_environment(environment, wheel, out / environment.name)
            if not keep:
                shutil.rmtree(out / environment.name / 'venv', ignore_errors=True)
            # read again: others may run in another process
            results = read_results(ROOT / RESULTS)
            write_results(ROOT, {**results, environment.name: result})
        bad += result.outcome != 'passed'
        print(f'{environment.name}: {result.said()}', flush=True)
    return min(bad, 1)


if __name__ == '__main__':
    sys.exit(main())
