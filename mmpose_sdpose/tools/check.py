"""What MMPose needs, what of it is installed, and the line that mends each gap; or what a config reads.

    mim run mmpose_sdpose check
    python -m mmpose_sdpose.tools.check
    python PATH/TO/mmpose_sdpose/tools/check.py

All three also work where torch or MMPose is missing: this file needs the standard library only (rich
draws the table where it is there), and every import is tried in a Python of its own. The exit code is
1 if MMPose cannot run, else 0: that is decided by trying, the table says why. The second line needs
Python 3.10 where MMPose is missing.

    mim run mmpose_sdpose check CONFIG

looks at data, weights and settings of a config instead, as training and testing do before they start:
annotations, boxes, images, sizes. Then it tries the model on a few people: losses, gradients, metrics.
The exit code is 1 if something would fail or go wrong silently.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One line of the table.

    Args:
        name: What the table calls it.
        mend: The command that installs a version known to work.
        distributions: Names that pip knows it by, ``name`` itself if empty.
        lowest: First version that works, '' if any does.
        limit: First version that does not, '' if there is none.
        imports: Module whose import is tried, '' for none.
        used_for: What an optional package is for; empty if MMPose cannot do without it.
    """

    name: str
    mend: str
    distributions: tuple[str, ...] = ()
    lowest: str = ''
    limit: str = ''
    imports: str = ''
    used_for: str = ''


@dataclass(frozen=True)
class Finding:
    """What was found out about a package; ``mend`` is empty where nothing is to be done."""

    name: str
    installed: str
    status: str
    remark: str = ''
    mend: str = ''


MMENGINE = ('mmengine', 'onedl-mmengine')
MMCV = ('mmcv', 'onedl-mmcv', 'mmcv-full')
OPENCV = tuple(
    f'opencv-{kind}python{less}' for kind in ('', 'contrib-') for less in ('', '-headless')
)
NUMPY_1 = 'pip install "numpy<2"'
PKG_RESOURCES = 'pip install "setuptools>=77.0.3,<80.9"'
HEADLESS = 'pip uninstall -y opencv-python && pip install "opencv-python-headless<4.12"'
COMPILED_MMCV = 'pip uninstall -y mmcv-lite mmcv && pip install --no-build-isolation mmcv==2.1.0'
MIM = (
    'pip install --no-deps openmim==0.3.9 && pip install click colorama model-index pandas requests'
)

# lowest and limit are what MMPose 1.3 and mmpose_sdpose themselves insist on
PACKAGES = (
    Package('torch', 'pip install torch', lowest='1.8', imports='torch'),
    Package('numpy', NUMPY_1, imports='numpy'),
    Package('mmengine', 'pip install onedl-mmengine==0.10.12', MMENGINE, '0.10', '1.0', 'mmengine'),
    Package('mmcv', 'pip install mmcv-lite==2.1.0', (*MMCV, 'mmcv-lite'), '2.0', '3.0', 'mmcv'),
    # MMPose declares chumpy, whose build fails and which no 2-D pose model uses: hence --no-deps
    Package('mmpose', 'pip install --no-deps mmpose==1.3.2', lowest='1.3', limit='2.0'),
    Package(
        'xtcocotools', 'pip install xtcocotools==1.14.3', (), '1.12', imports='xtcocotools.mask'
    ),
    # OpenCV 5 warps images differently by a few grey levels, 4.12 and later ask for NumPy 2
    Package('opencv', 'pip install "opencv-python<4.12"', OPENCV, limit='5', imports='cv2'),
    Package('scipy', 'pip install scipy', imports='scipy'),
    Package('matplotlib', 'pip install matplotlib', imports='matplotlib.pyplot'),
    Package('pillow', 'pip install pillow', imports='PIL.Image'),
    Package('munkres', 'pip install munkres'),
    Package('six', 'pip install six'),
    Package('rich', 'pip install rich'),
    Package(
        'torchvision', 'pip install torchvision', imports='torchvision', used_for='SimCC pictures'
    ),
    Package(
        'mmcv.ops',
        COMPILED_MMCV,
        MMCV,
        imports='mmcv.ops',
        used_for='mmdet, ED-Pose (compiles long)',
    ),
    Package(
        'mmdet', 'pip install "mmdet<3.3"', (), '3.0', '3.3', 'mmdet.apis', 'person detection, RTMO'
    ),
    Package('pycocotools', 'pip install pycocotools', used_for='mmdet, data set tools'),
    Package('json_tricks', 'pip install json_tricks', used_for="MMPose's demos"),
    Package('openmim', MIM, imports='mim', used_for='mim train, test, run'),
    Package(
        'setuptools',
        PKG_RESOURCES,
        imports='pkg_resources',
        used_for='openmim, mmengine 0.10.7',
    ),
    Package('onnx', 'pip install onnx onnxscript', imports='onnx', used_for='export'),
    Package(
        'onnxruntime', 'pip install onnxruntime', imports='onnxruntime', used_for='export, runtime'
    ),
)

