"""The figures on the card of the weights for photographs are those of its file of results."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / 'projects/sdpose'
CARD = (FOLDER / 'PHOTOS.md').read_text(encoding='utf-8')


def rows_of(file_name: str) -> list[dict[str, str]]:
    with open(FOLDER / file_name, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


ROWS = rows_of('photos_results.csv')
MODELS = {'SDPose-N': 'td-hm_sdpose-n', 'LADPose-N': 'td-reg_ladpose-n'}
SETS = {'everyday': 'test', 'sport': 'sport', 'held_out': 'held_out'}
#: Rows of the card by groups of people.
GROUPS = {
    '10 and more joints labelled': 'most joints',
    'fewer: half bodies, small and hidden people': 'few joints',
    'medium (32 to 96 pixels)': 'medium',
    'large': 'large',
}
JOINTS = ('nose', 'eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')


def row_of(model: str, people: str, flip: bool = True, weights: str = '') -> dict[str, float]:
    """The row of a model's packaged weights, or of others."""
    config = f'{MODELS[model]}_1xb256-60e_photos-256x192'
    packaged = f'mmpose_sdpose://{model.lower()}_photos-256x192.pth'
    place = (config, weights or packaged, SETS[people], str(flip))
    (row,) = [
        row
        for row in ROWS
        if (row['config'], row['weights'], row['set'], row['flip_test']) == place
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


@pytest.mark.parametrize(
    ('model', 'label', 'weights'),
    [
        ('SDPose-N', '`sdpose-n_earlier.pth`', 'sdpose-n_earlier.pth'),
        ('SDPose-N', '`sdpose-n_part1.pth`', 'sdpose-n_part1.pth'),
        ('SDPose-N', 'taught by a convolutional model: the packaged weights', ''),
        *[
            ('LADPose-N', f'| `ladpose-n_part{n}.pth`', f'ladpose-n_part{n}.pth')
            for n in (2, 3, 4, 5)
        ],
        ('LADPose-N', '| the packaged ones', ''),
    ],
)
def test_what_each_part_of_a_training_came_to(model, label, weights):
    """Mean OKS of those held out (SDPose-N without flip test), in sport, everyday."""
    rows = [
        row_of(model, 'held_out', model == 'LADPose-N', weights),
        row_of(model, 'sport', True, weights),
        row_of(model, 'everyday', True, weights),
    ]
    (line,) = [one for one in CARD.splitlines() if one.startswith('|') and label in one]
    said = [float(cell.strip(' *')) for cell in line.split('|')[-4:-1]]
    assert said == pytest.approx([row['OKS'] for row in rows], abs=0.00051)


def test_fourteen_joints():
    rows = {
        row['flip_test']: row
        for row in ROWS
        if row['config'] == 'td-hm_sdpose-n_1xb32-20e_lspet-256x192'
    }
    said = re.search(
        r'PCK ([\d.]+) \(a joint.*?AP ([\d.]+); with flip test ([\d.]+) and (\d\.\d+)', CARD, re.S
    )
    found = [float(rows[flip][name]) for flip in ('False', 'True') for name in ('PCK', 'AP')]
    assert [float(number) for number in said.groups()] == pytest.approx(found, abs=0.00051)


def test_limbs():
    (row,) = [row for row in ROWS if '_limbs_' in row['config'] and row['flip_test'] == 'False']
    pck = [float(row[f'{threshold}/PCK']) for threshold in ('0.2', '0.1')]
    said = re.search(r'PCK ([\d.]+) at a fifth of the box, ([\d.]+) at a tenth', CARD)
    assert [float(number) for number in said.groups()] == pytest.approx(pck, abs=0.00051)


OTHERS = {
    'its backbone under a heatmap head, its teacher': 'td-hm_res18-thin',
    'RTMPose-s': 'td-simcc_rtmpose-s',
    'LADPose, taught by the SDPose-T below': 'td-reg_ladpose',
    'SDPose-T': 'td-hm_sdpose-t',
}


def cells_of(label: str) -> list[float]:
    """Of the table of other models: OKS held out; AP, OKS in sport; AP, OKS everyday, its interval."""
    (line,) = [
        line
        for line in CARD.splitlines()
        if line.startswith(f'| {label} |') and line.count('|') == 11
    ]
    return [float(number) for number in re.findall(r'[\d.]+', ''.join(line.split('|')[6:]))]


def cells_from(held_out: dict, sport: dict, everyday: dict) -> list:
    """What :func:`cells_of` finds, by the rows of the three sets."""
    of_sets = [held_out['OKS'], sport['AP'], sport['OKS'], everyday['AP'], everyday['OKS']]
    return [*of_sets, everyday['OKS_low'], everyday['OKS_high']]


@pytest.mark.parametrize('label', OTHERS)
def test_other_models(label):
    rows = {
        row['set']: row
        for row in rows_of('photos_others.csv')
        if row['config'] == f'{OTHERS[label]}_1xb256-60e_photos-256x192'
    }
    held_out, sport, everyday = (rows[name] for name in ('held_out', 'sport', 'test'))
    assert cells_of(label) == [float(value) for value in cells_from(held_out, sport, everyday)]


@pytest.mark.parametrize(
    ('label', 'weights'),
    [
        ('SDPose-N, the packaged weights', ''),
        ('SDPose-N, part 1: not taught', 'sdpose-n_part1.pth'),
    ],
)
def test_sdpose_n_among_other_models(label, weights):
    held_out = row_of('SDPose-N', 'held_out', False, weights)
    sport, everyday = (
        row_of('SDPose-N', people, True, weights) for people in ('sport', 'everyday')
    )
    assert cells_of(label) == pytest.approx(cells_from(held_out, sport, everyday), abs=0.00051)
