"""Numbers of body parts, as pixels are labelled with them."""

from __future__ import annotations

from .skeleton import SIDES

# Body part numbers, written to the part buffer; 0 is anything that is no body part.
PARTS = ('none', 'head', 'hair', 'neck', 'torso', 'pelvis') + tuple(
    f'{side}_{part}'
    for side in SIDES
    for part in ('ear', 'upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot')
)
PART = {name: number for number, name in enumerate(PARTS)}
