"""Panels arranged on a sheet with headings, an explanation and a legend."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from .attention_panels import ATTENTION_COLOURS, draw_predicted, draw_true

GAP, BLOCK_GAP, PERSON_GAP, MARGIN, NAMES_WIDTH = 4, 28, 16, 16, 90
NARROWEST, LARGEST = 760, 12000
_PIXELS_PER_INCH = 100
_NOTE = dict(
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


@dataclass
class Canvas:
    """White paper that pictures are pasted on and texts are written on."""

    pixels: np.ndarray  # (H, W, 3), BGR
    texts: list[dict] = field(default_factory=list)

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Text at a position in pixels."""
        self.texts.append(dict(x=x, y=y, s=text, **style))

    def paste(self, x: int, y: int, picture: np.ndarray) -> None:
        self.pixels[y : y + picture.shape[0], x : x + picture.shape[1]] = picture

    def render(self) -> np.ndarray:
        """The whole: (H, W, 3), RGB."""
        height, width = self.pixels.shape[:2]
        # Half a pixel more: matplotlib rounds down.
        inches = ((width + 0.5) / _PIXELS_PER_INCH, (height + 0.5) / _PIXELS_PER_INCH)
        figure = Figure(inches, _PIXELS_PER_INCH)
        canvas = FigureCanvasAgg(figure)
        figure.figimage(self.pixels[..., ::-1])
        for text in self.texts:
            place = dict(x=text['x'] / width, y=1 - text['y'] / height)
            figure.text(**{**text, **place}, parse_math=False)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def arrange(
    people: Sequence[Sequence[Row]], block_titles: Sequence[str], caption: str, explanation: str
) -> np.ndarray:
    """The sheet: (H, W, 3), RGB.

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
    lines = textwrap.wrap(explanation, (max(right, NARROWEST) - 2 * MARGIN) // 7)
    tops, bottom = _tops([len(rows) for rows in people], height, _head_height(len(lines)))
    canvas = Canvas(np.full((bottom, max(right, NARROWEST), 3), 255, np.uint8))
    _write_head(canvas, caption, lines)
    for block, left, heading in zip(first.blocks, lefts, block_titles):
        _write_headings(canvas, tops[0], left, width, heading, block)
    for row, top in zip((row for rows in people for row in rows), tops):
        canvas.write(
            MARGIN,
            top + height / 2,
            row.name.replace('_', '\n'),
            fontsize=9.5,
            weight='bold',
            va='center',
        )
        for block, left in zip(row.blocks, lefts):
            for number, panel in enumerate(block):
                x = left + number * (width + GAP)
                canvas.paste(x, top, panel.picture)
                canvas.write(x + 4, top + height - 5, panel.note, **_NOTE)
    return canvas.render()


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


def _head_height(lines: int) -> int:
    return 66 + 17 * lines + 32 + 52


def _write_head(canvas: Canvas, caption: str, lines: Sequence[str]) -> None:
    canvas.write(MARGIN, 30, 'What each keypoint looks at', fontsize=14, weight='bold')
    letters = (canvas.pixels.shape[1] - 2 * MARGIN) // 8
    canvas.write(MARGIN, 52, textwrap.shorten(caption, letters, placeholder=' …'), fontsize=10)
    canvas.write(MARGIN, 64, '\n'.join(lines), fontsize=9, va='top', linespacing=1.35)
    y = 66 + 17 * len(lines) + 16
    bar = np.tile(np.arange(256, dtype=np.uint8), (12, 1))
    bar = cv2.applyColorMap(cv2.resize(bar, (110, 12)), ATTENTION_COLOURS)
    canvas.write(MARGIN, y, 'attention: none', fontsize=9, va='center')
    canvas.paste(MARGIN + 104, y - 6, bar)
    canvas.write(MARGIN + 220, y, 'much', fontsize=9, va='center')
    for x, mark, text in (
        (290, draw_true, 'annotated joint'),
        (440, draw_predicted, 'predicted joint'),
    ):
        box = np.full((24, 24, 3), 130, np.uint8)
        mark(box, 12 << 4, 12 << 4)
        canvas.paste(x, y - 12, box)
        canvas.write(x + 32, y, text, fontsize=9, va='center')


def _write_headings(
    canvas: Canvas, top: int, left: int, width: int, title: str, block: Sequence[Panel]
) -> None:
    """A block's title over a line, and what each of its columns shows."""
    right = left + len(block) * (width + GAP) - GAP
    if title:
        canvas.write((left + right) / 2, top - 33, title, fontsize=10.5, weight='bold', ha='center')
        canvas.pixels[top - 27 : top - 25, left:right] = 90
    for number, panel in enumerate(block):
        middle = left + number * (width + GAP) + width / 2
        canvas.write(middle, top - 7, panel.heading, fontsize=9, ha='center')
