"""Parameters and GFLOPs of any MMPose config, with and without the products of attention."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable
from mmpose_sdpose.configs import build_model, input_size, plain_configs
from mmpose_sdpose.evaluation.complexity import measure_complexity
from mmpose_sdpose.tools.console import fail

from rich.console import Console
from rich.table import Table


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='get_flops', description=__doc__)
    parser.add_argument(
        'configs',
        nargs='*',
        help='paths, names of our configs, or mmpose::PATH for those of MMPose; default: all of ours',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    table = Table('config', 'input', 'params (M)', 'GFLOPs', 'GFLOPs with attention')
    try:
        for name in args.configs or plain_configs():
            size = input_size(name)
            cost = measure_complexity(build_model(name), size)
            table.add_row(
                Path(name).name.removesuffix('.py'),
                f'{size[1]}x{size[0]}',
                f'{cost.params / 1e6:.3f}',
                f'{cost.published_flops / 1e9:.3f}',
                f'{cost.flops_with_attention / 1e9:.3f}',
            )
    except (OSError, ValueError, KeyError) as error:
        return fail('get_flops', error)
    # A wide console keeps config names whole where the output goes into a file.
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    print('GFLOPs: multiply-adds as the papers print them (MMCV 1.x), one cycle, one image;')
    print('the fixed position table is not counted as a parameter.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
