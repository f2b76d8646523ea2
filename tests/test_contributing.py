"""What the contributor's page, the workflows and the hooks call is there, and is the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / 'Makefile').read_text()
TARGETS = set(re.search(r'^\.PHONY: (.*)$', MAKEFILE, re.M)[1].split())
WORKFLOWS = sorted((ROOT / '.github/workflows').glob('*.yml'))


def commands_of(workflow: Path) -> list[str]:
    jobs = yaml.safe_load(workflow.read_text())['jobs'].values()
    return [step['run'] for job in jobs for step in job['steps'] if 'run' in step]


@pytest.mark.parametrize('page', ['CONTRIBUTING.md', 'CHANGELOG.md'])
def test_local_links_exist(page):
    links = re.findall(r'\]\((?!https?:)([^)#]+)', (ROOT / page).read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_target_of_the_makefile_has_a_recipe():
    assert {target for target in TARGETS if not re.search(rf'^{target}:', MAKEFILE, re.M)} == set()


def test_the_page_names_targets_that_exist():
    text = (ROOT / 'CONTRIBUTING.md').read_text()
    lines = re.findall(r'(?:`|^)make ([a-z][a-z -]*)', text, re.M)
    named = {name for line in lines for name in line.split()}
    assert {'install', 'check', 'test', 'test-slow', 'docs', 'matrix', 'dist'} <= named
    assert named <= TARGETS


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_make(workflow):
    commands = commands_of(workflow)
    assert commands
    for command in commands:
        words = command.split()
        assert words[0] == 'make'
        assert words[1] in TARGETS


def test_hooks_before_a_commit_call_what_make_check_calls():
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    hooks = [hook['entry'] for repo in config['repos'] for hook in repo['hooks']]
    recipe = re.search(r'^check:.*\n((?:\t.*\n)+)', MAKEFILE, re.M)[1]
    checks = re.findall(r'\$\(PY\) -m ([\w -]+?)(?: \$\(CODE\))?$', recipe, re.M)
    assert len(checks) == 3
    called = [
        hook.removeprefix('.venv/bin/python -m ').replace(' --force-exclude', '') for hook in hooks
    ]
    assert called == checks
