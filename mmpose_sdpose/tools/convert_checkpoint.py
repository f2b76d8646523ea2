"""Turn an official SDPose, TokenPose or DistilPose checkpoint into one that `mim test` loads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.checkpoint import (
    list_unusable,
    read_state_dict,
    unusable_weights,
    write_checkpoint,
)
from mmpose_sdpose.configs import build_model, configs_of, find_config
from mmpose_sdpose.keypoint_weights import DATA_OF_KEYPOINTS
from mmpose_sdpose.official_checkpoint import convert_state_dict, has_official_head
from mmpose_sdpose.tools.console import fail

from sdpose_runtime.files import refuse_input


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='convert_checkpoint', description=__doc__)
    parser.add_argument('src', help='official checkpoint: a state dict, bare or under "state_dict"')
    parser.add_argument('dst', help='where to write ours; never overwritten unless --overwrite')
    parser.add_argument('--config', help='our config for it, a path or a name; default: found out')
    parser.add_argument('--overwrite', action='store_true', help='replace DST if it exists')
    return parser.parse_args()


def convert(src: str, config: str | None) -> tuple[Path, dict]:
    """The config that fits and the converted state dict.

    Raises:
        ValueError: If no config, or the one given, fits the weights, or no model can use them.
    """
    official = read_state_dict(src)
    if not has_official_head(official):
        raise ValueError(
            f'{src} is no official file of SDPose, TokenPose or DistilPose: none of its weights is of '
            f'their heads, the first is {next(iter(official))}'
        )
    if faults := list_unusable(official):
        raise ValueError(unusable_weights(src, faults))
    if config is not None:
        path = find_config(config)
        return path, convert_state_dict(official, build_model(path))
    complaints = {}
    data = _data(official)
    for path in configs_of(_method(official), data.lower()):
        try:
            return path, convert_state_dict(official, build_model(path))
        except ValueError as error:
            complaints[path] = str(error)
    closest, complaint = min(complaints.items(), key=lambda item: item[1].count('\n'))
    raise ValueError(f'no {data} config fits {src}; the closest is {closest.name}: {complaint}')


def _method(official: dict) -> str:
    """Folder of the configs that may fit; the teachers of DistilPose are TokenPoses.

    The shapes of an SDPose and its TokenPose are the same; the names in the head tell.
    """
    if any('.tokenhead.' in key for key in official):
        return 'distilpose'
    return 'sdpose' if any('.transformer_layer1.' in key for key in official) else 'tokenpose'


def _data(official: dict) -> str:
    """What the weights were trained on, by the number of keypoint tokens.

    Raises:
        ValueError: If there are no configs for so many keypoints.
    """
    tokens = [value for key, value in official.items() if key.endswith('.keypoint_token')]
    keypoints = tokens[0].shape[-2] if tokens and tokens[0].ndim > 1 else 17
    if keypoints not in DATA_OF_KEYPOINTS:
        known = ', '.join(f'{number} ({data})' for number, data in DATA_OF_KEYPOINTS.items())
        raise ValueError(f'the weights have {keypoints} keypoints; official ones have {known}')
    return DATA_OF_KEYPOINTS[keypoints]


def main() -> int:
    args = parse_args()
    try:
        refuse_input(args.dst, [args.src])
        if Path(args.dst).exists() and not args.overwrite:
            raise FileExistsError(f'{args.dst} exists: choose another name, or say --overwrite')
        config, state_dict = convert(args.src, args.config)
        write_checkpoint(dict(state_dict=state_dict), args.dst, args.overwrite)
    except (OSError, ValueError) as error:
        return fail('convert_checkpoint', error)
    print(f'{len(state_dict)} entries converted for {config.name}')
    print(f'mim test mmpose_sdpose {config.name} --checkpoint {args.dst}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
