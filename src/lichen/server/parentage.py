"""How a child process is tied to its parent, so that none outlives it."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

AWAITED = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Signals that a parent blocks and fetches when it has time, with `next_signal`."""


def tied_to_this_process() -> Callable[[], None]:
    """What a child runs between fork and exec: it is killed when the calling thread ends.

    The kernel watches the thread that forked (prctl(2)), so only call it from a main thread.
    """
    parent = os.getpid()

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent ended before the line above
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)

    return tie


def await_signals() -> None:
    """From now on this process fetches its signals itself."""
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)


def next_signal(timeout_seconds: float) -> int | None:
    """The next signal, waiting up to the timeout; None when there was none."""
    found = signal.sigtimedwait(AWAITED, max(0.0, timeout_seconds))
    return None if found is None else found.si_signo
