"""What README and the pages say must be there, and README's commands run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.configs import model_configs

import cv2
import pytest

from sdpose_runtime.cli import main as sdpose_runtime
from sdpose_synth import make_sample

from .pages import ROOT, blocks, commands

README = ROOT / 'README.md'
PAGES = [README, *sorted((ROOT / 'docs').rglob('*.md')), *sorted((ROOT / 'projects').rglob('*.md'))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def local_links(page: Path) -> list[str]:
    return re.findall(r'\]\((?!https?:)([^)]+)\)', page.read_text())


@pytest.mark.parametrize('page', PAGES, ids=NAMES)
def test_local_links_and_config_names_exist(page):
    missing = [
        link
        for link in local_links(page)
        if link.split('#')[0] and not (page.parent / link.split('#')[0]).exists()
    ]
    text = re.sub(r'mmpose::\S+', '', page.read_text())  # MMPose's own configs
    names = {path.name for path in model_configs()}
    missing += [
        name for name in re.findall(r'td-(?:hm|reg|simcc)_[\w-]+\.py', text) if name not in names
    ]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=NAMES)
def test_links_to_headings_find_them(page):
    missing = []
    for link in local_links(page):
        path, _, anchor = link.partition('#')
        target = page.parent / path if path else page
        if anchor and target.suffix == '.md' and anchor not in anchors(target.read_text()):
            missing.append(link)
    assert not missing


def anchors(text: str) -> set[str]:
    """What GitHub, and MkDocs, call the headings of a page."""
    headings = re.findall(r'^#+ (.*)$', re.sub(r'^```.*?^```', '', text, flags=re.M | re.S), re.M)
    words = (re.sub(r'[^\w\s-]', '', heading.lower()).strip() for heading in headings)
    return {re.sub(r'\s', '-', heading) for heading in words}


@pytest.mark.parametrize('page', PAGES, ids=NAMES)
def test_tools_that_are_named_exist(page):
    text = page.read_text()
    named = set(re.findall(r'mim run mmpose_sdpose (\w+)', text))
    tools = {path.stem for path in (ROOT / 'mmpose_sdpose/tools').glob('*.py')}
    if page.name == 'train.md':
        rows = text.split('| `mim run mmpose_sdpose …` |')[1].split('\n\n')[0]
        in_table = set(re.findall(r'^\| `(\w+)', rows, re.M))
        assert in_table
        named |= in_table
    assert named <= tools


#: README's commands that a test elsewhere runs, or that run this one.
ELSEWHERE = {
    'pip install ".[runtime]"': 'tests/test_dist.py installs the wheel into a bare environment',
    'pip install .': 'make install does it, tests/mmpose_sdpose/test_commands.py uses it',
    'make install': 'every run of the tests does it first',
    'make demo': 'tests/mmpose_sdpose/test_tools/test_demo.py',
    'make test': 'this',
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a picture of a lone person in it."""
    sample = make_sample(0, 'val', 0, 256, company='alone', view='front')
    (tmp_path / 'photo.jpg').write_bytes(sample.jpeg)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_readme_runs_or_is_run_elsewhere(folder):
    for line in commands('README.md'):
        if line in ELSEWHERE:
            continue
        program, *arguments = line.split()
        assert program == 'sdpose-runtime', f'nothing runs this command of README: {line}'
        if not list((ROOT / 'projects/runtime').rglob('*.onnx')):
            pytest.skip('the runtime has no model of its own in this checkout')
        assert sdpose_runtime(arguments) == 0
        assert_drawn_on(folder)


def test_the_program_of_the_readme_runs(folder):
    (program,) = blocks('README.md', 'python')
    scope: dict = {}
    exec(program, scope)
    (person,) = scope['result']['predictions'][0]
    assert len(person['keypoints']) == 17
    assert_drawn_on(folder)


def assert_drawn_on(folder: Path) -> None:
    """The picture in ``out`` is the photo with something drawn into it."""
    before, after = (cv2.imread(str(folder / name / 'photo.jpg')) for name in ('', 'out'))
    assert before.shape == after.shape and (cv2.absdiff(before, after) > 40).any()
    shutil.rmtree(folder / 'out')
