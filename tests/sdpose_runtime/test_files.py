"""A file has its name once it is whole, and what a kill leaves goes with the next start."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sdpose_runtime.files import (
    PARTIAL_NAME,
    PartialFile,
    check_writable,
    remove_leftovers,
    whole_file,
)

ROOT = Path(__file__).parents[2]
needs_locks = pytest.mark.skipif(os.name != 'posix', reason='no locks of POSIX here')


@pytest.fixture(autouse=True)
def new_process():
    """As if nothing had been written yet."""
    remove_leftovers.cache_clear()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, *arguments: object) -> subprocess.Popen:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT / 'projects/runtime')}
    command = [sys.executable, '-c', code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_the_name_comes_last(tmp_path):
    path = tmp_path / 'sub' / 'a.txt'
    with whole_file(path) as file:
        file.write(b'text')
        assert not path.exists()
        assert len(names(path.parent)) == 1
        assert PARTIAL_NAME.fullmatch(names(path.parent)[0])
    assert path.read_bytes() == b'text'
    assert names(path.parent) == ['a.txt']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path, error):
    (tmp_path / 'a.txt').write_text('before')
    with pytest.raises(error), whole_file(tmp_path / 'a.txt') as file:
        file.write(b'half')
        raise error
    assert (tmp_path / 'a.txt').read_text() == 'before'
    assert names(tmp_path) == ['a.txt']


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda number: calls.append('fsync') or fsync(number))
    monkeypatch.setattr(os, 'replace', lambda *a: calls.append('replace') or replace(*a))
    with whole_file(tmp_path / 'a.txt') as file:
        file.write(b'text')
    assert calls == ['fsync', 'replace']


def test_others_may_read_it_as_they_may_read_any_new_file(tmp_path):
    before = os.umask(0o022)
    try:
        with whole_file(tmp_path / 'a.txt') as file:
            file.write(b'text')
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / 'a.txt').stat().st_mode) == 0o644


def test_partial_names_cannot_be_foreseen(tmp_path):
    files = [PartialFile(tmp_path / 'a.mp4', suffix='.mp4') for _ in range(4)]
    assert len({file.path for file in files}) == 4
    assert all(re.fullmatch(r'\.sdpose-[0-9a-f]{16}\.partial\.mp4', n) for n in names(tmp_path))
    for file in files:
        file.discard()
    assert names(tmp_path) == []


@pytest.mark.parametrize('name', ['a' * 251 + '.jpg', '寫' * 83 + '.jpg'])
def test_names_as_long_as_the_file_system_takes(tmp_path, name):
    with whole_file(tmp_path / name) as file:
        file.write(b'text')
    assert names(tmp_path) == [name]


def test_a_longer_name_is_refused_before_the_work(tmp_path):
    with pytest.raises(OSError) as caught:
        PartialFile(tmp_path / ('a' * 300))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert names(tmp_path) == []


def test_a_folder_is_refused_before_the_work(tmp_path):
    (tmp_path / 'a').mkdir()
    with pytest.raises(IsADirectoryError, match="Is a directory: '.*a'$"):
        PartialFile(tmp_path / 'a')


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='Windows has no named pipes')
def test_a_pipe_or_device_is_never_replaced(tmp_path):
    """As root ``--overwrite`` could replace /dev/null."""
    os.mkfifo(tmp_path / 'a')
    with pytest.raises(FileExistsError, match='a device or a pipe is there'):
        PartialFile(tmp_path / 'a')
    assert (tmp_path / 'a').is_fifo() and names(tmp_path) == ['a']


def test_whether_a_file_can_be_written_is_known_before_the_work(tmp_path):
    check_writable(tmp_path / 'new' / 'a', replace=False)
    assert names(tmp_path / 'new') == []
    (tmp_path / 'a').write_text('mine')
    with pytest.raises(FileExistsError, match='a exists: choose another name, or say --force'):
        check_writable(tmp_path / 'a', replace=False)
    check_writable(tmp_path / 'a', replace=True)
    with pytest.raises(OSError, match='b cannot be written: File exists'):
        check_writable(tmp_path / 'a' / 'b', replace=True)
    (tmp_path / 'link').symlink_to('a')
    for path in ('a', 'link'):
        with pytest.raises(FileExistsError, match=f'{path} is an input and would be lost: choose'):
            check_writable(tmp_path / path, True, ['mmpose_sdpose://x.pth', tmp_path / 'a'])
    assert (tmp_path / 'a').read_text() == 'mine'


def test_a_full_disk_names_the_file_that_was_wanted(tmp_path):
    with pytest.raises(OSError) as caught, whole_file(tmp_path / 'a.txt') as file:
        file.write(b'text')
        raise OSError(errno.ENOSPC, 'No space left on device')
    path = str(tmp_path / 'a.txt')
    assert str(caught.value) == f'[Errno {errno.ENOSPC}] No space left on device: {path!r}'
    assert names(tmp_path) == []


def test_a_file_system_that_is_full_only_at_the_end(tmp_path, monkeypatch):
    """As a network drive, which says so when it has to write."""

    def full(number: int) -> None:
        raise OSError(errno.EDQUOT, 'Disk quota exceeded')

    monkeypatch.setattr(os, 'fsync', full)
    (tmp_path / 'a.txt').write_text('before')
    with pytest.raises(OSError, match="Disk quota exceeded: '.*a.txt'$"):  # noqa: SIM117
        with whole_file(tmp_path / 'a.txt') as file:
            file.write(b'text')
    assert (tmp_path / 'a.txt').read_text() == 'before'
    assert names(tmp_path) == ['a.txt']


@needs_locks
def test_what_a_kill_left_goes_and_what_is_being_written_stays(tmp_path):
    code = (
        'import sys, time\nfrom sdpose_runtime.files import PartialFile\n'
        'open_now = PartialFile(sys.argv[1], suffix=".mp4")\nprint("ready", flush=True)\ntime.sleep(60)'
    )
    one, other = (python(code, tmp_path / 'a.txt') for _ in range(2))
    assert one.stdout.readline() == other.stdout.readline() == 'ready\n'
    assert len(names(tmp_path)) == 2
    one.kill()
    one.wait()
    (tmp_path / '.sdpose-notes.partial').write_text('not one of ours')
    (tmp_path / f'.sdpose-{"0" * 16}.partial').mkdir()
    with whole_file(tmp_path / 'b.txt') as file:
        file.write(b'text')
    assert len([name for name in names(tmp_path) if name.endswith('.partial.mp4')]) == 1
    other.send_signal(signal.SIGKILL)
    other.wait()
    remove_leftovers.cache_clear()
    with whole_file(tmp_path / 'b.txt') as file:
        file.write(b'text')
    assert names(tmp_path) == [f'.sdpose-{"0" * 16}.partial', '.sdpose-notes.partial', 'b.txt']
    one.stdout.close()
    other.stdout.close()


@needs_locks
def test_leftovers_are_no_way_to_another_file(tmp_path):
    (tmp_path / 'victim').write_text('precious')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / f'.sdpose-{"1" * 16}.partial').symlink_to(tmp_path / 'victim')
    with whole_file(tmp_path / 'out' / 'b.txt') as file:
        file.write(b'text')
    assert (tmp_path / 'victim').read_text() == 'precious'


def test_a_folder_is_looked_through_once(tmp_path):
    for index in range(10):
        with whole_file(tmp_path / f'{index}') as file:
            file.write(b'text')
    assert remove_leftovers.cache_info().misses == 1


def test_a_file_taken_for_a_leftover_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    opened = PartialFile._open

    def open_and_lose_once(self, suffix):
        opened(self, suffix)
        if len(lost) < 1:
            lost.append(self.path)
            self.path.unlink()

    lost: list[Path] = []
    monkeypatch.setattr(PartialFile, '_open', open_and_lose_once)
    with whole_file(tmp_path / 'a.txt') as file:
        file.write(b'text')
    assert len(lost) == 1
    assert (tmp_path / 'a.txt').read_bytes() == b'text'
