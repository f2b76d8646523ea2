"""One picture of what keypoints look at: a row for each keypoint, a block for each view of the model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import nn

from ..configs import keypoint_names
from .attention import (
    AttentionChoice,
    Look,
    check_choice,
    choose_keypoints,
    look,
    plan_views,
    read_person,
)
from .attention_panels import ATTENTION_COLOURS, Panels, draw_predicted, draw_true

PANEL_HEIGHT = 168  # pixels, like all that follow
GAP, BLOCK_GAP, PERSON_GAP, MARGIN, NAMES_WIDTH = 4, 28, 16, 16, 90
NARROWEST, LARGEST = 760, 12000
_PIXELS_PER_INCH = 100
_EXPLANATION = (
    'Each row follows one keypoint: the person, then where the token of this keypoint looks in some '
    'layers of the network ({heads}), then what the network answers. Squares are patches of the image: '
    'the brighter, the more the token takes from them; a panel that is dim all over looks everywhere '
    'alike. Percent: the part of its attention that goes to the image, not to other keypoints.'
)
_NOTE: dict[str, Any] = dict(
    fontsize=7.5, color='white', path_effects=[withStroke(linewidth=2, foreground='black')]
)


@dataclass(frozen=True)
class Panel:
    """A small picture with a heading and a note in its lower corner."""

    heading: str
    picture: np.ndarray  # (h, w, 3), BGR
    note: str = ''


@dataclass(frozen=True)
class Row:
    """A keypoint's panels, block by block."""

    name: str
    blocks: Sequence[Sequence[Panel]]


def draw_attention(
    model: nn.Module,
    people: Sequence[dict[str, Any]],
    metainfo: dict[str, Any],
    choice: AttentionChoice,
    caption: str,
) -> np.ndarray:
    """What keypoints of some people look at, next to heatmap and prediction.

    Args:
        model: A pose estimator with a token head, or a distiller: then student and teacher.
        people: As a test pipeline packs them.
        metainfo: Of their data set: names of the keypoints, links of the skeleton.
        choice: Keypoints, layers, cycles and heads.
        caption: Second line of the picture.

    Returns:
        (H, W, 3), RGB

    Raises:
        ValueError: If the model has not what was chosen, or the picture would be too large.
    """
    check_choice(model, metainfo, choice)
    views = plan_views(model, choice)
    looks = [look(view, people) for view in views]
    names = keypoint_names(metainfo)
    joints = choose_keypoints(choice.keypoints, names)
    rows = [
        [
            Row(names[joint], _blocks(panels, looks, metainfo['skeleton_links'], index, joint))
            for joint in joints
        ]
        for index, panels in enumerate(map(_panels, people))
    ]
    heads = 'mean over heads'
    if choice.heads:
        heads = f'head{"s" * (len(choice.heads) > 1)} {", ".join(map(str, choice.heads))}'
    titles = ['', *(view.title for view in views)]
    return arrange(rows, titles, caption, _EXPLANATION.format(heads=heads))


def _panels(packed: dict[str, Any]) -> Panels:
    person = read_person(packed)
    height, width = person.crop.shape[:2]
    return Panels(person, (round(PANEL_HEIGHT * width / height), PANEL_HEIGHT))


def _blocks(
    panels: Panels,
    looks: Sequence[Look],
    links: Sequence[tuple[int, int]],
    index: int,
    joint: int,
) -> list[list[Panel]]:
    """A row: the person, and what each look has for a joint."""
    blocks = [[Panel('person', panels.image(joint))]]
    for found in looks:
        keypoints = found.keypoints[index]
        block = [
            Panel(
                heading,
                panels.attention(weights[index, joint], joint, keypoints[joint]),
                f'{100 * weights[index, joint].sum():.0f} %',
            )
            for heading, weights in found.attention.items()
        ]
        if found.heatmaps is not None:
            picture = panels.heatmap(found.heatmaps, index, joint)
            block.append(Panel(found.heatmaps.title, picture))
        block.append(Panel('prediction', panels.prediction(keypoints, links, joint)))
        blocks.append(block)
    return blocks


