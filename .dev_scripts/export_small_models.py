"""Export the models of the table of small ones, whose latency is then measured side by side.

SDPose-N and LADPose-N have the packaged weights, the others random ones: what a network takes does not
depend on them.

    python .dev_scripts/export_small_models.py OUT [--int8 DATA]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mmpose_sdpose.checkpoint import write_checkpoint
from mmpose_sdpose.configs import build_model
from mmpose_sdpose.tools import export_onnx

import torch

_MMPOSE = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm'
#: By the name of the file: config, and packaged weights where there are some.
MODELS = {
    'sdpose-n': ('td-hm_sdpose-n_1xb256-60e_photos-256x192', 'sdpose-n_photos-256x192.pth'),
    'ladpose-n': ('td-reg_ladpose-n_1xb256-60e_photos-256x192', 'ladpose-n_photos-256x192.pth'),
    'res18-thin': ('td-hm_res18-thin_1xb256-60e_photos-256x192', None),
    'rtmpose-t': ('td-simcc_rtmpose-t_8xb256-420e_coco-256x192', None),
    'rtmpose-s': ('td-simcc_rtmpose-s_8xb256-420e_coco-256x192', None),
    'litehrnet-18': (f'{_MMPOSE}_litehrnet-18_8xb64-210e_coco-256x192.py', None),
    'mobilenetv2': (f'{_MMPOSE}_mobilenetv2_8xb64-210e_coco-256x192.py', None),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', type=Path, help='folder of the files')
    parser.add_argument(
        '--int8',
        metavar='DATA',
        help='also the packaged weights in eight bits, calibrated on this',
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        for name, (config, packaged) in MODELS.items():
            checkpoint = f'mmpose_sdpose://{packaged}'
            if packaged is None:
                torch.manual_seed(0)
                checkpoint = str(Path(folder, f'{name}.pth'))
                write_checkpoint(dict(state_dict=build_model(config).state_dict()), checkpoint)
            files: dict[Path, tuple[str, ...]] = {args.out / f'{name}.onnx': ()}
            if packaged and args.int8:
                files[args.out / f'{name}-int8.onnx'] = ('--int8', args.int8)
            for path, options in files.items():
                if code := export_onnx.main([config, checkpoint, str(path), '--force', *options]):
                    return code
    return 0


if __name__ == '__main__':
    sys.exit(main())
