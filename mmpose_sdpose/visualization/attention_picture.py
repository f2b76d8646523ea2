"""One picture of what keypoints look at: a row for each keypoint, a block for each cycle and model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from .attention import Look, look, read_person
from .attention_panels import Panels
from .attention_plan import (
    AttentionChoice,
    check_choice,
    choose_keypoints,
    keypoint_names,
    plan_views,
)
from .attention_sheet import Panel, Row, arrange

PANEL_HEIGHT = 168  # pixels
_EXPLANATION = (
    'Each row follows one keypoint: the person, then where the token of this keypoint looks in some '
    'layers of the network ({heads}), then what the network answers. Squares are patches of the image: '
    'the brighter, the more the token takes from them; a panel that is dim all over looks everywhere '
    'alike. Percent: the part of its attention that goes to the image, not to other keypoints.'
)


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
    rows = [
        [
            Row(names[joint], _blocks(panels, looks, metainfo['skeleton_links'], index, joint))
            for joint in choose_keypoints(choice.keypoints, names)
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
