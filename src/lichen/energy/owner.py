"""The owner of a host's meters: samples at 10 Hz, closes a window each second (M3).

Whoever holds the meter lock owns the meters and publishes the page. Everybody else follows: the
same `tick` then gives the windows that the owner published, and takes over when the owner ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import LichenError, Unavailable
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.cards.shares import SharedReadings, SharesWriter, read_shares
from lichen.energy.lock import MeterLock
from lichen.energy.meter import Meter, OwnCpu, Window
from lichen.energy.open_window import OpenWindow, moment_of, unix_ns, window_between
from lichen.energy.page import PageContent, PageReader, PageWriter
from lichen.energy.probe import best_meter
from lichen.energy.processes import Processes
from lichen.energy.readings import ProcessReading

PATIENCE_NS = 5 * NANOSECONDS_PER_SECOND
"""How long a meter that could not be opened is left alone: an endpoint may take long to refuse."""


@dataclass(frozen=True, slots=True)
class MeteredWindow:
    """A closed window and what our processes did in it: what `closing.close` takes."""

    window: Window
    readings: tuple[ProcessReading, ...]


class MeterOwner:
    """Owns the meters of this host, or follows whoever does.

    Call `tick` about ten times a second; `close` ends it. `meter` makes the meter when this process
    becomes the owner; without it the best one is taken.

    Raises:
        StorageFailed: the runtime folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        meter: Callable[[], Meter] = best_meter,
        clock: Clock | None = None,
    ) -> None:
        self._folder = folder
        self._make_meter = meter
        self._clock = clock or SystemClock()
        self._lock = MeterLock(folder)
        self._processes = Processes(folder)
        self._page: PageReader | None = None
        self._followed: PageContent | None = None
        self._booked_cpu_ns = 0
        self._patience_ns = self._clock.monotonic_ns()
        self._shared = SharedReadings()
        self._shares: SharesWriter | None = None
        self._owned: OpenWindow | None = self._become_owner()

    @property
    def owns(self) -> bool:
        """Whether this process holds the meter lock."""
        return self._owned is not None

    @property
    def meter(self) -> Meter | None:
        """The meter, if this process owns it."""
        return self._owned.meter if self._owned else None

    def page(self) -> PageReader:
        """A reader of the page, ours or the other owner's.

        Raises:
            Unavailable: the other owner has not published yet.
        """
        return PageReader.open(self._folder)

    def tick(self) -> MeteredWindow | None:
        """Sample once; the window, when one is full. About 10 times a second."""
        self._owned = self._owned or self._become_owner()
        if self._owned is None:
            return self._follow()
        due = self._owned.due()
        own = self._processes.sample(closing=due)
        if not due:
            self._owned.meter.read(own)
            return None
        return self._close_window(self._owned, own)

    def flush(self) -> MeteredWindow | None:
        """Close the open window now, however short it is; nothing before the first page."""
        if self._owned is not None:
            return self._close_window(self._owned, self._processes.sample(closing=True))
        return None if self._followed is None else self._rest_after(self._followed)

    def _become_owner(self) -> OpenWindow | None:
        if self._clock.monotonic_ns() < self._patience_ns or not self._lock.take():
            return None
        try:
            own = self._processes.sample()
            carried_ns = own.cpu_ns - self._booked_cpu_ns
            page = PageWriter(self._folder)
            meter = self._make_meter()
        except LichenError:
            self._lock.release()
            self._patience_ns = self._clock.monotonic_ns() + PATIENCE_NS
            raise
        self._shares = SharesWriter(self._folder, unix_ns(self._clock.now()))
        return OpenWindow(meter, page, self._clock, own, carried_ns)

    def _close_window(self, owned: OpenWindow, own: OwnCpu) -> MeteredWindow:
        window = owned.close(own)
        self._processes.sweep()
        assert self._shares is not None  # noqa: S101 - it comes with the meter
        shares = self._shares.publish(owned.reading)
        return MeteredWindow(window, self._shared.add(self._processes.readings(), shares))

    def _follow(self) -> MeteredWindow | None:
        """The window that the other owner has published since the last look."""
        try:
            self._page = self._page or PageReader.open(self._folder)
            now = self._page.content()
        except Unavailable:
            return None
        if self._followed is None:
            self._shared.begin(read_shares(self._folder))
        before = self._followed or now
        self._followed = now
        full = before.window != now.window
        own = self._processes.sample(closing=full)
        if not full:
            return None
        self._booked_cpu_ns = own.cpu_ns
        shares = read_shares(self._folder)
        window = window_between(before, now, self._shared.step_nj(shares))
        return MeteredWindow(window, self._shared.add(self._processes.readings(), shares))

    def _rest_after(self, last: PageContent) -> MeteredWindow:
        """What our processes did since the last window of the owner that is followed.

        Nobody has metered it for us: like CPU time carried over when an owner ends, it is booked
        at the rate with which its work was charged.
        """
        now_ns = self._processes.sample(closing=True).cpu_ns
        cpu_ns, self._booked_cpu_ns = now_ns - self._booked_cpu_ns, now_ns
        started = moment_of(last.ended_unix_ns)
        ended = max(started, self._clock.now())
        energy_nj = last.rate.nanojoules(cpu_ns)
        window = Window(last.window + 1, started, ended, energy_nj, 0, cpu_ns, last.rate)
        return MeteredWindow(window, self._processes.readings())

    def close(self) -> None:
        """Let go of the meter, the page and the lock; a follower takes over at its next tick."""
        if self._owned is not None:
            self._owned.release()
            self._owned = None
        if self._page is not None:
            self._page.close()
            self._page = None
        self._followed = None
        self._processes.close()
        self._lock.close()
