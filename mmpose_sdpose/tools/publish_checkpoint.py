"""Keep the weights of a training checkpoint alone, in half precision, for passing them on."""

from __future__ import annotations

import argparse
import os
import sys

import mmpose_sdpose  # noqa: F401  lets MMEngine's checkpoints be read
from mmpose_sdpose.checkpoint import read_state_dict, write_checkpoint
from mmpose_sdpose.tools.console import fail


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='publish_checkpoint', description=__doc__)
    parser.add_argument('src', help='checkpoint of a training')
    parser.add_argument('dst', help='where to write; never overwritten unless --overwrite')
    parser.add_argument('--overwrite', action='store_true', help='replace DST if it exists')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        weights = {
            name: value.half() if value.is_floating_point() else value
            for name, value in read_state_dict(args.src).items()
        }
        write_checkpoint(dict(state_dict=weights), args.dst, args.overwrite)
    except (OSError, ValueError) as error:
        return fail('publish_checkpoint', error)
    print(f'{args.dst}: {len(weights)} entries, {os.path.getsize(args.dst) / 1e6:.1f} MB')
    return 0


if __name__ == '__main__':
    sys.exit(main())
