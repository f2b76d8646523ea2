"""A user's own keypoints: the files that a training reads, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from .own_data import Labels

#: COCO's sigmas by the names without left and right; whoever is called otherwise gets the default.
SIGMAS = dict(
    nose=0.026, eye=0.025, ear=0.035, shoulder=0.079, elbow=0.072, wrist=0.062, hip=0.107, knee=0.087,
    ankle=0.089,
)  # fmt: skip
DEFAULT_SIGMA = 0.05
#: Steps of a fine-tuning, and people in one of them.
STEPS, BATCH = 1500, 16
_SIDES = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}
_LOWER = ('hip', 'knee', 'ankle', 'foot', 'heel', 'toe')


def coco_file(labels: Labels, name: str) -> str:
    """The text of a COCO file of one category."""
    skeleton = [[start + 1, end + 1] for start, end in labels.links]
    kind = dict(id=1, name=name, keypoints=labels.names, skeleton=skeleton)
    content = dict(images=labels.images, annotations=labels.people, categories=[kind])
    return json.dumps(content, separators=(',', ':'))


def mirrored(name: str, names: Sequence[str]) -> str:
    """The keypoint that a keypoint becomes in a mirror, by left and right in the names; '' if none."""
    parts = re.split(r'([^A-Za-z0-9]+)', name)
    for index, part in enumerate(parts):
        other = _SIDES.get(part.lower())
        if other:
            if part.istitle() or part.isupper():
                other = other.upper() if part.isupper() else other.title()
            swapped = ''.join([*parts[:index], other, *parts[index + 1 :]])
            if swapped in names:
                return swapped
    return ''


def metainfo_file(labels: Labels, name: str) -> str:
    """The text of a metainfo file, as MMPose's data sets have them."""
    lines = [
        '# What the keypoints are. swap: what a keypoint becomes in a mirror. sigmas: how far off, in',
        '# shares of the size, is as good as right for the AP; COCO has 0.025 (eyes) to 0.107 (hips).',
        'dataset_info = dict(',
        f'    dataset_name={name!r},',
        '    keypoint_info={',
    ]
    for index, keypoint in enumerate(labels.names):
        kind = 'lower' if any(part in keypoint.lower() for part in _LOWER) else 'upper'
        lines.append(
            f'        {index}: dict(id={index}, name={keypoint!r}, color={_colour(keypoint)}, '
            f'type={kind!r}, swap={mirrored(keypoint, labels.names)!r}),'
        )
    lines += ['    },', '    skeleton_info={']
    for index, (start, end) in enumerate(labels.links):
        pair = (labels.names[start], labels.names[end])
        lines.append(f'        {index}: dict(link={pair!r}, id={index}, color={_colour(pair[0])}),')
    sigmas = [_sigma(keypoint) for keypoint in labels.names]
    lines += [
        '    },',
        f'    joint_weights={[1.0] * len(labels.names)},',
        f'    sigmas={sigmas},',
        ')',
    ]
    return '\n'.join(lines) + '\n'


def _sigma(name: str) -> float:
    bare = re.sub(r'^(left|right)_|_(left|right)$', '', name.lower())
    return SIGMAS.get(bare, DEFAULT_SIGMA)


def _colour(name: str) -> list[int]:
    """Red, green and blue, by side, as the runtime draws."""
    parts = re.split(r'[^a-z]+', name.lower())
    if 'left' in parts:
        return [255, 170, 80]
    return [60, 160, 255] if 'right' in parts else [90, 220, 90]


def config_file(
    labels: dict[str, Labels], out: Path, images: Path, base: str, weights: str | None, lr: float
) -> str:
    """The text of a config that fine-tunes a model on the data.

    Args:
        labels: Training and held-out part.
        out: Folder of the files, as the config shall say it; its name is that of the data.
        images: Folder of the images, likewise.
        base: File in ``out`` with the model's own config.
        weights: Checkpoint that the training starts from; None: random weights.
        lr: Learning rate for batches of :data:`BATCH`.
    """
    name = out.resolve().name
    people = {part: len(found.people) for part, found in labels.items()}
    epochs = min(max(round(STEPS * BATCH / people['train']), 10), 300)
    count = len(labels['train'].names)
    train, val, keypoints = (
        (out / file).as_posix() for file in ('train.json', 'val.json', f'{name}_keypoints.py')
    )
    return f"""\
# {name}: {count} keypoints, {people['train']} to train on, {people['val']} held out.
# Written by prepare_data; change it at will.
_base_ = ['./{base}']

load_from = {weights!r}
model = dict(head=dict(out_channels={count}))

epochs = {epochs}
train_cfg = dict(max_epochs=epochs, val_interval={max(1, epochs // 10)})
optim_wrapper = dict(optimizer=dict(lr={lr:.2g}))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=epochs, eta_min=1e-5, convert_to_iter_based=True),
]

data = dict(
    data_root='',
    data_prefix=dict(img={images.as_posix()!r}),
    metainfo=dict(from_file={keypoints!r}),
)
train_dataloader = dict(batch_size={BATCH}, dataset=dict(data, ann_file={train!r}))
val_dataloader = dict(dataset=dict(data, ann_file={val!r}))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file={val!r})
test_evaluator = val_evaluator
"""