# What sdpose_runtime imports
RUNTIME_PROOF = 'import numpy, cv2, onnxruntime'

# What a run imports, what `mmpose::` in a config asks for, and a checkpoint as MMEngine writes it
PROOF = """
import mmpose_sdpose, mmpose.apis, mmpose.models, mmpose.datasets, mmpose.codecs
import mmpose.engine, mmpose.evaluation, mmpose.visualization
import io, torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import get_installed_path
get_installed_path('mmpose')
file = io.BytesIO()
torch.save(HistoryBuffer([1.0], [1]), file)
file.seek(0)
torch.load(file, weights_only=True)
"""


def why_it_fails(code: str) -> str:
    """Run ``code`` in a Python of its own: '' if it ends well, else the error it ends with."""
    # Not the folder we happen to be in, which may hold a clone of MMPose; but this very package.
    package_root = str(Path(__file__).resolve().parents[2])
    path = f'import sys; sys.path[:] = [p for p in sys.path if p] + [{package_root!r}]\n'
    try:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', path + code],
            env={**os.environ, 'MPLBACKEND': 'agg'},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors='replace',
            timeout=300,
        )
    except subprocess.TimeoutExpired as error:
        return f'no end after {error.timeout:.0f} seconds'
    if done.returncode == 0:
        return ''
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r'[\w.]*(Error|Exception)\b', line)]
    ending = f'Python ended with exit code {done.returncode}'
    return (errors or lines or [ending])[-1]


def as_numbers(version: str) -> tuple[int, ...]:
    """'2.13.0+cpu' -> (2, 13, 0)."""
    release = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(number) for number in release.group().split('.')) if release else ()


def installed_distributions(package: Package) -> dict[str, str]:
    found = {}
    for name in package.distributions or (package.name,):
        try:
            found[name] = metadata.version(name) or 'unknown'
        except metadata.PackageNotFoundError:
            continue
    return found


def mend_for(package: Package, error: str) -> str:
    """The line that mends a package that is there but cannot be imported."""
    absent = re.search(r"No module named '(\w+)", error)
    if package.name in ('xtcocotools', 'opencv') and re.search('numpy|_ARRAY_API', error):
        return NUMPY_1  # built for NumPy 1, met NumPy 2
    if package.name == 'opencv' and '.so' in error:
        return HEADLESS  # libGL and its like are missing
    if package.name in ('mmdet', 'mmcv.ops') and re.search('mmcv', error, re.IGNORECASE):
        return COMPILED_MMCV
    if absent and absent.group(1) == 'pkg_resources':
        return PKG_RESOURCES
    if absent and not package.imports.startswith(absent.group(1)):
        return f'pip install {absent.group(1)}'
    return package.mend.replace('pip install', 'pip install --force-reinstall --no-deps')


def examine(package: Package) -> Finding:
    """Look for a package, compare its version, try its import."""
    found = installed_distributions(package)
    if not found:
        status = 'optional' if package.used_for else 'missing'
        return Finding(package.name, '-', status, package.used_for, package.mend)
    names = [name for name in found if package.distributions]
    installed = ', '.join(
        f'{name} {version}'.strip() if names else version for name, version in found.items()
    )
    if len(found) > 1:
        mend = f'pip uninstall -y {" ".join(found)} && {package.mend}'
        return Finding(package.name, installed, 'clash', 'they write over each other', mend)
    version = as_numbers(next(iter(found.values())))
    if package.lowest and version < as_numbers(package.lowest):
        return Finding(
            package.name, installed, 'too old', f'needs {package.lowest} or later', package.mend
        )
    if package.limit and version >= as_numbers(package.limit):
        return Finding(
            package.name, installed, 'too new', f'needs less than {package.limit}', package.mend
        )
    error = why_it_fails(f'import {package.imports}') if package.imports else ''
    if error:
        return Finding(package.name, installed, 'broken', error, mend_for(package, error))
    return Finding(package.name, installed, 'ok', package.used_for)


