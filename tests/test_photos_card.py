"""The figures on the card of the weights for photographs are those of its file of results."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / 'projects/sdpose'
CARD = (FOLDER / 'PHOTOS.md').read_text(encoding='utf-8')
with open(FOLDER / 'photos_results.csv', newline='', encoding='utf-8') as file:
    ROWS = list(csv.DictReader(file))
MODELS = {'SDPose-N': 'td-hm_sdpose-n_', 'LADPose-N': 'td-reg_ladpose-n_'}
#: Rows of the card by groups of people.
GROUPS = {
    '10 and more joints labelled': 'most joints',
    'fewer: half bodies, small and hidden people': 'few joints',
    'medium (32 to 96 pixels)': 'medium',
    'large': 'large',
}
JOINTS = ('nose', 'eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')


def row_of(model: str, people: str, flip: bool = True) -> dict[str, float]:
    (row,) = [
        row
        for row in ROWS
        if row['config'].startswith(MODELS[model])
        and (row['set'], row['flip_test']) == (people, str(flip))
    ]
    return {name: float(value) for name, value in row.items() if value[:1].isdigit()}


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('people', ['everyday', 'sport'])
@pytest.mark.parametrize('model', MODELS)
def test_ap_and_oks(model, people, flip):
    row = row_of(model, people, flip)
    names = [
        'AP',
        'AP_low',
        'AP_high',
        'AP .5',
        'OKS',
        'OKS_low',
        'OKS_high',
        'OKS>0.5',
        'OKS>0.75',
    ]
    digits = [0.00051] * 7 + [0.0051] * 2  # half of the last one that the card has
    found = [pytest.approx(row[name], abs=digit) for name, digit in zip(names, digits)]
    marked = '| yes |' if flip else '| no |'
    lines = [line.partition(marked)[2] for line in CARD.splitlines() if marked in line]
    cells = [[float(number) for number in re.findall(r'[\d.]+', line)] for line in lines]
    assert found in cells


@pytest.mark.parametrize('group', GROUPS)
def test_groups_of_people(group):
    found = [row_of(model, people) for model in MODELS for people in ('everyday', 'sport')]
    values = [f'{row[f"OKS({GROUPS[group]})"]:.3f}' for row in found]
    assert f'| {group} | {" | ".join(values)} |' in CARD


@pytest.mark.parametrize('people', ['everyday', 'sport'])
@pytest.mark.parametrize('model', MODELS)
def test_joints(model, people):
    row = row_of(model, people)
    sides = {joint: (f'left_{joint}', f'right_{joint}') for joint in JOINTS[1:]} | {
        'nose': ('nose',)
    }
    means = [sum(row[f'OKS[{one}]'] for one in sides[j]) / len(sides[j]) for j in JOINTS]
    line = next(one for one in CARD.splitlines() if one.startswith(f'| {model}, {people} |'))
    assert [float(cell) for cell in line.split('|')[2:-1]] == pytest.approx(means, abs=0.0051)


def test_people_held_out():
    assert f'{row_of("SDPose-N", "held_out", False)["OKS"]:.3f}' == '0.745'
    assert (
        '| SDPose-N, the packaged weights | drawn people | 106 and 42 | 1.77 | 1 | 0.745 |' in CARD
    )
    shares = [row_of('LADPose-N', 'held_out', flip)['OKS'] for flip in (True, False)]
    assert '**{:.3f}** ({:.3f} without flip test'.format(*shares) in CARD
