"""The table of what students learn from teachers."""

from __future__ import annotations

import pytest
from update_distillation_table import BEGIN, END, LETTERS, alike, fresh, main, render

from ..mmpose_sdpose.test_models.test_distillers.pairs import GIVES, HEADS, shared


def test_the_page_has_the_table_of_the_tests():
    assert main(['--check']) == 0


def test_every_pair_is_in_the_table():
    header, _, *rows = [line for line in render().splitlines() if line.startswith('|')]
    teachers = [cell.strip() for cell in header.strip('|').split('|')][1:]
    found = {}
    for row in rows:
        student, *cells = [cell.strip() for cell in row.strip('|').split('|')]
        for teacher, cell in zip(teachers, cells):
            for one in student.split('<br>'):
                for other in teacher.split('<br>'):
                    found[one, other] = cell.split()
    expected = {
        (one, other): [LETTERS[name] for name in shared(one, other) if name != 'features']
        for one in HEADS
        for other in HEADS
    }
    assert found == expected
    assert sorted(name for group in alike() for name in group) == sorted(HEADS)
    assert {name for names in GIVES.values() for name in names.split()} == {*LETTERS, 'features'}


def test_a_stale_page_is_named_and_mended(tmp_path, capsys):
    page = tmp_path / 'page.md'
    page.write_text(f'before\n{BEGIN}\nold\n{END}\nafter\n')
    assert main(['--check', '--page', str(page)]) == 1
    assert 'page.md is stale: write it anew' in capsys.readouterr().err
    assert main(['--page', str(page)]) == 0
    assert page.read_text() == f'before\n{BEGIN}\n{render()}\n{END}\nafter\n'
    assert main(['--check', '--page', str(page)]) == 0


def test_a_page_without_a_place_is_named(tmp_path):
    with pytest.raises(ValueError, match='one place for the table'):
        fresh('no place')
    assert main(['--page', str(tmp_path / 'absent.md')]) == 1
