"""The small pictures that a picture of attention is made of; all of one size, BGR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .attention import Heatmaps, Person

TRUE, PREDICTED, EDGE = (255, 255, 255), (255, 220, 40), (25, 25, 25)
ATTENTION_COLOURS, HEATMAP_COLOURS = cv2.COLORMAP_INFERNO, cv2.COLORMAP_SUMMER
#: A patch may be brightest from so many times the even share on.
BRIGHT = 4
_FINE = 4  # binary digits of a pixel that OpenCV draws circles and lines to


@dataclass
class Panels:
    """Draws the panels of one person.

    Args:
        person: Crop and true joints.
        size: Width and height of a panel, in pixels.
    """

    person: Person
    size: tuple[int, int]

    def __post_init__(self) -> None:
        height, width = self.person.crop.shape[:2]
        self.zoom = np.array(self.size) / (width, height)
        self.crop = cv2.resize(self.person.crop, self.size, interpolation=cv2.INTER_CUBIC)
        grey = cv2.cvtColor(self.crop, cv2.COLOR_BGR2GRAY)
        self.dim = cv2.cvtColor((0.45 * grey).astype(np.uint8), cv2.COLOR_GRAY2BGR)

    def image(self, joint: int) -> np.ndarray:
        """The crop, with the joint where it was annotated."""
        panel = self.crop.copy()
        self._mark_true(panel, joint, thick=1)
        return panel

    def attention(self, weights: np.ndarray, joint: int, predicted: np.ndarray) -> np.ndarray:
        """Attention to patches (rows, columns) over the crop; even attention stays dark."""
        values = _from_zero_to_one(weights, at_least=BRIGHT * weights.mean())
        values = cv2.resize(values, self.size, interpolation=cv2.INTER_NEAREST)
        return self._marked(_glow(self.dim, values, ATTENTION_COLOURS), joint, predicted)

    def heatmap(self, heatmaps: Heatmaps, index: int, joint: int) -> np.ndarray:
        """A heatmap over the crop, each cell where it belongs; its peak is the prediction."""
        scale = np.array(heatmaps.cells_per_pixel) / self.zoom
        to_cell = np.array([[scale[0], 0, 0], [0, scale[1], 0]])
        values = cv2.warpAffine(
            _from_zero_to_one(heatmaps.values[index, joint]),
            to_cell,
            self.size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        panel = _glow(self.dim, values, HEATMAP_COLOURS)
        self._mark_true(panel, joint)
        return panel

    def prediction(
        self, keypoints: np.ndarray, links: Sequence[tuple[int, int]], joint: int
    ) -> np.ndarray:
        """The crop with the whole predicted skeleton, one joint of it marked."""
        panel = self.crop.copy()
        for width, colour in ((3, EDGE), (1, PREDICTED)):
            for first, second in links:
                ends = self._fine(keypoints[first]), self._fine(keypoints[second])
                cv2.line(panel, *ends, colour, width, cv2.LINE_AA, _FINE)
        return self._marked(panel, joint, keypoints[joint])

    def _marked(self, panel: np.ndarray, joint: int, predicted: np.ndarray) -> np.ndarray:
        self._mark_true(panel, joint)
        draw_predicted(panel, *self._fine(predicted))
        return panel

    def _mark_true(self, panel: np.ndarray, joint: int, thick: int = 0) -> None:
        if len(self.person.annotated) and self.person.annotated[joint]:
            draw_true(panel, *self._fine(self.person.true[joint]), thick)

    def _fine(self, point: np.ndarray) -> tuple[int, int]:
        """A position in the crop, in the panel's fractions of a pixel."""
        x, y = np.rint(point * self.zoom * 2**_FINE)
        return int(x), int(y)


def draw_true(panel: np.ndarray, x: int, y: int, thick: int = 0) -> None:
    """A white ring; x and y in sixteenths of a pixel."""
    for width, colour in ((3 + thick, EDGE), (1 + thick, TRUE)):
        cv2.circle(panel, (x, y), 10 << _FINE, colour, width, cv2.LINE_AA, _FINE)


def draw_predicted(panel: np.ndarray, x: int, y: int) -> None:
    """A blue cross; x and y in sixteenths of a pixel."""
    arm = 5 << _FINE
    for width, colour in ((4, EDGE), (2, PREDICTED)):
        cv2.line(panel, (x - arm, y), (x + arm, y), colour, width, cv2.LINE_AA, _FINE)
        cv2.line(panel, (x, y - arm), (x, y + arm), colour, width, cv2.LINE_AA, _FINE)


def _from_zero_to_one(values: np.ndarray, at_least: float = 1e-12) -> np.ndarray:
    """Values over their maximum, or over a number that it does not reach."""
    values = np.clip(values, 0, None).astype(np.float32)
    return values / max(float(values.max()), at_least)


def _glow(dim: np.ndarray, values: np.ndarray, colours: int) -> np.ndarray:
    """Colour where a value is high, the dim crop where it is low."""
    coloured = cv2.applyColorMap((255 * values).astype(np.uint8), colours)
    opacity = np.minimum(0.85, 2 * values)[..., None]
    return (opacity * coloured + (1 - opacity) * dim).astype(np.uint8)
