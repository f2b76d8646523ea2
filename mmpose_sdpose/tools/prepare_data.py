"""Turn the COCO file of a labelling tool into all that a training on your own keypoints needs.

Writes OUT/train.json and OUT/val.json (what is missing filled in: boxes, areas, counts), the keypoints
as MMPose wants them described, and a config that fine-tunes a model of this package.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.checkpoint import PACKAGED
from mmpose_sdpose.configs import read_config
from mmpose_sdpose.datasets.checks.findings import some
from mmpose_sdpose.datasets.own_data import Labels, read_labels, split
from mmpose_sdpose.datasets.own_data_files import (
    BATCH,
    coco_file,
    config_file,
    metainfo_file,
    mirrored,
)
from mmpose_sdpose.engine.packaged_weights import packaged_weights
from mmpose_sdpose.tools.console import fail

from mmengine.config import Config

from sdpose_runtime.files import whole_file

#: What is fine-tuned unless said: a config of this package, and weights of its model.
CONFIG = 'td-hm_sdpose-n_8xb64-300e_coco-256x192'
WEIGHTS = 'mmpose_sdpose://sdpose-n_photos-256x192.pth'
#: What these weights were trained with. A fine-tuning goes on with its learning rate and its loss, which
#: says whether a head puts out heatmaps or logits.
TRAINED_WITH = 'td-hm_sdpose-n_1xb256-60e_photos-256x192'
PARTS = ('train', 'val', 'test')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='prepare_data', description=__doc__)
    parser.add_argument('labels', help='COCO file with keypoints, as the labelling tool exports it')
    parser.add_argument('--images', type=Path, required=True, help='folder of the images')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder to write, named as the data'
    )
    parser.add_argument(
        '--val',
        default='0.2',
        metavar='SHARE|FILE',
        help='held out: a share of the images (%(default)s), or a second COCO file. Frames of one video '
        'are alike: give those of another one as a file',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the choice (%(default)s)')
    parser.add_argument(
        '--category', metavar='NAME', help='whose keypoints, where several have some'
    )
    parser.add_argument(
        '--keypoints', metavar='NAME,…', help='their names in order, where the file has none'
    )
    parser.add_argument(
        '--config', default=CONFIG, help='the model: name or path of a config (%(default)s)'
    )
    parser.add_argument(
        '--weights', help=f'checkpoint that the training starts from, or None ({WEIGHTS})'
    )
    parser.add_argument(
        '--no-mirror',
        action='store_true',
        help='train and test without mirrored images: for what is never seen so (writing, a right hand '
        'alone)',
    )
    parser.add_argument('--force', action='store_true', help='replace files of an earlier run')
    args = parser.parse_args(argv)
    if args.config != CONFIG and args.weights is None:
        parser.error('--config needs --weights: a checkpoint of that model')
    if args.seed < 0:
        parser.error(f'--seed ({args.seed}) must be 0 or more')
    args.weights = None if args.weights == 'None' else args.weights or WEIGHTS
    return args


def read_parts(args: argparse.Namespace) -> dict[str, Labels]:
    """Training and held-out part, of one file or of two.

    Raises:
        OSError, ValueError: If a file cannot be used, or the two have other keypoints.
    """
    names = args.keypoints.split(',') if args.keypoints else None
    labels = read_labels(args.labels, args.images, args.category, names)
    try:
        share = float(args.val)
    except ValueError:
        held_out = read_labels(args.val, args.images, args.category, names)
        if held_out.names != labels.names:
            raise ValueError(
                f'{args.val} has other keypoints than {args.labels}: {", ".join(held_out.names)}'
            ) from None
        both = sorted(_labelled_images(labels) & _labelled_images(held_out))
        if both:
            raise ValueError(
                f'{len(both)} images are in {args.labels} and in {args.val} ({some(both)}): hold out '
                'images that are not trained on'
            ) from None
        return dict(train=labels, val=held_out)
    return split(labels, share, args.seed)


def _labelled_images(labels: Labels) -> set[str]:
    on = {person['image_id'] for person in labels.people}
    return {image['file_name'] for image in labels.images if image['id'] in on}


def recipe_of(name: str, weights: str | None) -> Config:
    """The config of the training that goes on: the packaged weights' in a head like theirs."""
    config, trained = read_config(name), read_config(TRAINED_WITH)
    goes_on = weights == WEIGHTS and config.model.head.type == trained.model.head.type
    return trained if goes_on else config


