"""What the page on distillation says, tried."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from mmpose_sdpose.configs import find_config
from mmpose_sdpose.engine import LossWeightHook
from mmpose_sdpose.models import losses
from mmpose_sdpose.models.distillers import TopdownDistiller, quantities
from mmpose_sdpose.models.distillers.comparisons import build_comparison
from mmpose_sdpose.models.distillers.registries import all_quantities

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / 'projects/distillation/README.md').read_text()
OWN = ROOT / 'tests/mmpose_sdpose/test_models/test_distillers'


def rows(head: str) -> list[list[str]]:
    """Cells of the table whose head begins so."""
    table = TEXT[TEXT.index(f'\n| {head} |') :].strip().split('\n\n')[0]
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines()[2:]]


def code_in(cells: list[str]) -> list[str]:
    return [code for cell in cells for code in re.findall(r'`([^`]+)`', cell)]


def calls(pattern: str) -> list[str]:
    """Python that the page shows in a line, by a pattern of the whole of it."""
    return [code for code in re.findall(r'`([^`\n]+)`', TEXT) if re.fullmatch(pattern, code)]


@pytest.mark.parametrize('name', ['own_loss', 'own_quantity', 'own_head', 'own_config'])
def test_files_on_the_page_are_those_that_are_tested(name):
    code = (OWN / f'{name}.py').read_text()
    (shown,) = re.findall(
        rf'<!-- file: {name}\.py -->\n```python\n(.*?)```\n<!-- /file -->', TEXT, re.S
    )
    assert shown == code
    assert len(code.splitlines()) < 30


def test_the_config_on_the_page_builds():
    (code,) = re.findall(
        r"```python\n(model = dict\(\n    type='TopdownDistiller'.*?)```", TEXT, re.S
    )
    found: dict = {}
    exec(code, found)
    init_default_scope('mmpose')
    model = MODELS.build({**found['model'], 'teacher_ckpt': None, 'allow_untrained': True})
    assert sorted(model.comparisons) == ['features', 'heatmaps', 'where']


def test_the_other_configs_on_the_page_load(tmp_path):
    beside = find_config('td-reg_ladpose_distill-tokenpose-s-v1_8xb64-300e_coco-256x192')
    blocks = re.findall(r'```python\n((?:_base_|train_dataloader) = .*?)```', TEXT, re.S)
    assert len(blocks) == 2
    for number, code in enumerate(blocks):
        if not code.startswith('_base_'):
            code = f"_base_ = ['./{beside.name}']\n{code}"
        path = tmp_path / f'{number}.py'
        path.write_text(code.replace("'./", f"'{beside.parent}/"))
        cfg = Config.fromfile(path)
        dataset = cfg.train_dataloader.dataset
        unlabelled = dataset.type == 'KeepBoxes' and set(dataset) == {'type', 'dataset'}
        weights = [hook.type for hook in cfg.custom_hooks].count('LossWeightHook')
        assert (unlabelled, weights) in [(True, 0), (False, 1)]


LOSSES = calls(r"\w+=dict\(type='\w+Loss'.*\)")


@pytest.mark.parametrize('code', LOSSES)
def test_losses_on_the_page_build(code):
    init_default_scope('mmpose')
    (call,) = ast.parse(f'dict({code})').body
    ((name, config),) = eval(compile(ast.Expression(call.value), '', 'eval')).items()
    known = [quantity.name for quantity in all_quantities()]
    if name not in known and 'on' not in config:  # the quantity of own_quantity.py
        assert config['type'] == 'BoneDirectionLoss'
        return
    loss, comparison = build_comparison(name, config)
    assert isinstance(loss, nn.Module) and comparison.student


@pytest.mark.parametrize('code', calls(rf'(?:{"|".join(losses.__all__)})\(.*\)'))
def test_losses_that_recipes_name_can_be_built(code):
    assert isinstance(eval(code, vars(losses).copy()), nn.Module)


def test_recipes_name_losses():
    assert len(LOSSES) == 3 and len(calls(r'\w+Loss\(.*\)')) > 5


SCHEDULES = calls(r"dict\(type='(?:linear|cosine|constant)'.*\)")


def test_schedules_on_the_page_can_be():
    assert len(SCHEDULES) == 2
    for schedule in SCHEDULES:
        LossWeightHook(dict(features=eval(schedule)))


def test_every_quantity_is_on_the_page():
    named = code_in([row[0] for row in rows('quantity')])
    # Tests and examples register some, too.
    of_package = [q.name for q in all_quantities() if q.read.__module__ == quantities.__name__]
    assert sorted(named) == sorted(of_package)


def test_every_loss_is_on_the_page():
    named = {code.split()[0] for code in code_in([row[0] for row in rows('loss')])}
    with_targets = {'HeatmapCrossEntropyLoss', 'LocalizationScoreLoss'}  # not between two models
    ours = {name for name in losses.__all__ if name.endswith('Loss')} - with_targets
    assert ours <= named


def test_every_option_of_the_distiller_is_on_the_page():
    shown = TEXT[: TEXT.index('## What can be compared')]
    options = set(inspect.signature(TopdownDistiller).parameters) - {'allow_untrained'}
    missing = [name for name in options if not re.search(rf'\b{name}\b', shown)]
    assert not missing
