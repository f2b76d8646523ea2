from __future__ import annotations

import sys
import time
from typing import TextIO

#: Seconds from one line to the next, on a terminal and in a file.
ON_TERMINAL, IN_FILE = 0.2, 10.0


class Progress:
    """How far the work is and how long it still takes, in one line on standard error.

    Args:
        total: Frames to come; None if nobody knows.
        stream: Where to write; a terminal's line is written over.
    """

    def __init__(self, total: int | None, stream: TextIO | None = None) -> None:
        self.total = total
        self.done = 0
        self.stream = stream or sys.stderr
        self.on_terminal = self.stream.isatty()
        self._start = self._last = time.monotonic()
        self._shown = 0

    @property
    def rate(self) -> float:
        """Frames a second so far."""
        return self.done / max(time.monotonic() - self._start, 1e-6)

    def step(self, name: str) -> None:
        """One frame is done."""
        self.done += 1
        if time.monotonic() - self._last >= (ON_TERMINAL if self.on_terminal else IN_FILE):
            self._last = time.monotonic()
            self._show(f'{self._counts()}  {self.rate:.1f} a second{self._left()}  {name}')

    def report(self, message: str) -> None:
        """A line of its own, that stays."""
        self.close()
        self.stream.write(f'{message}\n')
        self.stream.flush()

    def close(self) -> None:
        """Take the line off a terminal."""
        if self._shown:
            self.stream.write('\r' + ' ' * self._shown + '\r')
            self._shown = 0
        self.stream.flush()

    def _show(self, line: str) -> None:
        if self.on_terminal:
            self.close()
            self.stream.write(line[:100])
            self._shown = len(line[:100])
        else:
            self.stream.write(f'{line}\n')
        self.stream.flush()

    def _counts(self) -> str:
        if self.total is None:
            return f'[{self.done}]'
        share = min(100, round(100 * self.done / max(self.total, 1)))
        return f'[{self.done}/{self.total}]  {share:3d} %'

    def _left(self) -> str:
        if self.total is None:
            return ''
        seconds = max(0, round((self.total - self.done) / self.rate))
        return f', {seconds // 60}:{seconds % 60:02d} left'
