"""Every public class has an example in its docstring, and every example runs."""

from __future__ import annotations

import doctest
import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable

import cv2
import numpy as np
import pytest

from .pages import ROOT
from .sdpose_runtime.onnx_files import detector_file, pose_file

#: Packages whose ``__all__`` is public.
PACKAGES = (
    'mmpose_sdpose.datasets',
    'mmpose_sdpose.engine',
    'mmpose_sdpose.evaluation',
    'mmpose_sdpose.models.backbones',
    'mmpose_sdpose.models.data_preprocessors',
    'mmpose_sdpose.models.distillers',
    'mmpose_sdpose.models.heads',
    'mmpose_sdpose.models.layers',
    'mmpose_sdpose.models.losses',
    'sdpose_runtime',
    'sdpose_synth',
)
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


#: What a class that runs leaves behind, shown where it is made.
RESULTS = ('AttentionLayout', 'AttentionMaps', 'Tokens')


def public() -> Iterator[Callable]:
    """What the packages offer: classes and functions."""
    for package in map(import_module, PACKAGES):
        for name in package.__all__:
            if callable(value := getattr(package, name)):
                yield value


CLASSES = {
    value.__name__: value
    for value in public()
    if isinstance(value, type) and not issubclass(value, Exception)
}
MODULES = sorted({value.__module__ for value in public()})


@pytest.mark.parametrize('name', sorted(set(CLASSES) - set(RESULTS)))
def test_every_public_class_has_an_example(name):
    documentation = CLASSES[name].__doc__ or ''
    assert '\n    Examples:\n' in documentation and '>>> ' in documentation


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> Path:
    """What the examples read: a photo, boxes in it, a pose model and a detector."""
    folder = tmp_path_factory.mktemp('examples')
    image = np.random.default_rng(0).integers(0, 256, (500, 400, 3), np.uint8)
    cv2.imwrite(str(folder / 'photo.jpg'), image)
    person = dict(id=1, image_id=1, category_id=1, bbox=[10, 20, 100, 300])
    images = [dict(id=1, file_name='photo.jpg')]
    (folder / 'people.json').write_text(json.dumps(dict(images=images, annotations=[person])))
    pose_file(folder / 'model.onnx')
    boxes = dict(
        boxes=np.array([[[8, 8, 40, 60, 0.9]]], np.float32), labels=np.zeros((1, 1), np.float32)
    )
    detector_file(folder / 'yolox.onnx', boxes)
    return folder


@pytest.mark.parametrize('name', MODULES)
def test_examples_run(name, files, monkeypatch):
    monkeypatch.chdir(files)
    failures = _failures(import_module(name))
    assert not failures, '\n'.join(failures)


def _failures(module: ModuleType) -> list[str]:
    """What examples of a module print instead of what they say."""
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in doctest.DocTestFinder().find(module, module.__name__):
        runner.run(test, out=said.append)
    return said


def test_an_example_that_is_wrong_is_found():
    module = ModuleType('wrong', '>>> 1 + 1\n3\n')
    assert _failures(module)


@pytest.mark.parametrize('name', sorted(CLASSES))
def test_every_public_class_is_on_a_page_of_the_api(name):
    pages = ''.join(page.read_text() for page in (ROOT / 'docs/api').glob('*.md'))
    shown = set(re.findall(r'^::: [\w.]+\.(\w+)$', pages, re.M))
    assert name in shown or name in RESULTS
