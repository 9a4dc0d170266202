"""The window that is open now: from one closing reading of the meter to the next (M3)."""

from datetime import UTC, datetime, timedelta

from lichen.core.clock import Clock
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.meter import Meter, OwnCpu, Reading, Window
from lichen.energy.page import PageContent, PageWriter

WINDOW_NS = NANOSECONDS_PER_SECOND
SAMPLE_NS = NANOSECONDS_PER_SECOND // 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_ns(moment: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond that a datetime holds."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def moment_of(unix_nanoseconds: int) -> datetime:
    """The UTC moment of nanoseconds since 1970, to the microsecond."""
    return _EPOCH + timedelta(microseconds=unix_nanoseconds // 1000)


class OpenWindow:
    """What the owner keeps between closings: the last reading, the page, the rate in force.

    `carried_ns` is CPU time of our processes that this owner saw, while following, after the
    last window of the owner before: nobody metered it, and it is booked at the first rate.
    """

    def __init__(
        self, meter: Meter, writer: PageWriter, clock: Clock, own: OwnCpu, carried_ns: int = 0
    ) -> None:
        self.meter = meter
        self._writer = writer
        self._clock = clock
        self._carried_ns = carried_ns
        now = clock.now()
        last = writer.last()
        self._content = last or PageContent(0, 0, unix_ns(now), 0, 0, 0, meter.rate(0))
        self._unmetered_ns = max(0, unix_ns(now) - self._content.ended_unix_ns)
        self._started_at, self._started_ns = now, clock.monotonic_ns()
        self._reading = meter.read(own)
        self._rate = meter.rate(self._content.window)
        self._publish(self._content.ended_unix_ns, 0, 0, 0)

    @property
    def reading(self) -> Reading:
        """The reading at which it was opened."""
        return self._reading

    def due(self) -> bool:
        """Whether it has run for its second, to half a sample."""
        return self._clock.monotonic_ns() - self._started_ns >= WINDOW_NS - SAMPLE_NS // 2

    def close(self, own: OwnCpu) -> Window:
        """Close it, publish the next rate, and open the next.

        A clock that was set back while it ran makes a window of no length, never one that ends
        before it starts: what was charged in it must reach the books (A3).
        """
        now, now_ns = self._clock.now(), self._clock.monotonic_ns()
        before, after = self._reading, self.meter.read(own)
        carried_nj = self._rate.nanojoules(self._carried_ns)
        energy_nj = after.host_nj - before.host_nj + carried_nj
        idle_nj = after.idle_nj - before.idle_nj
        busy_ns = after.busy_cpu_ns - before.busy_cpu_ns + self._carried_ns
        number = self._content.window + 1
        window = Window(
            number,
            self._started_at,
            max(now, self._started_at),
            energy_nj,
            idle_nj,
            busy_ns,
            self._rate,
            self._unmetered_ns,
            after.accelerator_nj - before.accelerator_nj,
            after.unmetered_ns - before.unmetered_ns,
        )
        self._rate = self.meter.rate(number)
        self._publish(unix_ns(now), energy_nj, idle_nj, busy_ns, number)
        self._reading, self._started_at, self._started_ns = after, now, now_ns
        self._carried_ns = self._unmetered_ns = 0
        return window

    def _publish(
        self, ended_ns: int, energy_nj: int, idle_nj: int, busy_ns: int, number: int | None = None
    ) -> None:
        last = self._content
        self._content = PageContent(
            window=last.window if number is None else number,
            started_unix_ns=unix_ns(self._started_at),
            ended_unix_ns=ended_ns,
            host_nj=last.host_nj + energy_nj,
            idle_nj=last.idle_nj + idle_nj,
            busy_cpu_ns=last.busy_cpu_ns + busy_ns,
            rate=self._rate,
        )
        self._writer.publish(self._content)

    def release(self) -> None:
        """Let go of the meter and the page."""
        self.meter.close()
        self._writer.close()


def window_between(before: PageContent, after: PageContent, accelerator_nj: int = 0) -> Window:
    """What a follower sees: all that was published between two looks at the page."""
    return Window(
        after.window,
        moment_of(before.ended_unix_ns),
        moment_of(max(before.ended_unix_ns, after.ended_unix_ns)),
        after.host_nj - before.host_nj,
        after.idle_nj - before.idle_nj,
        after.busy_cpu_ns - before.busy_cpu_ns,
        before.rate,
        accelerator_nj=accelerator_nj,
    )
