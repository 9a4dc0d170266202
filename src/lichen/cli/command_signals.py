"""Signals that reach a command's wrapper and are meant for the command."""

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

_MEANT = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


class CommandSignals:
    """While it holds, signals are passed on to the command; those before it began wait for it.

    What a terminal's keys send, the whole foreground group gets: the command has it already. What
    was ignored when we were started (`nohup`) stays ignored for both.
    """

    def __init__(self) -> None:
        self._pid: int | None = None
        self._waiting: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in _MEANT:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._pass_on)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def started(self, pid: int) -> None:
        """The command runs."""
        self._pid = pid
        for number in self._waiting:
            self._send(number)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if number in _FROM_TERMINAL and _in_foreground():
            return
        self._send(number)

    def _send(self, number: int) -> None:
        if self._pid is None:
            self._waiting.append(number)
            return
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)


def _in_foreground() -> bool:
    """Whether a terminal's keys reach our process group."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def end_like(signal_number: int) -> None:
    """End as the command did, so that whoever waits for us sees the signal that ended it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core dump, the command's, is enough
    with suppress(OSError):  # SIGKILL is never anybody's to catch
        signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)
