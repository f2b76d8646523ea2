"""Export the models of the table of small ones, whose latency is then measured side by side.

SDPose-N and LADPose-N have the packaged weights, the others random ones: what a network takes does not
depend on them. With --backbones LADPose-N alone, with its own backbone and with others in its place;
with --configs these, with random weights, as the tables of larger models have them.

    python .dev_scripts/export_small_models.py OUT [--int8 DATA] [--configs CONFIG ...]
    python .dev_scripts/export_small_models.py OUT --backbones
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.configs import build_model, read_config
from mmpose_sdpose.tools import export_onnx

import torch

_MMPOSE = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm'
_LADPOSE_N = 'td-reg_ladpose-n_1xb256-60e_photos-256x192'
#: By the name of the file: config, and packaged weights where there are some.
MODELS: dict[str, tuple[str, str | None]] = {
    'sdpose-n': ('td-hm_sdpose-n_1xb256-60e_photos-256x192', 'sdpose-n_photos-256x192.pth'),
    'ladpose-n': (_LADPOSE_N, 'ladpose-n_photos-256x192.pth'),
    'res18-thin': ('td-hm_res18-thin_1xb256-60e_photos-256x192', None),
    'rtmpose-t': ('td-simcc_rtmpose-t_8xb256-420e_coco-256x192', None),
    'rtmpose-s': ('td-simcc_rtmpose-s_8xb256-420e_coco-256x192', None),
    'litehrnet-18': (f'{_MMPOSE}_litehrnet-18_8xb64-210e_coco-256x192.py', None),
    'mobilenetv2': (f'{_MMPOSE}_mobilenetv2_8xb64-210e_coco-256x192.py', None),
}
#: Options of LADPose-N's config by the name of the file.
BACKBONES: dict[str, dict] = {
    'ladpose-n': {},
    'ladpose-n-no-gate': {'model.backbone.gate': None},
    'ladpose-n-thin-resnet': {'model.backbone': dict(_delete_=True, type='ThinResNet')},
    'ladpose-n-stride-4': {
        'model.backbone': dict(_delete_=True, type='CAUNet'),
        'model.head.in_channels': 256,
        'model.head.in_featuremap_size': (48, 64),
        'model.head.patch_size': (4, 4),
    },
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', type=Path, help='folder of the files')
    parser.add_argument(
        '--int8',
        metavar='DATA',
        help='also in eight bits, calibrated on this (of the small ones those with packaged weights)',
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--backbones', action='store_true', help='LADPose-N with other backbones')
    what.add_argument('--configs', nargs='+', help='names of configs')
    args = parser.parse_args()
    if args.backbones and args.int8:
        parser.error('--backbones are exported in float32 alone: leave --int8 out')
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        models = MODELS
        if args.configs:
            models = {Path(config).stem: (config, None) for config in args.configs}
        elif args.backbones:
            models = {name: (config, None) for name, config in other_backbones(Path(folder))}
        for name, (config, packaged) in models.items():
            checkpoint = f'mmpose_sdpose://{packaged}'
            if packaged is None:
                checkpoint = random_weights(config, Path(folder, f'{name}.pth'))
            files: dict[Path, tuple[str, ...]] = {args.out / f'{name}.onnx': ()}
            if args.int8 and (packaged or args.configs):
                files[args.out / f'{name}-int8.onnx'] = ('--int8', args.int8)
            for path, options in files.items():
                if code := export_onnx.main([config, checkpoint, str(path), '--force', *options]):
                    return code
    return 0


def other_backbones(folder: Path) -> list[tuple[str, str]]:
    """Name and config of LADPose-N with each of :data:`BACKBONES`, written into the folder."""
    found = []
    for name, options in BACKBONES.items():
        cfg = read_config(_LADPOSE_N)
        cfg.merge_from_dict(options)
        path = folder / f'{name}.py'
        cfg.dump(path)
        found.append((name, str(path)))
    return found


def random_weights(config: str, path: Path) -> str:
    torch.manual_seed(0)
    write_checkpoint(dict(state_dict=build_model(config).state_dict()), path)
    return str(path)


if __name__ == '__main__':
    sys.exit(main())
