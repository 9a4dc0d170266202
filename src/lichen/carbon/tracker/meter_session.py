"""The meters as one process of the user's sees them, with or without a platform (M3).

The first metered block takes the meter lock and samples at 10 Hz, or follows whoever holds it; the
session then lasts as long as the process, so that a block costs microseconds and no start-up.
"""

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from threading import Event, Lock, Thread
from typing import Protocol

from platformdirs import user_data_path

from lichen.core.errors import LichenError, Unavailable
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.attribution import clock_cost_ns
from lichen.energy.cards.family_shares import FamilyShares
from lichen.energy.descendants import has_children, living, living_ns
from lichen.energy.meter import Meter
from lichen.energy.open_window import SAMPLE_NS, WINDOW_NS
from lichen.energy.owner import MeterOwner
from lichen.energy.page import PageReader, Rate
from lichen.energy.power.machine import CALIBRATION_FILE
from lichen.energy.probe import BEST, best_meter

_PATIENCE, _PAUSE_S = 20, 0.05


class Watcher(Protocol):
    """Work that is charged as time goes by (A4)."""

    def charge_window(self) -> None:
        """Charge what was used so far; called about once a second from the sampler's thread."""
        ...


class MeterSession:
    """One process's hold on the meters: the rate now, the CPU used, and a call each window.

    `meter` makes the meter if it falls to this process to own one.

    Raises:
        StorageFailed: the runtime folder cannot be written.
    """

    def __init__(self, folder: Path, meter: Callable[[], Meter]) -> None:
        self.folder = folder
        self.process = os.getpid()
        self.closed = False
        """Whether a new block has to ask for another session."""
        self.abandoned = False
        """Whether this is a forked child's copy: its clocks are not this process's."""
        self._owner = MeterOwner(folder, meter)
        self._page = self._first_page()
        self.rate: Callable[[], Rate] = self._page.rate
        """What a CPU-nanosecond costs, as last published."""
        self._watchers: set[Watcher] = set()
        self.cards = FamilyShares(folder)
        self.card_nj = 0
        """What this process and its children used of accelerators since the session began."""
        self._parent = has_children()
        self._ready, self._stopping = Event(), Event()
        self._sampling = False
        self._sampler_ns = 0
        self._thread = Thread(target=self._run, name="lichen-meter", daemon=True)
        self._thread.start()
        self._sampler_clock = time.pthread_getcpuclockid(self._thread.ident or 0)
        self._ready.set()
        self.clock_cost_ns = clock_cost_ns(self.cpu_ns)
        self.thread_clock_cost_ns = clock_cost_ns(time.thread_time_ns)

    def _first_page(self) -> PageReader:
        """The page; an owner that has only just taken the lock gets a moment to publish."""
        for _ in range(_PATIENCE):
            try:
                return self._owner.page()
            except Unavailable:
                time.sleep(_PAUSE_S)
        return self._owner.page()

    def cpu_ns(self) -> int:
        """CPU time of this process so far, all its threads but the sampler, and of its children.

        Children count as they end and are waited for; those that run count as they go once the
        sampler has seen that there are any, a tenth of a second after the first.
        """
        process_ns = time.process_time_ns()
        if self._sampling:  # only then does its clock move: a look at it costs as much as the first
            process_ns -= time.clock_gettime_ns(self._sampler_clock)
        else:
            process_ns -= self._sampler_ns
        # As `ended_children_ns`, without its calls: this stands at both ends of every block.
        usage = getrusage(RUSAGE_CHILDREN)
        ended_s = usage[0] + usage[1]
        if ended_s:
            process_ns += int(ended_s * NANOSECONDS_PER_SECOND)
        # Read last: a child that ends in between is missed once, never counted twice.
        return process_ns + living_ns(self.process) if self._parent else process_ns

    def watch(self, watcher: Watcher) -> None:
        """Call it each window."""
        self._watchers.add(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Stop calling it."""
        self._watchers.discard(watcher)

    def abandon(self) -> None:
        """Close in a forked child what belongs to its parent, whose lock stays as it is."""
        self.closed = self.abandoned = True
        self._owner.close()

    def close(self) -> None:
        """Hand the lock over and stop sampling."""
        self.closed = True
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        since_ns = 0
        self._ready.wait()
        while not self._stopping.wait(SAMPLE_NS / NANOSECONDS_PER_SECOND):
            self._sampling = True
            since_ns += SAMPLE_NS
            self._sample(is_window=since_ns >= WINDOW_NS)
            since_ns %= WINDOW_NS
            self._sampler_ns = time.thread_time_ns()
            self._sampling = False
        self._sampler_ns = time.thread_time_ns()  # blocks may outlast this thread and its clock
        self._owner.close()

    def _sample(self, *, is_window: bool) -> None:
        self._parent = has_children()
        if self._owner.owns or is_window:
            with suppress(LichenError, OSError):  # a full disk: the last rate stays in force
                self._owner.tick()
        if is_window:
            self.read_cards()
            self.call_watchers()

    def read_cards(self) -> None:
        """Take in what the owner of the meters has published of accelerators."""
        children = living(self.process) if self._parent else ()
        self.card_nj += self.cards.take_nj((self.process, *children))

    def call_watchers(self) -> None:
        """Charge all work that runs."""
        for watcher in tuple(self._watchers):
            watcher.charge_window()


_sessions: dict[Path, MeterSession] = {}
_opening = Lock()


def host_meter() -> Meter:
    """The best meter, with what `lichen meter calibrate` found of this machine in the user's home.

    Where a platform runs, its own settings and calibration count: it owns the meters.
    """
    calibration = user_data_path("lichen", appauthor=False) / CALIBRATION_FILE
    return best_meter(replace(BEST, paths=replace(BEST.paths, calibration=calibration)))


def session_of(folder: Path, meter: Callable[[], Meter] = host_meter) -> MeterSession:
    """This process's session on that folder, opened when it is first asked for.

    A fork starts its own: the sampler's thread stays with the parent.
    """
    with _opening:
        session = _sessions.get(folder)
        if session is None or session.closed:
            session = _sessions[folder] = MeterSession(folder, meter)
    return session


def close_sessions() -> None:
    """Let go of the meters now; the next metered block takes them again."""
    with _opening:
        sessions = tuple(_sessions.values())
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
