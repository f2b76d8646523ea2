"""Draw what each keypoint of a token model looks at, next to heatmap and prediction."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.checkpoint import load_weights
from mmpose_sdpose.configs import read_config, read_metainfo
from mmpose_sdpose.datasets.coco_people import CocoPeople, read_image, to_sample
from mmpose_sdpose.tools.console import count, fail, progress_bar
from mmpose_sdpose.visualization import AttentionChoice, check_choice, draw_attention

import cv2
import torch
from mmengine.config import DictAction
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from rich.console import Console

from sdpose_runtime.files import whole_file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    devices = ['cpu', 'cuda'] if torch.cuda.is_available() else ['cpu']
    parser = argparse.ArgumentParser(prog='visualize_attention', description=__doc__)
    parser.add_argument(
        'config', help='path, or name of one of our configs; a distillation shows both'
    )
    parser.add_argument('checkpoint', help='file, URL or mmpose_sdpose://NAME.pth')
    parser.add_argument('images', nargs='+', metavar='image')
    parser.add_argument('--out', type=Path, required=True, help='folder for the pictures')
    parser.add_argument('--force', action='store_true', help='replace pictures that are there')
    parser.add_argument('--boxes', help='COCO annotations of the images; default: whole images')
    parser.add_argument(
        '--people', type=count, default=3, help='of an image, the largest (%(default)s)'
    )
    parser.add_argument('--together', action='store_true', help='everybody in one picture')
    parser.add_argument(
        '--keypoints', nargs='+', metavar='NAME', help='default: some, head to foot'
    )
    parser.add_argument(
        '--layers', nargs='+', type=int, metavar='N', help='default: some, first to last'
    )
    parser.add_argument('--teacher-layers', nargs='+', type=int, metavar='N', help='likewise')
    parser.add_argument('--cycles', nargs='+', type=int, metavar='N', help='default: the first')
    parser.add_argument(
        '--heads', nargs='+', metavar='N', default=['mean'], help='mean (default), or numbers'
    )
    parser.add_argument('--caption', help='second line of the pictures; default: config and image')
    parser.add_argument(
        '--device', choices=devices, default=devices[-1], help='(here: %(default)s)'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, type=_option, metavar='KEY=VALUE'
    )
    args = parser.parse_args(argv)
    if args.heads == ['mean']:
        args.heads = None
    elif all(head.isdecimal() for head in args.heads):
        args.heads = [int(head) for head in args.heads]
    else:
        parser.error(f'--heads {" ".join(args.heads)}: say mean, or numbers of heads')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        for path in _draw_all(args):
            Console().print(str(path), soft_wrap=True, markup=False, highlight=False)
    except (OSError, ValueError, KeyError) as error:
        return fail('visualize_attention', error)
    except KeyboardInterrupt:
        return fail('visualize_attention', 'stopped; pictures drawn so far are kept', 130)
    return 0


def _draw_all(args: argparse.Namespace) -> list[Path]:
    """Draw the pictures; their paths."""
    config = read_config(args.config)
    config.merge_from_dict(args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmpose'))
    metainfo = read_metainfo(config)
    people = _read_people(args, Compose(config.test_dataloader.dataset.pipeline), metainfo)
    if args.together:
        pictures = {'attention': (', '.join(people), list(people.values()))}
    else:
        pictures = {name: (name, [person]) for name, person in people.items()}
    paths = {name: args.out / f'{name}.png' for name in pictures}
    _check_free(paths.values(), args.images, args.force)
    model = MODELS.build(config.model)
    load_weights(model, args.checkpoint)
    model.to(args.device).eval()
    choice = AttentionChoice(
        args.keypoints, args.layers, args.teacher_layers, args.cycles, args.heads
    )
    check_choice(model, metainfo, choice)
    with progress_bar() as progress:
        for name, (who, packed) in progress.track(pictures.items(), description='drawing'):
            caption = args.caption or f'{Path(args.config).stem}: {who}'
            picture = draw_attention(model, packed, metainfo, choice, caption)
            with whole_file(paths[name]) as file:
                file.write(cv2.imencode('.png', picture[..., ::-1])[1].tobytes())
    return list(paths.values())


def _check_free(paths: Iterable[Path], images: Sequence[str], force: bool) -> None:
    """Before anything is drawn: whether no file is written over that is to stay.

    Raises:
        ValueError: If a picture would be written over an image that it is drawn of.
        FileExistsError: If one is there already, and ``force`` is off.
    """
    sources = {Path(image).resolve() for image in images}
    for path in paths:
        if path.resolve() in sources:
            raise ValueError(f'{path} would be written over itself: choose another --out')
        if path.exists() and not force:
            raise FileExistsError(f'{path} exists: choose another --out, or say --force')


def _read_people(
    args: argparse.Namespace, pipeline: Compose, metainfo: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """People as the pipeline packs them, by the name of their picture."""
    boxes = args.boxes and CocoPeople(args.boxes)
    people = {}
    for path in args.images:
        image = read_image(path)
        found = boxes.of(path, args.people) if boxes else [None]
        for number, person in enumerate(found, start=1):
            name = Path(path).stem + f'_person{number}' * bool(boxes)
            if name in people:
                raise ValueError(
                    f'two images are called {Path(path).stem}: draw one after the other'
                )
            people[name] = pipeline(to_sample(image, person, metainfo))
    return people


def _option(text: str) -> str:
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'{text} is no KEY=VALUE')
    return text


if __name__ == '__main__':
    sys.exit(main())
