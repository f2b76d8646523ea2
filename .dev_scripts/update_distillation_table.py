"""Write the table of what students learn from teachers into projects/distillation/README.md.

Run it from a checkout. The table is that of tests/mmpose_sdpose/test_models/test_distillers/pairs.py,
each pair of which a test trains for a step.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import mmpose_sdpose  # noqa: E402, F401  makes MMPose importable
from mmpose_sdpose.tools.console import fail  # noqa: E402

from sdpose_runtime.files import whole_file  # noqa: E402
from tests.mmpose_sdpose.test_models.test_distillers.pairs import HEADS, shared  # noqa: E402

PAGE = 'projects/distillation/README.md'
BEGIN, END = '<!-- pairs -->', '<!-- /pairs -->'
#: Quantity -> its letter in the table; features are in every cell, and so in none.
LETTERS = dict(
    heatmaps='H',
    probability_maps='P',
    simcc='S',
    coordinates='C',
    scores='R',
    sigmas='G',
    scales='L',
    keypoint_tokens='K',
    visual_tokens='V',
    attention='A',
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='update_distillation_table', description=__doc__)
    parser.add_argument(
        '--check', action='store_true', help='write nothing; exit with 1 if the table is stale'
    )
    parser.add_argument('--page', type=Path, default=ROOT / PAGE, help=f'default: {PAGE}')
    return parser.parse_args(argv)


def alike() -> list[list[str]]:
    """Heads that share the same with every other, together."""
    groups: dict[tuple, list[str]] = {}
    for name in HEADS:
        what = tuple(
            tuple(shared(*pair)) for other in HEADS for pair in ((name, other), (other, name))
        )
        groups.setdefault(what, []).append(name)
    return list(groups.values())


def render() -> str:
    """Rows are students, columns teachers; then what the letters mean."""
    groups = alike()
    titles = ['<br>'.join(group) for group in groups]
    lines = [_row(['student \\ teacher', *titles]), _row(['---'] * (len(groups) + 1))]
    for title, (student, *_) in zip(titles, groups):
        cells = [_letters(shared(student, teacher)) for teacher, *_ in groups]
        lines.append(_row([title, *cells]))
    meanings = ', '.join(f'{letter} `{name}`' for name, letter in LETTERS.items())
    return '\n'.join([*lines, '', f'{meanings}; all: `features`.'])


def _letters(names: list[str]) -> str:
    return ' '.join(LETTERS[name] for name in names if name in LETTERS)


def _row(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def fresh(text: str) -> str:
    """A page's text with the table as it should be.

    Raises:
        ValueError: If the page has no one place for it.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f'the page needs one place for the table: a line {BEGIN} and a line {END}')
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f'{before}{BEGIN}\n{render()}\n{END}{after}'


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        text = args.page.read_text(encoding='utf-8')
        wanted = fresh(text)
    except (OSError, ValueError) as error:
        fail('update_distillation_table', str(error))
        return 1
    if args.check and text != wanted:
        fail(
            'update_distillation_table',
            f'{args.page} is stale: write it anew with `python '
            '.dev_scripts/update_distillation_table.py`',
        )
        return 1
    if text != wanted:
        with whole_file(args.page) as file:
            file.write(wanted.encode())
    print(f'{args.page}: {"up to date" if text == wanted else "written"}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
