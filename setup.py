"""Package metadata, and the build step that puts configs where MIM and MMEngine look for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
#: Import roots beside the plugin, and the folders they are in.
NEIGHBOURS = {'sdpose_runtime': 'projects/runtime', 'sdpose_synth': 'projects/synthpose'}


class BuildWithMim(build_py):
    """Adds ``mmpose_sdpose/.mim``: copies in a wheel, links in an editable install."""

    def run(self) -> None:
        super().run()
        base = ROOT if self.editable_mode else Path(self.build_lib)
        target = base / 'mmpose_sdpose' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ('configs', 'model-index.yml'):
            source = ROOT / name
            if self.editable_mode:
                os.symlink(os.path.relpath(source, target), target / name)
            elif source.is_dir():
                shutil.copytree(source, target / name, ignore=shutil.ignore_patterns('__pycache__'))
            else:
                shutil.copy2(source, target / name)


def version() -> str:
    scope: dict = {}
    exec((ROOT / 'mmpose_sdpose' / 'version.py').read_text(), scope)
    return scope['__version__']


setup(
    name='mmpose_sdpose',
    version=version(),
    description='SDPose, DistilPose and LADPose for MMPose 1.x: small keypoint-token pose models that '
    'learn by distillation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=[
        *find_packages(include=['mmpose_sdpose', 'mmpose_sdpose.*']),
        *(name for root in NEIGHBOURS.values() for name in find_packages(root)),
    ],
    package_dir={name: f'{root}/{name}' for name, root in NEIGHBOURS.items()},
    package_data={'mmpose_sdpose': ['weights/*.pth'], 'sdpose_runtime': ['weights/*.onnx']},
    include_package_data=False,
    entry_points={'console_scripts': ['sdpose-runtime = sdpose_runtime.cli:main']},
    # The runtime's tests pass on 3.9 to 3.13; what the plugin runs on is what MMPose's set installs on.
    python_requires='>=3.9',
    # MMPose and MMCV are not listed: pip would resolve chumpy with them, whose source no longer
    # builds, and the install would fail even where MMPose is present. The import checks instead.
    install_requires=[],
    extras_require={
        # All that sdpose_runtime needs on a bare machine. OpenCV 5 warps images differently by a few
        # grey levels. Headless: no window is opened, and a bare machine has no libGL.
        'runtime': ['numpy', 'opencv-python-headless<5', 'onnxruntime'],
        # The same beside MMPose, which brings an OpenCV of its own: a second one would overwrite it.
        'onnx': ['numpy', 'onnxruntime'],
    },
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    cmdclass={'build_py': BuildWithMim},
    zip_safe=False,
)
