"""Keep the weights of a training checkpoint alone, in half precision, for passing them on.

Weights that half precision cannot hold (beyond 65,504) stay as they are.
"""

from __future__ import annotations

import argparse
import os
import sys

import mmpose_sdpose  # noqa: F401  lets MMEngine's checkpoints be read
from mmpose_sdpose.checkpoint import (
    count_not_finite,
    fetch_state_dict,
    list_unusable,
    unusable_weights,
    write_checkpoint,
)
from mmpose_sdpose.tools.console import fail

import torch
from torch import Tensor

from sdpose_runtime.files import refuse_input


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='publish_checkpoint', description=__doc__)
    parser.add_argument('src', help='checkpoint of a training: a file or an address')
    parser.add_argument('dst', help='where to write; never overwritten unless --overwrite')
    parser.add_argument('--overwrite', action='store_true', help='replace DST if it exists')
    return parser.parse_args()


def publish(src: str) -> dict[str, Tensor]:
    """The weights of a checkpoint in half precision, as far as it can hold them.

    Raises:
        FileNotFoundError, ValueError: If they cannot be read, or no model can use them.
    """
    weights = fetch_state_dict(src)
    if faults := list_unusable(weights):
        raise ValueError(unusable_weights(src, faults))
    halves = {name: value.half() for name, value in weights.items() if value.is_floating_point()}
    return {
        name: value if count_not_finite(halves.get(name, value)) else halves.get(name, value)
        for name, value in weights.items()
    }


def main() -> int:
    args = parse_args()
    try:
        refuse_input(args.dst, [args.src])
        weights = publish(args.src)
        write_checkpoint(dict(state_dict=weights), args.dst, args.overwrite)
    except (OSError, ValueError) as error:
        return fail('publish_checkpoint', error)
    print(f'{args.dst}: {len(weights)} entries, {os.path.getsize(args.dst) / 1e6:.1f} MB')
    kept = [
        name for name, value in weights.items() if value.dtype in (torch.float32, torch.float64)
    ]
    if kept:
        print(f'not in half precision, which cannot hold them: {", ".join(kept)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