class _Sheet:
    """White paper for pictures and texts, placed in pixels from its upper left."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        # Half a pixel more: matplotlib rounds down.
        inches = ((width + 0.5) / _PIXELS_PER_INCH, (height + 0.5) / _PIXELS_PER_INCH)
        self.figure = Figure(inches, _PIXELS_PER_INCH)
        self.canvas = FigureCanvasAgg(self.figure)

    def write(self, x: float, y: float, text: str, fontsize: float = 9, **style: Any) -> None:
        place = x / self.width, 1 - y / self.height
        self.figure.text(*place, text, fontsize=fontsize, parse_math=False, **style)

    def paste(self, x: int, y: int, picture: np.ndarray) -> None:
        """A picture (h, w, 3), BGR."""
        self.figure.figimage(picture[..., ::-1], x, self.height - y - picture.shape[0])

    def render(self) -> np.ndarray:
        """The whole: (H, W, 3), RGB."""
        self.canvas.draw()
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()


def arrange(
    people: Sequence[Sequence[Row]], block_titles: Sequence[str], caption: str, explanation: str
) -> np.ndarray:
    """Panels on a sheet with headings, an explanation and a legend: (H, W, 3), RGB.

    Args:
        people: The rows of each person, all with the same blocks and panels.
        block_titles: Heading of each block; may be empty.
        caption: Second line, under the title.
        explanation: Text under it.

    Raises:
        ValueError: If the sheet would be too large to look at.
    """
    first = people[0][0]
    height, width = first.blocks[0][0].picture.shape[:2]
    lefts, right = _lefts([len(block) for block in first.blocks], width)
    right = max(right, NARROWEST)
    lines = textwrap.wrap(explanation, (right - 2 * MARGIN) // 7)
    tops, bottom = _tops([len(rows) for rows in people], height, 150 + 17 * len(lines))
    sheet = _Sheet(right, bottom)
    _write_head(sheet, caption, lines)
    for block, left, title in zip(first.blocks, lefts, block_titles):
        _write_headings(sheet, tops[0], left, width, title, block)
    for row, top in zip((row for rows in people for row in rows), tops):
        name, middle = row.name.replace('_', '\n'), top + height / 2
        sheet.write(MARGIN, middle, name, fontsize=9.5, weight='bold', va='center')
        for block, left in zip(row.blocks, lefts):
            for number, panel in enumerate(block):
                x = left + number * (width + GAP)
                sheet.paste(x, top, panel.picture)
                sheet.write(x + 4, top + height - 5, panel.note, **_NOTE)
    return sheet.render()


def _lefts(panels: Sequence[int], width: int) -> tuple[list[int], int]:
    """Left edge of each block of so many panels, and the right edge of the sheet."""
    lefts, x = [], MARGIN + NAMES_WIDTH
    for count in panels:
        lefts.append(x)
        x += count * (width + GAP) - GAP + BLOCK_GAP
    right = x - BLOCK_GAP + MARGIN
    if right > LARGEST:
        raise ValueError(
            f'a row would have {sum(panels)} panels and be {right} pixels wide: choose fewer layers, '
            'heads or cycles'
        )
    return lefts, right


def _tops(rows: Sequence[int], height: int, top: int) -> tuple[list[int], int]:
    """Upper edge of each row of panels, people apart from each other, and the sheet's lower edge."""
    tops = []
    for count in rows:
        tops += [top + number * (height + GAP) for number in range(count)]
        top = tops[-1] + height + PERSON_GAP
    if top > LARGEST:
        raise ValueError(
            f'the picture would have {sum(rows)} rows and be {top} pixels high: choose fewer keypoints '
            'or people'
        )
    return tops, top - PERSON_GAP + MARGIN


def _write_head(sheet: _Sheet, caption: str, lines: Sequence[str]) -> None:
    """Title, caption, explanation, and what colours and marks mean."""
    sheet.write(MARGIN, 30, 'What each keypoint looks at', fontsize=14, weight='bold')
    letters = (sheet.width - 2 * MARGIN) // 8
    sheet.write(MARGIN, 52, textwrap.shorten(caption, letters, placeholder=' …'), fontsize=10)
    sheet.write(MARGIN, 64, '\n'.join(lines), va='top', linespacing=1.35)
    y = 82 + 17 * len(lines)
    levels = np.tile(np.arange(256, dtype=np.uint8), (12, 1))
    bar = cv2.applyColorMap(cv2.resize(levels, (110, 12)), ATTENTION_COLOURS)
    sheet.write(MARGIN, y, 'attention: none', va='center')
    sheet.paste(MARGIN + 104, y - 6, bar)
    sheet.write(MARGIN + 220, y, 'much', va='center')
    for x, mark, text in (
        (290, draw_true, 'annotated joint'),
        (440, draw_predicted, 'predicted joint'),
    ):
        box = np.full((24, 24, 3), 130, np.uint8)
        mark(box, 12 << 4, 12 << 4)
        sheet.paste(x, y - 12, box)
        sheet.write(x + 32, y, text, va='center')


def _write_headings(
    sheet: _Sheet, top: int, left: int, width: int, title: str, block: Sequence[Panel]
) -> None:
    """A block's title over a line, and what each of its columns shows."""
    right = left + len(block) * (width + GAP) - GAP
    if title:
        sheet.write((left + right) / 2, top - 33, title, fontsize=10.5, weight='bold', ha='center')
        sheet.paste(left, top - 27, np.full((2, right - left, 3), 90, np.uint8))
    for number, panel in enumerate(block):
        middle = left + number * (width + GAP) + width / 2
        sheet.write(middle, top - 7, panel.heading, ha='center')