def examine_python() -> Finding:
    version = platform.python_version()
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        return Finding('Python', version, 'ok')
    status = 'too old' if sys.version_info < (3, 10) else 'too new'
    return Finding('Python', version, status, 'needs 3.10 to 3.12', 'python3.11 -m venv .venv')


def print_table(findings: list[Finding]) -> None:
    rows = [(f.name, f.installed, f.status, f.remark) for f in findings]
    try:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table
    except ImportError:
        for name, installed, status, remark in rows:
            print(f'{name:12} {installed:28} {status:9} {remark}')
        return
    table = Table('package', 'installed', 'status', 'remark')
    for *cells, status, remark in rows:
        colour = {'ok': 'green', 'optional': 'dim'}.get(status, 'bold red')
        table.add_row(*cells, f'[{colour}]{status}[/]', escape(remark))
    Console().print(table)


def print_mends(findings: list[Finding]) -> None:
    for title, optional in (('To mend:', False), ('Optional, if you want it:', True)):
        mends = [f for f in findings if f.mend and (f.status == 'optional') is optional]
        if mends:
            print(title)
        for finding in mends:
            print(f'  {finding.name:12} {finding.mend}')


def runtime_verdict(error: str) -> str:
    if not error:
        return 'sdpose_runtime can run: exported models, without MMPose.'
    mend = (
        'pip install onnxruntime'
        if 'onnxruntime' in error
        else 'pip install "mmpose_sdpose[runtime]"'
    )
    return f'sdpose_runtime, for exported models, cannot run ({error}): {mend}'


def verdict(findings: list[Finding], error: str) -> str:
    if not error:
        return 'MMPose can run, and mmpose_sdpose with it.'
    needed = {package.name for package in PACKAGES if not package.used_for}
    causes = [f'{f.name} is {f.status}' for f in findings if f.name in needed and f.status != 'ok']
    because = f'{", ".join(causes)}; trying' if causes else 'trying'
    return f'MMPose cannot run, because {because} it ends with {error}'


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='check', description=__doc__.splitlines()[0])
    parser.add_argument('config', nargs='?', help='path, or name of one of our configs')
    parser.add_argument(
        '--run', choices=['train', 'test'], help='what the config is checked for; default: both'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as in training'
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    if args.config:
        return check_config(args.config, args.run, args.cfg_options)
    return check_installation()


def check_config(name: str, run: str | None, options: list[str]) -> int:
    """Print what is found in what a config reads; the exit code."""
    # By its path Python finds this file's neighbours first: train, test, and not the package.
    tools = Path(__file__).resolve().parent
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != tools] + [str(tools.parents[1])]
    import mmpose_sdpose

    mmpose_sdpose.register()
    from mmpose_sdpose.configs import read_config
    from mmpose_sdpose.datasets.checks import STAGES
    from mmpose_sdpose.tools.console import fail
    from mmpose_sdpose.tools.quiet import Quiet
    from mmpose_sdpose.tools.refusals import refusal
    from mmpose_sdpose.tools.trial import look_at

    from mmengine.config import DictAction
    from rich.console import Console

    stages = {'train': ('train', 'val'), 'test': ('test',)}.get(run or '', STAGES)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    console = Console(highlight=False)
    try:
        with Quiet(console):
            config = read_config(name)
            merged = parser.parse_args(['--cfg-options', *options] if options else []).cfg_options
            config.merge_from_dict(merged)
            print(name)
            findings = look_at(config, stages, console)
    except Exception as error:
        said = refusal(error)
        if said is None and not isinstance(error, (OSError, ValueError, KeyError)):
            raise
        return fail('check', said or error)
    for finding in findings:
        print(finding)
    errors = sum(finding.fatal for finding in findings)
    print(f'{name}: errors: {errors}, warnings: {len(findings) - errors}')
    return 1 if errors else 0


def check_installation() -> int:
    """Print what is installed and what to mend; the exit code."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        proof = pool.submit(why_it_fails, PROOF)
        runtime = pool.submit(why_it_fails, RUNTIME_PROOF)
        findings = [examine_python(), *pool.map(examine, PACKAGES)]
    print_table(findings)
    print_mends(findings)
    print(runtime_verdict(runtime.result()))
    print(verdict(findings, proof.result()))
    return 1 if proof.result() else 0


if __name__ == '__main__':
    sys.exit(main())
