"""The meters as one process of the user's sees them, with or without a platform (M3).

The first metered block takes the meter lock and samples at 10 Hz, or follows whoever holds it; the
session then lasts as long as the process, so that a block costs microseconds and no start-up.
"""

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from lichen.core.errors import LichenError, Unavailable
from lichen.energy.open_window import SAMPLE_NS, WINDOW_NS
from lichen.energy.owner import MeterOwner
from lichen.energy.page import PageReader, Rate

_NS_PER_S = 1_000_000_000
_PATIENCE, _PAUSE_S = 20, 0.05


class MeterSession:
    """One process's hold on the meters: the rate now, the CPU used, and a call each window.

    Raises:
        StorageFailed: the runtime folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = os.getpid()
        self._owner = MeterOwner(folder)
        self._page = self._first_page()
        self._watchers: set[Callable[[], None]] = set()
        self._lock = Lock()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="lichen-meter", daemon=True)
        self._thread.start()
        self._sampler_clock = time.pthread_getcpuclockid(self._thread.ident or 0)

    def _first_page(self) -> PageReader:
        """The page; an owner that has only just taken the lock gets a moment to publish."""
        for _ in range(_PATIENCE):
            try:
                return self._owner.page()
            except Unavailable:
                time.sleep(_PAUSE_S)
        return self._owner.page()

    def rate(self) -> Rate:
        """What a CPU-nanosecond costs, as last published."""
        return self._page.rate()

    def cpu_ns(self) -> int:
        """CPU time of this process so far, all its threads but the sampler."""
        return time.process_time_ns() - time.clock_gettime_ns(self._sampler_clock)

    def watch(self, each_window: Callable[[], None]) -> None:
        """Call `each_window` about once a second from the sampler's thread."""
        with self._lock:
            self._watchers.add(each_window)

    def unwatch(self, each_window: Callable[[], None]) -> None:
        """Stop calling it."""
        with self._lock:
            self._watchers.discard(each_window)

    def abandon(self) -> None:
        """Close in a forked child what belongs to its parent, whose lock stays as it is."""
        self._owner.close()

    def close(self) -> None:
        """Hand the lock over and stop sampling."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        since_ns = 0
        while not self._stopping.wait(self._pause_ns() / _NS_PER_S):
            since_ns += self._pause_ns()
            with suppress(LichenError, OSError):  # a full disk: the last rate stays in force
                self._owner.tick()
            if since_ns >= WINDOW_NS:
                since_ns = 0
                self._call_watchers()
        self._page.close()
        self._owner.close()

    def _pause_ns(self) -> int:
        return SAMPLE_NS if self._owner.owns else WINDOW_NS

    def _call_watchers(self) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for each_window in watchers:
            each_window()


_sessions: dict[Path, MeterSession] = {}
_opening = Lock()


def session_of(folder: Path) -> MeterSession:
    """This process's session on that folder, opened when it is first asked for.

    A fork starts its own: the sampler's thread stays with the parent.
    """
    session = _sessions.get(folder)
    if session is not None and session.process == os.getpid():
        return session
    with _opening:
        session = _sessions.get(folder)
        if session is None or session.process != os.getpid():
            session = _sessions[folder] = MeterSession(folder)
    return session


def close_sessions() -> None:
    """Let go of the meters now; the next metered block takes them again."""
    with _opening:
        sessions = [one for one in _sessions.values() if one.process == os.getpid()]
        _sessions.clear()
    for session in sessions:
        session.close()


def _after_fork() -> None:
    # Another thread may have held the lock at the fork; and while the child keeps the parent's
    # files open, nobody could take the meters over when the parent ends.
    global _opening
    _opening = Lock()
    for session in _sessions.values():
        session.abandon()
    _sessions.clear()


atexit.register(close_sessions)
os.register_at_fork(after_in_child=_after_fork)
