"""How a person is dressed: skin, hair, clothes, with colours and patterns."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]  # blue, green, red in 0..1, as OpenCV orders them

SOLID, BANDS, STRIPES, CHECKS, DOTS, BLOTCHES, DENIM = range(7)
PATTERN_SHARES = (0.5, 0.12, 0.09, 0.09, 0.07, 0.08, 0.05)

SKINS: tuple[tuple[int, int, int], ...] = (
    (250, 218, 196),
    (238, 195, 166),
    (224, 172, 138),
    (198, 140, 104),
    (161, 106, 74),
    (120, 78, 54),
    (84, 54, 40),
)
HAIRS: tuple[tuple[int, int, int], ...] = (
    (24, 20, 20),
    (44, 30, 24),
    (86, 56, 36),
    (130, 92, 56),
    (200, 168, 112),
    (150, 70, 40),
    (160, 158, 155),
)


@dataclass
class Material:
    """A surface.

    Args:
        colour: Main colour.
        second: Colour of the pattern.
        pattern: One of SOLID, BANDS, STRIPES, CHECKS, DOTS, BLOTCHES, DENIM.
        scale: Length of the pattern's period in metres.
        gloss: Strength of highlights, 0..1.
        rough: Strength of folds and grain, 0..1.
    """

    colour: Colour
    second: Colour = (0.0, 0.0, 0.0)
    pattern: int = SOLID
    scale: float = 0.1
    gloss: float = 0.05
    rough: float = 0.5


@dataclass
class Outfit:
    """What one person looks like.

    Args:
        skin, hair, top, bottom, shoes: Surfaces.
        trim: Collar, buttons, straps and the inside of an open jacket.
        sleeve: Share of the arm (shoulder to wrist, 0..2) that is covered.
        leg: Share of the leg (hip to ankle, 0..2) that is covered.
        skirt: Length of a skirt as a share of the thigh, 0 for none.
        neckline: 'round', 'v', 'shirt', 'jacket' or 'print'.
        hair_style: 'bald', 'short', 'long', 'tail', 'bun' or 'cap'.
        beard, glasses, backpack, curves: Whether there is one.
    """

    skin: Material
    hair: Material
    top: Material
    bottom: Material
    shoes: Material
    trim: Material
    sleeve: float
    leg: float
    skirt: float
    neckline: str
    hair_style: str
    beard: bool
    glasses: bool
    backpack: bool
    curves: bool


def random_colour(rng: np.random.Generator) -> Colour:
    """A clothes or object colour: vivid, pale, dark or grey."""
    kind = rng.random()
    if kind < 0.22:
        return _hsv(0.0, 0.0, rng.uniform(0.06, 0.95))
    if kind < 0.5:
        return _hsv(rng.random(), rng.uniform(0.6, 0.95), rng.uniform(0.5, 0.95))
    if kind < 0.75:
        return _hsv(rng.random(), rng.uniform(0.15, 0.45), rng.uniform(0.6, 0.95))
    return _hsv(rng.random(), rng.uniform(0.3, 0.8), rng.uniform(0.15, 0.4))


def muted_colour(rng: np.random.Generator) -> Colour:
    """A colour of walls and floors: rarely vivid."""
    vivid = rng.random() < 0.12
    saturation = rng.uniform(0.4, 0.8) if vivid else abs(rng.normal(0, 0.22))
    hue = rng.random() if rng.random() < 0.4 else rng.uniform(0.05, 0.16)  # wood, sand, plaster
    return _hsv(hue, min(saturation, 1.0), rng.uniform(0.2, 0.95))


def random_cloth(rng: np.random.Generator) -> Material:
    """A cloth with a random colour and pattern."""
    pattern = int(rng.choice(len(PATTERN_SHARES), p=PATTERN_SHARES))
    return Material(
        colour=random_colour(rng),
        second=random_colour(rng),
        pattern=pattern,
        scale=float(rng.uniform(0.04, 0.16)),
        gloss=float(rng.uniform(0, 0.15)),
        rough=float(rng.uniform(0.4, 1.0)),
    )


def sample_outfit(rng: np.random.Generator) -> Outfit:
    """Draw a person's looks."""
    tint = rng.uniform(0.9, 1.08)
    skin = Material(_rgb(SKINS[rng.integers(len(SKINS))], tint), gloss=0.18, rough=0.12)
    hair = Material(_rgb(HAIRS[rng.integers(len(HAIRS))], tint), gloss=0.3, rough=0.8)
    curves = bool(rng.random() < 0.45)
    top, bottom = random_cloth(rng), random_cloth(rng)
    if rng.random() < 0.3:
        jeans = _hsv(0.6, rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.65))
        bottom = Material(jeans, pattern=DENIM, rough=0.9)
    leg = float(rng.choice([2.0, rng.uniform(0.5, 1.15)], p=[0.68, 0.32]))
    skirt = float(rng.uniform(0.5, 1.2)) if curves and rng.random() < 0.4 else 0.0
    if skirt:
        bottom = top if rng.random() < 0.5 else bottom
        leg = 0.0
    if curves:
        styles = dict(short=0.15, long=0.4, tail=0.2, bun=0.15, cap=0.1)
    else:
        styles = dict(bald=0.12, short=0.65, long=0.05, cap=0.18)
    necklines = ['round', 'v', 'shirt', 'jacket', 'print']
    return Outfit(
        skin=skin,
        hair=hair,
        top=top,
        bottom=bottom,
        shoes=Material(random_colour(rng), gloss=0.3, rough=0.2),
        trim=Material(random_colour(rng), rough=0.3),
        sleeve=float(rng.choice([2.0, rng.uniform(0.35, 0.75), 0.0], p=[0.48, 0.42, 0.1])),
        leg=leg,
        skirt=skirt,
        neckline=str(rng.choice(necklines)),
        hair_style=str(rng.choice(list(styles), p=list(styles.values()))),
        beard=bool(not curves and rng.random() < 0.3),
        glasses=bool(rng.random() < 0.15),
        backpack=bool(rng.random() < 0.1),
        curves=curves,
    )


def _rgb(colour: tuple[int, int, int], tint: float) -> Colour:
    red, green, blue = (min(channel / 255.0 * tint, 1.0) for channel in colour)
    return blue, green, red


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return blue, green, red
