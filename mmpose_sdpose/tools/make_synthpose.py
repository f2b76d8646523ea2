"""Make the SynthPose data set: ``mim run mmpose_sdpose make_synthpose --out data/synthpose``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from types import FrameType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mmpose_sdpose.datasets.synthpose import (
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
    signal.signal(signal.SIGTERM, _stop)  # cleans up as Ctrl-C does
    try:
        settings = Settings(args.train, args.val, args.seed, args.size, args.company, args.view)
        if args.out:
            _make(args.out, settings, args.workers)
        if args.contact_sheet:
            write_contact_sheet(args.contact_sheet, settings)
            _say(Console(), f'{args.contact_sheet}: written')
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
    console = Console()
    bar = _progress_bar(console)
    task = bar.add_task('', total=settings.train + settings.val)
    shown = -1.0

    def advance(count: int) -> None:
        nonlocal shown
        bar.start()  # only now, so that nothing is shown if there is nothing to do
        bar.advance(task, count)
        if bar.finished or time.monotonic() - shown > 0.1:
            bar.refresh()
            shown = time.monotonic()

    try:
        new = write_dataset(out, settings, workers, advance)
    finally:
        if shown > 0:
            bar.stop()
    _say(console, f'{out}: ' + ('written' if new else 'already there, nothing to do'))


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn('SynthPose'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,  # no thread of its own: worker processes are forked meanwhile
    )


def _say(console: Console, message: str) -> None:
    """One line as it is: no wrapping, no brackets taken for markup."""
    console.print(message, soft_wrap=True, markup=False, highlight=False)


def _fail(message: str, code: int) -> int:
    _say(Console(stderr=True, style='red'), f'make_synthpose: {message}')
    return code


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == '__main__':
    sys.exit(main())
