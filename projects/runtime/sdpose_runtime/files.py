"""Files that get their name only once they are whole."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

#: Locks; not on Windows, where a file that somebody writes to cannot be deleted anyway.
fcntl = import_module('fcntl') if find_spec('fcntl') else None

#: Short whatever the file will be called, and not to be foreseen: nobody can put a link in its place.
PARTIAL_NAME = re.compile(r'\.sdpose-[0-9a-f]{16}\.partial(\.\w{1,8})?')


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to that gets its name only once it is whole; folders are made.

    On any error, and on Ctrl-C, nothing is left behind and what had the name before keeps it. What a
    process that was killed left half-written in the folder is removed.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    partial = PartialFile(path)
    try:
        with partial.errors_named():
            yield partial.file
        partial.finish()
    except BaseException:
        partial.discard()
        raise


def refuse_input(path: str | Path, inputs: Iterable[str | Path]) -> None:
    """No output takes the place of what it is made from, also where files may be replaced.

    Args:
        path: The output.
        inputs: Files, or names that are none.

    Raises:
        OSError: If it would.
    """
    resolved = os.path.realpath(path)
    if any(os.path.realpath(one) == resolved for one in inputs):
        raise FileExistsError(f'{path} is an input and would be lost: choose another name')


def check_writable(path: str | Path, replace: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Before minutes of work: whether a file can be written where it is wanted.

    Args:
        path: The file; folders are made.
        replace: Whether a file that is there may be replaced: ``--force``.
        inputs: What it is made from: none of it is replaced.

    Raises:
        OSError: If not.
    """
    refuse_input(path, inputs)
    if os.path.isdir(path):  # which a name that no file can have is not
        raise IsADirectoryError(f'{path} is a folder: name a file in it')
    if os.path.exists(path) and not replace:
        raise FileExistsError(f'{path} exists: choose another name, or say --force')
    try:
        PartialFile(path).discard()
    except OSError as error:
        raise OSError(f'{path} cannot be written: {error.strerror}') from error


class PartialFile:
    """A file that is being written, under a name of its own until it is whole.

    It is locked as long as it is written to: a lock ends with its process, however that ends, and a
    file without one was left behind.

    Args:
        target: What it will be called; folders are made.
        suffix: Of its name until then, for writers that go by it.

    Raises:
        OSError: If no file can be written there, or none of that name.
    """

    def __init__(self, target: str | Path, suffix: str = '') -> None:
        self.target = Path(target)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        _check_name(self.target)
        remove_leftovers(self.target.parent.absolute())
        self._open(suffix)
        # Taken for a leftover by another process, before it was locked:
        while not os.fstat(self.file.fileno()).st_nlink:
            self.file.close()
            self._open(suffix)

    def finish(self) -> None:
        """Give the file its name.

        Its content reaches the disk first: else a power cut could leave the name with nothing behind
        it, and a network drive that is full says so only now. The folder is not waited for: after a
        power cut it may still have the old file, which is whole.

        Raises:
            OSError: If that fails; :meth:`discard` it then.
        """
        with self.errors_named():
            self.file.flush()
            os.fsync(self.file.fileno())
            if fcntl is None:
                self.file.close()
            os.replace(self.path, self.target)
            self.file.close()

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            self.path.unlink()

    def _open(self, suffix: str) -> None:
        self.path = self.target.with_name(f'.sdpose-{secrets.token_hex(8)}.partial{suffix}')
        with self.errors_named():
            self.file = open(self.path, 'xb')  # noqa: SIM115  closed by finish and discard
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Errors of the system that name no file, or the partial one, name the target."""
        try:
            yield
        except OSError as error:
            if error.errno is None or error.filename not in (None, str(self.path)):
                raise
            raise OSError(error.errno, error.strerror, str(self.target)) from error


@cache
def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder; looked for once by each process."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if PARTIAL_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    _remove_unlocked(entry.path)


def _remove_unlocked(path: str) -> None:
    """Delete a file that nobody is writing to."""
    if fcntl is None:
        os.unlink(path)
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)


def _check_name(path: Path) -> None:
    """Before the work rather than after it: whether a file can have this name.

    Raises:
        OSError: If the name is too long, or that of a folder, a device or a pipe.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, 'a device or a pipe is there, and no file', str(path))
