"""How the tools speak with the terminal: counts they are given, one progress bar, one way to fail."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def progress_bar(console: Console | None = None, period_s: float = 30) -> Progress:
    """Work done, of how much, and the time left.

    Args:
        console: Where it is shown; default: standard error.
        period_s: The time left is told by the speed of so many seconds.
    """
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
        speed_estimate_period=period_s,
    )


def count(text: str) -> int:
    """Type of an argument: a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text} is no number from 1 on')
    return int(text)


def end_by_sigterm() -> None:
    """Let SIGTERM end a tool as Ctrl-C does: what is half-written is removed."""
    if threading.current_thread() is threading.main_thread():  # others cannot be signalled
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def fail(tool: str, error: object, code: int = 1) -> int:
    """Say on standard error why a tool ends; the exit code.

    Args:
        tool: Name of the tool.
        error: An exception or a sentence. A KeyError is quoted by Python, so its argument is said.
        code: 1 if something failed, 2 for a wrong command line, 130 after Ctrl-C.
    """
    if isinstance(error, KeyError) and error.args:
        error = error.args[0]
    print(f'{tool}: {error}', file=sys.stderr)
    return code
