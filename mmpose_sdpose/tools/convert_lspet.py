"""Turn the archive of Leeds Sports Pose Extended (LSPET) into CrowdPose-style training data."""

from __future__ import annotations

import argparse
import sys

from mmpose_sdpose.datasets.lspet import convert, read_archive
from mmpose_sdpose.tools.console import end_by_sigterm, fail, progress_bar


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='convert_lspet', description=__doc__)
    parser.add_argument('archive', help='the unpacked archive: joints.mat and images/')
    parser.add_argument('--out', default='data/lspet', help='folder to make (%(default)s)')
    parser.add_argument('--test', type=int, default=1000, help='held-out photos (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the split (%(default)s)')
    parser.add_argument('--first', type=int, metavar='N', help='only the first N photos')
    args = parser.parse_args(argv)
    if args.first is not None and args.first < 2:
        parser.error(f'--first ({args.first}) must be at least 2')
    if args.seed < 0:
        parser.error(f'--seed ({args.seed}) must be 0 or more')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    end_by_sigterm()
    try:
        archive = read_archive(args.archive, args.first)
        with progress_bar() as bar:
            task = bar.add_task('LSPET', total=len(archive.images))
            people = convert(archive, args.out, args.test, args.seed, lambda: bar.advance(task))
    except (OSError, ValueError) as error:
        return fail('convert_lspet', error)
    except KeyboardInterrupt:
        return fail('convert_lspet', 'stopped; nothing was written', 130)
    print(f'{args.out}: {people["train"]} people to train on, {people["test"]} held out')
    return 0


if __name__ == '__main__':
    sys.exit(main())
