"""Single figures of the pages, each with the command that gives it: docs/measurements.csv."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
with open(ROOT / 'docs/measurements.csv', newline='', encoding='utf-8') as file:
    ROWS = list(csv.DictReader(file))


def test_each_figure_has_a_name_of_its_own_and_a_command():
    assert len({row['figure'] for row in ROWS}) == len(ROWS)
    assert all(row['command'] and row['machine'] for row in ROWS)


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row['figure'])
def test_the_page_says_it_once_in_these_words(row):
    page = ' '.join((ROOT / row['page']).read_text(encoding='utf-8').replace('*', '').split())
    assert row['value'] in row['text']
    assert page.count(row['text']) == 1
