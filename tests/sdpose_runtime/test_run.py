"""Progress: how far, how fast, how long still. Signals: remembered, not in the middle of something."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading

import pytest

from sdpose_runtime import run as module
from sdpose_runtime.run import Progress, StopSignals, say

posix = pytest.mark.skipif(os.name != 'posix', reason='no signals of POSIX here')


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that says what is put into it."""
    now = [0.0]
    monkeypatch.setattr(module.time, 'monotonic', lambda: now[0])
    return now


def go(stream: io.StringIO, clock: list[float], total: int | None, seconds: float = 4.0):
    progress = Progress(total, stream)
    for _ in range(6):
        clock[0] += seconds
        progress.step('a.jpg')
    return progress


def test_a_line_every_ten_seconds_in_a_file(clock):
    stream = io.StringIO()
    go(stream, clock, 30)
    assert stream.getvalue().splitlines() == [
        '[3/30]   10 %  0.2 a second, 1:48 left  a.jpg',
        '[6/30]   20 %  0.2 a second, 1:36 left  a.jpg',
    ]


def test_without_a_total(clock):
    stream = io.StringIO()
    go(stream, clock, None)
    assert stream.getvalue().splitlines()[-1] == '[6]  0.2 a second  a.jpg'


def test_a_terminal_has_one_line_that_goes(clock):
    stream = Terminal()
    progress = go(stream, clock, 6)
    assert '\n' not in stream.getvalue()
    line = '[6/6]  100 %  0.2 a second, 0:00 left  a.jpg'
    assert stream.getvalue().endswith(line)
    progress.report('runtime: b.jpg is passed over')
    wiped = '\r' + ' ' * len(line) + '\r'
    assert stream.getvalue().endswith(f'{wiped}runtime: b.jpg is passed over\n')


class Gone(io.StringIO):
    """A terminal that was closed, or a pipe that nobody reads."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize('stream', [None, Gone()])
def test_nobody_there_to_read_ends_nothing(stream, clock, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', None)
    progress = go(stream, clock, 6)
    progress.report('runtime: b.jpg is passed over')
    progress.close()
    assert progress.done == 6
    say(stream, 'x')


@posix
class TestSignals:
    @pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM', 'SIGHUP'])
    def test_the_first_is_remembered(self, name):
        number = getattr(signal, name)
        before = signal.getsignal(number)
        with StopSignals() as stop:
            assert stop.number is None
            os.kill(os.getpid(), number)
            assert stop.number == number
            os.kill(os.getpid(), signal.SIGTERM)  # as systemd sends SIGTERM, and SIGHUP after it
            assert stop.number == number
        assert signal.getsignal(number) == before

    def test_ctrl_c_twice_does_not_wait(self):
        with pytest.raises(KeyboardInterrupt), StopSignals():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler

    def test_what_is_ignored_stays_ignored(self):
        """``nohup``."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with StopSignals() as stop:
                os.kill(os.getpid(), signal.SIGHUP)
                assert stop.number is None
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_in_another_thread_nothing_is_done(self):
        numbers = []

        def block() -> None:
            with StopSignals() as stop:
                numbers.append(stop.number)

        thread = threading.Thread(target=block)
        thread.start()
        thread.join()
        assert numbers == [None]
