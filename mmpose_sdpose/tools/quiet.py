"""What a run through our entrance keeps from the terminal, and where it goes instead."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TextIO
from unittest.mock import patch

from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.logging import logger as mmengine_logger
from mmengine.runner import Runner
from rich.console import Console
from xtcocotools import coco, cocoeval

#: Beginnings of messages that nobody who starts a run can act upon (regular expressions).
NOISE = (
    r'(?s).*\bdeprecated\b',  # between MMPose, MMEngine, PyTorch and setuptools
    r'"\w+" is the alias of "\w+" and the former will be',
    r'The metainfo config file ".*" does not exist. A matched config file',  # as it always is
    r'Setting (OMP|MKL)_NUM_THREADS environment variable',  # the summary says how many there are
    r'(?s)Grad strides do not match bucket view strides',  # of 1x1 convolutions, channels last
    r'resumed key: \w+ is not defined in message_hub',  # left out of what is resumed, on purpose
)


class Quiet:
    """A terminal without what MMEngine, MMPose and the COCO tools tell it.

    Within ``with``, warnings that are noise are dropped; what these print, and all other warnings, go
    into the run's log, and warnings to the terminal too.

    Args:
        console: The terminal.
        is_first: Whether this is the process that speaks for all; the others' warnings are dropped.
    """

    def __init__(self, console: Console, is_first: bool = True) -> None:
        self.console, self.is_first = console, is_first
        self.log: MMLogger | None = None
        self.undo = ExitStack()

    def __enter__(self) -> Quiet:
        self.undo.enter_context(warnings.catch_warnings())
        for message in NOISE if self.is_first else ('',):
            warnings.filterwarnings('ignore', message=message)
        warnings.showwarning = self._warn
        for module in (coco, cocoeval, mmengine_logger):
            self.undo.enter_context(patch.object(module, 'print', self._print, create=True))
        self.listen(MMLogger.get_current_instance())  # what reads configs has no run's log yet
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.undo.close()

    def runner(self, report: Hook) -> type[Runner]:
        """MMEngine's runner, whose log is a file alone.

        Args:
            report: Registered last of its hooks; it speaks to the terminal.
        """
        quiet = self

        class QuietRunner(Runner):
            def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
                return quiet.listen(super().build_logger(*args, **kwargs))

            def register_hooks(self, *args: Any, **kwargs: Any) -> None:
                super().register_hooks(*args, **kwargs)
                self.register_hook(report)

        return QuietRunner

    def listen(self, logger: MMLogger) -> MMLogger:
        """Leave of a log on the terminal what is a warning and no noise."""
        logger.addFilter(_is_no_noise)
        if self.is_first:
            files = [part for part in logger.handlers if type(part) is not logging.StreamHandler]
            logger.handlers = [*files, WarningHandler(self.console, logger.log_file)]
            self.log = logger
        return logger

    def _print(self, *words: Any) -> None:
        if self.log is not None:
            self.log.info(' '.join(map(str, words)))

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = f'{message} ({filename}:{lineno})'
        if self.log is not None:
            self.log.warning(text)
        else:
            self.console.print(f'warning: {text}', markup=False, soft_wrap=True)


class WarningHandler(logging.Handler):
    """Shows warnings and errors of a log, the same one once, long ones by their beginning.

    Args:
        console: Where.
        log_file: Where all of a long one is; without, all is shown.
        lines: So many of one are shown.
    """

    def __init__(self, console: Console, log_file: str | None, lines: int = 3) -> None:
        super().__init__(logging.WARNING)
        self.console, self.log_file, self.lines = console, log_file, lines
        self.seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = f'{record.levelname.lower()}: {record.getMessage()}'
        if text in self.seen:
            return
        self.seen.add(text)
        lines = [line for line in text.splitlines() if line.strip()]
        more = len(lines) - self.lines if self.log_file else 0
        if more > 0:
            lines[self.lines :] = [f'({more} more lines in {self.log_file})']
        self.console.print('\n'.join(lines), markup=False, soft_wrap=True)


def _is_no_noise(record: logging.LogRecord) -> bool:
    """Whether a message of MMEngine's logger is to be seen at all."""
    text = record.getMessage()
    return record.levelno != logging.WARNING or not any(
        re.match(pattern, text, re.IGNORECASE) for pattern in NOISE
    )
