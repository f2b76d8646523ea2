"""What README says must be there."""

from __future__ import annotations

import re
from pathlib import Path

from mmpose_sdpose.configs import model_configs

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'projects').rglob('*.md'))]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_and_config_names_exist(page):
    text = page.read_text()
    links = re.findall(r'\]\((?!https?:)([^)#]+)\)', text)
    missing = [link for link in links if not (page.parent / link).exists()]
    text = re.sub(r'mmpose::\S+', '', text)  # MMPose's own configs
    names = {path.name for path in model_configs()}
    missing += [
        name for name in re.findall(r'td-(?:hm|reg|simcc)_[\w-]+\.py', text) if name not in names
    ]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tools_that_are_named_exist(page):
    text = page.read_text()
    named = set(re.findall(r'mim run mmpose_sdpose (\w+)', text))
    if page == PAGES[0]:
        rows = text.split('| `mim run mmpose_sdpose …` |')[1].split('\n\n')[0]
        in_table = set(re.findall(r'^\| `(\w+)', rows, re.M))
        assert in_table
        named |= in_table
    tools = {path.stem for path in (ROOT / 'mmpose_sdpose/tools').glob('*.py')}
    assert named <= tools