def base_config(name: str, weights: str | None, mirror: bool = True) -> str:
    """The text of a model's own config, with nothing left of its data: CocoDataset and COCO's AP.

    Args:
        name: The config.
        weights: What the training starts from; the packaged ones go on with their own loss.
        mirror: Whether every second training image is mirrored, and the test averages with the mirror.

    Raises:
        ValueError: If its batches are augmented by the model, which its own data goes with.
    """
    config = read_config(name)
    preprocessor = config.model.get('data_preprocessor', {}).get('type')
    if preprocessor != 'PoseDataPreprocessor':
        raise ValueError(
            f'{name} has a {preprocessor}, which only its own data fits: take a config of the same '
            'model for COCO'
        )
    for key in ('data_root', 'data_source', 'dataset_type', 'load_from', 'metainfo'):
        config.pop(key, None)
    for part in PARTS:
        dataset = config[f'{part}_dataloader'].dataset
        kept = {key: dataset[key] for key in ('pipeline', 'test_mode') if key in dataset}
        config[f'{part}_dataloader'].dataset = dict(type='CocoDataset', **kept)
    recipe = recipe_of(name, weights)
    if 'loss' in recipe.model.head:
        config.model.head.loss = recipe.model.head.loss
    if not mirror:
        config.model.test_cfg.flip_test = False
        train = config.train_dataloader.dataset
        train.pipeline = [step for step in train.pipeline if step.type != 'RandomFlip']
    config.val_evaluator = config.test_evaluator = dict(type='CocoMetric')
    config.default_hooks.checkpoint.update(save_best='coco/AP', rule='greater')
    return config.pretty_text


def learning_rate(name: str, weights: str | None) -> float:
    """What a model or its weights were trained with, for as few images in a step as little data has.

    By the square root, as for Adam: https://arxiv.org/abs/2205.10287.
    """
    recipe = recipe_of(name, weights)
    fewer = BATCH / recipe.auto_scale_lr.base_batch_size
    return recipe.optim_wrapper.optimizer.lr * math.sqrt(fewer)


def check_files(out: Path, names: list[str], force: bool) -> None:
    """Before all images are looked at: whether the files can be written.

    Raises:
        OSError: If not.
    """
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f'{out} is a file: name another folder with --out')
    there = [name for name in names if (out / name).exists()]
    if there and not force:
        raise FileExistsError(f'{out} has {", ".join(there)} already: replace them with --force')


def check_weights(weights: str | None) -> None:
    """Whether what the training starts from is there; a URL is left to the training.

    Raises:
        FileNotFoundError: If a file or packaged weights are not.
    """
    if weights is None:
        return
    if weights.startswith(PACKAGED):
        packaged_weights(weights)
    elif '://' not in weights and not Path(weights).is_file():
        raise FileNotFoundError(
            f'no checkpoint at {weights}: put it there, name another with --weights, or start from '
            'random weights with --weights None'
        )


def write(out: Path, texts: dict[str, str]) -> None:
    """Write the files into a folder, which may exist.

    Raises:
        OSError: If it cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with whole_file(out / name) as file:
            file.write(text.encode())


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    name = args.out.resolve().name
    keypoints, base, config = (f'{name}{end}.py' for end in ('_keypoints', '_base', ''))
    try:
        check_files(args.out, ['train.json', 'val.json', keypoints, base, config], args.force)
        check_weights(args.weights)
        texts = {base: base_config(args.config, args.weights, not args.no_mirror)}
        lr = learning_rate(args.config, args.weights)
        parts = read_parts(args)
        texts |= {f'{part}.json': coco_file(labels, name) for part, labels in parts.items()}
        texts[keypoints] = metainfo_file(parts['train'], name)
        texts[config] = config_file(parts, args.out, args.images, base, args.weights, lr)
        write(args.out, texts)
    except (OSError, ValueError) as error:
        return fail('prepare_data', error)
    report(parts, args.out, name, not args.no_mirror)
    return 0


def report(parts: dict[str, Labels], out: Path, name: str, mirror: bool) -> None:
    """What was found, what was done about it, and what comes next."""
    labels = parts['train']
    print(f'{len(labels.names)} keypoints: {", ".join(labels.names)}')
    for part, found in parts.items():
        print(f'{out / part}.json: {len(found.people)} labelled, on {len(found.images)} images')
    for what, count in [*labels.mended.items(), *labels.left_out.items()]:
        if count:
            print(f'{"left out: " if what in labels.left_out else "filled in: "}{count} {what}')
    if mirror and not any(mirrored(one, labels.names) for one in labels.names):
        print(
            'mirror: no keypoint is called left or right: mirrored training images keep their names; '
            '--no-mirror if that is wrong (writing, a right hand alone)'
        )
    for doubt in dict.fromkeys(doubt for found in parts.values() for doubt in found.doubts):
        print(f'prepare_data: look again: {doubt}', file=sys.stderr)
    config = os.path.join(out, f'{name}.py')
    print(f'next: mim run mmpose_sdpose check {config}')
    print(f'      mim train mmpose_sdpose {config}')


if __name__ == '__main__':
    sys.exit(main())
