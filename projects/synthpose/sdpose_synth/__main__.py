"""Make the SynthPose data set: ``python -m sdpose_synth --out data/synthpose``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool

from . import (
    OutputFolderError,
    Settings,
    default_workers,
    write_contact_sheet,
    write_dataset,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Make the synthetic SynthPose data set.')
    parser.add_argument('--out', help='folder to make, e.g. data/synthpose')
    parser.add_argument('--train', type=int, default=2000, help='training images (%(default)s)')
    parser.add_argument('--val', type=int, default=300, help='validation images (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes (%(default)s)')
    parser.add_argument('--size', type=int, default=256, help='image side, pixels (%(default)s)')
    parser.add_argument(
        '--company', default='mixed', help='mixed, alone, group, close or packed (%(default)s)'
    )
    parser.add_argument(
        '--view', default='any', help='any, or front: all face the camera, none lies (%(default)s)'
    )
    parser.add_argument('--workers', type=int, default=default_workers(), help='processes')
    parser.add_argument('--contact-sheet', metavar='FILE', help='also write an overview PNG')
    args = parser.parse_args(argv)
    if not args.out and not args.contact_sheet:
        parser.error('nothing to do: give --out FOLDER, --contact-sheet FILE or both')
    return args


def main(argv: list[str] | None = None) -> int:
    """Make what the command line asks for; 0 if that is there now."""
    args = parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as Ctrl-C does
    try:
        settings = Settings(args.train, args.val, args.seed, args.size, args.company, args.view)
        if args.out:
            _make(args.out, settings, args.workers)
        if args.contact_sheet:
            write_contact_sheet(args.contact_sheet, settings)
            _say(f'{args.contact_sheet}: written')
    except (ValueError, OutputFolderError) as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(f'could not write: {error}; no partial data set was left behind', 1)
    except BrokenProcessPool:
        return _fail('a worker process died (out of memory?); try fewer --workers', 1)
    except KeyboardInterrupt:
        return _fail('stopped; no partial data set was left behind', 130)
    return 0


def _make(out: str, settings: Settings, workers: int) -> None:
    progress = _Progress(settings.train + settings.val)
    try:
        new = write_dataset(out, settings, workers, progress)
    finally:
        progress.close()
    _say(f'{out}: ' + ('written' if new else 'already there, nothing to do'))


class _Progress:
    """One line on standard error that says how many images are there and how long the rest takes.

    On a terminal it is written over, elsewhere a line comes every ten seconds. No thread of its own:
    worker processes are forked meanwhile.

    Args:
        total: Images to come.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.on_terminal = sys.stderr.isatty()
        self.begin = self.shown = time.monotonic()

    def __call__(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.shown < (0.1 if self.on_terminal else 10) and self.done < self.total:
            return
        self.shown = now
        left = round((now - self.begin) / self.done * (self.total - self.done))
        line = f'SynthPose  {self.done}/{self.total}  {left // 60}:{left % 60:02d} left'
        sys.stderr.write(f'\r{line}' if self.on_terminal else f'{line}\n')
        sys.stderr.flush()

    def close(self) -> None:
        if self.on_terminal and self.done:
            sys.stderr.write('\n')


def _say(message: str) -> None:
    print(message, flush=True)


def _fail(message: str, code: int) -> int:
    print(f'make_synthpose: {message}', file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
