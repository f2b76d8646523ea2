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
    assert named <= tools


def test_the_table_of_tools_has_all_of_them():
    text = (ROOT / 'docs/train.md').read_text()
    rows = text.split('| `mim run mmpose_sdpose …` |')[1].split('\n\n')[0]
    tools = {
        path.stem
        for path in (ROOT / 'mmpose_sdpose/tools').glob('*.py')
        if "__name__ == '__main__'" in path.read_text()
    } - {'train', 'test'}
    assert set(re.findall(r'^\| `(\w+)', rows, re.M)) == tools


#: Commands that a test elsewhere runs, or that run this one.
ELSEWHERE = {
    'pip install ".[runtime]"': 'tests/test_dist.py installs the wheel into a bare environment',
    'pip install .': 'make install does it, tests/mmpose_sdpose/test_commands uses it',
    'make install': 'every run of the tests does it first',
    'source .venv/bin/activate': 'make puts .venv on the path',
    'make demo': 'tests/mmpose_sdpose/test_tools/test_demo.py',
    'make test': 'this',
}
FIRST_PAGES = ['README.md', 'docs/quick_start.md']


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with the checkout's photo in it."""
    (tmp_path / 'docs').mkdir()
    shutil.copyfile(ROOT / 'docs/walk.jpg', tmp_path / 'docs/walk.jpg')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize('page', FIRST_PAGES)
def test_every_command_runs_here_or_elsewhere(page, folder, capsys):
    for line in commands(page):
        if line in ELSEWHERE:
            continue
        program, *arguments = line.split()
        assert program == 'sdpose-runtime', f'nothing runs this command of {page}: {line}'
        assert sdpose_runtime(arguments) == 0
        said = capsys.readouterr()
        assert '1 frame, 1 person, ' in said.out + said.err
        before, after = (cv2.imread(name) for name in ('docs/walk.jpg', 'out/walk.jpg'))
        assert before.shape == after.shape and (cv2.absdiff(before, after) > 40).any()


def test_the_program_of_the_readme_runs(folder):
    (program,) = blocks('README.md', 'python')
    scope: dict = {}
    exec(program, scope)
    (person,) = scope['result']['predictions'][0]
    assert len(person['keypoints']) == 17
    assert (folder / 'out/mmpose/walk.jpg').is_file()


def test_the_program_of_the_quick_start_prints_keypoints_on_the_photo(folder, capsys):
    (program,) = blocks('docs/quick_start.md', 'python')
    scope: dict = {}
    exec(program, scope)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(scope['model'].info.keypoint_names)
    height, width = scope['image'].shape[:2]
    for line in lines:
        x, y = map(float, line.split()[1:3])
        assert -0.2 * width < x < 1.2 * width and -0.2 * height < y < 1.2 * height
