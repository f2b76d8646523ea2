"""How far, how fast, how long still."""

from __future__ import annotations

import io

import pytest

from sdpose_runtime import progress as module
from sdpose_runtime.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that says what is put into it."""
    now = [0.0]
    monkeypatch.setattr(module.time, 'monotonic', lambda: now[0])
    return now


def run(stream: io.StringIO, clock: list[float], total: int | None, seconds: float = 4.0):
    progress = Progress(total, stream)
    for _ in range(6):
        clock[0] += seconds
        progress.step('a.jpg')
    return progress


def test_a_line_every_ten_seconds_in_a_file(clock):
    stream = io.StringIO()
    run(stream, clock, 30)
    assert stream.getvalue().splitlines() == [
        '[3/30]   10 %  0.2 a second, 1:48 left  a.jpg',
        '[6/30]   20 %  0.2 a second, 1:36 left  a.jpg',
    ]


def test_without_a_total(clock):
    stream = io.StringIO()
    run(stream, clock, None)
    assert stream.getvalue().splitlines()[-1] == '[6]  0.2 a second  a.jpg'


def test_a_terminal_has_one_line_that_goes(clock):
    stream = Terminal()
    progress = run(stream, clock, 6)
    assert '\n' not in stream.getvalue()
    line = '[6/6]  100 %  0.2 a second, 0:00 left  a.jpg'
    assert stream.getvalue().endswith(line)
    progress.report('runtime: b.jpg is passed over')
    wiped = '\r' + ' ' * len(line) + '\r'
    assert stream.getvalue().endswith(f'{wiped}runtime: b.jpg is passed over\n')
