"""What may import what: the plugin, its two neighbours, and what is not installed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STANDARD = set(sys.stdlib_module_names) if sys.version_info >= (3, 10) else set()
#: Import root -> its folder, and what it may import beside the standard library and itself.
ALONE = {
    'sdpose_runtime': ('projects/runtime/sdpose_runtime', {'numpy', 'cv2', 'onnxruntime'}),
    'sdpose_synth': ('projects/synthpose/sdpose_synth', {'numpy', 'cv2'}),
}
OURS = {'mmpose_sdpose', 'sdpose_runtime', 'sdpose_synth', 'projects'}


def imports_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Place and import root of every absolute import under a folder, those inside functions too."""
    for path in sorted(folder.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or '']
            for name in names:
                yield f'{path.relative_to(ROOT)}:{node.lineno}', name.split('.')[0]


@pytest.mark.skipif(not STANDARD, reason='Python 3.9 does not list its standard library')
@pytest.mark.parametrize('name', ALONE)
def test_a_neighbour_imports_nothing_of_the_rest(name):
    folder, allowed = ALONE[name]
    found = list(imports_of(ROOT / folder))
    assert found
    assert [where for where in found if where[1] not in STANDARD | allowed | {name}] == []


def test_the_plugin_draws_people_in_tools_alone_and_knows_no_project():
    found = list(imports_of(ROOT / 'mmpose_sdpose'))
    ours = {
        (where.split(':')[0], name) for where, name in found if name in OURS - {'mmpose_sdpose'}
    }
    assert ours, 'the plugin reads words of the metadata from sdpose_runtime'
    wrong = [
        (where, name)
        for where, name in ours
        if name == 'projects'
        or (name == 'sdpose_synth' and not where.startswith('mmpose_sdpose/tools/'))
    ]
    assert wrong == []


@pytest.mark.parametrize('name', ALONE)
def test_a_neighbour_waits_for_no_large_package_that_is_there(name):
    """In an interpreter of its own, with everything installed that is installed here."""
    paths = [str(ROOT / folder) for folder in ('projects/runtime', 'projects/synthpose')]
    code = (
        f'import sys, {name}\nprint(*sorted({{module.split(".")[0] for module in sys.modules}}))\n'
    )
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert {name, 'numpy', 'cv2'} <= imported
    large = {'torch', 'mmengine', 'mmcv', 'mmpose', 'mmpose_sdpose', 'rich', 'matplotlib', 'scipy'}
    assert imported & large == set()


def test_every_root_is_tested_as_it_stands_in_the_checkout():
    """A green run with an old wheel behind it would prove nothing."""
    import sdpose_runtime
    import sdpose_synth

    for module in (sdpose_runtime, sdpose_synth):
        folder, _ = ALONE[module.__name__]
        assert Path(module.__file__).parent == ROOT / folder
