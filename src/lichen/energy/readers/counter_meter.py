"""A meter on a source of counted energy: learns the rate, and stands in where the source is silent.

What is booked follows the counter. Between two of its updates, and while it cannot be read, the
CPU time is booked at the rate in force, which is what work is charged with (A3); once the counter
is back, what it counted meanwhile is booked as well. Where its energy is lost for good, what stood
in stays, and the window says for how long it was unmetered (M5).
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from time import monotonic_ns

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.page import Rate
from lichen.energy.power.idle import IdlePower
from lichen.energy.power.learning import LearnedRate
from lichen.energy.readers.source import EnergySource, Total
from lichen.energy.steps import Instant

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has it; elsewhere this file is loaded to say that there are no counters."""
SILENT = ", silent: the last rate"
"""Added to the source of figures that the last rate stands in for."""
SLEPT_NS = NANOSECONDS_PER_SECOND // 2
"""Clocks that part by more than this between two looks say that the machine was suspended."""


def boottime_ns() -> int:
    """Nanoseconds since the machine started, suspends included."""
    return time.clock_gettime_ns(_BOOTTIME)


class Clocks:
    """The two clocks a counter is judged by; tests move them by hand."""

    def __init__(
        self, awake_ns: Callable[[], int] = monotonic_ns, boot_ns: Callable[[], int] = boottime_ns
    ) -> None:
        self._awake_ns = awake_ns
        self._boot_ns = boot_ns

    def instant(self) -> Instant:
        """Now."""
        return Instant(self._awake_ns(), self._boot_ns())


class CounterMeter:
    """What a source of counted energy says this host used.

    The idle share is a learned one: until a quiet second was seen it is the published prior,
    and figures say `mixed` (M4).
    """

    def __init__(
        self,
        source: EnergySource,
        host: HostCpu | None = None,
        threads: int | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._source = source
        self._host = host or HostCpu()
        self._clocks = clocks or Clocks()
        self._idle = IdlePower(self.threads)
        self._learned = LearnedRate()
        self._in_force = self._learned.nj_per_cpu_ns
        self._silent: str | None = None
        self._begun = False
        self._at = self._clocks.instant()
        self._idle_to_ns = self._unmetered_to_ns = self._at.awake_ns
        self._last = Reading(0, 0, 0, self._at.awake_ns)
        self._counted = Total(0, 0)
        self._offset_nj = 0
        self._fresh = self._rated = self._last

    @property
    def name(self) -> str:
        """As its source is called."""
        return self._source.name

    @property
    def method(self) -> Method:
        """As its source obtains it."""
        return self._source.method

    @property
    def source(self) -> str:
        """Which counters; and since when silent, if they are."""
        return self._source.source + (SILENT if self._silent else "")

    @property
    def trouble(self) -> str | None:
        """Why the counters cannot be read now; None when they can."""
        return self._silent

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        """What was used since this meter was made; it does not raise when the source is silent."""
        before, self._at = self._at, self._clocks.instant()
        slept = self._slept(before)
        busy_ns = self._host.read(own)
        first, self._begun = not self._begun, True
        if first:  # CPU time before the first look is none that this meter saw the energy of
            self._last = replace(self._last, busy_cpu_ns=busy_ns)
        try:
            total = self._source.total(self._at)
        except Unavailable as error:
            self._silent = str(error)
            self._stand_in(busy_ns, unmetered_ns=self._unmetered_since(before.awake_ns))
            return self._last
        self._silent = None
        self._take(total, busy_ns, slept=slept)
        if first:
            self._fresh = self._rated = replace(
                self._fresh, busy_cpu_ns=busy_ns, at_ns=self._at.awake_ns
            )
        return self._last

    def _take(self, total: Total, busy_ns: int, *, slept: bool) -> None:
        if total.losses != self._counted.losses:
            self._stand_in(busy_ns, unmetered_ns=self._unmetered_since(self._fresh.at_ns))
            self._begin_anew(total)
        elif total.nj == self._counted.nj:
            self._stand_in(busy_ns, idle=True)
        else:
            self._follow(total, busy_ns, slept=slept)

    def _slept(self, before: Instant) -> bool:
        awake_ns = self._at.awake_ns - before.awake_ns
        return self._at.boot_ns - before.boot_ns - awake_ns > SLEPT_NS

    def _unmetered_since(self, awake_ns: int) -> int:
        """Time since then of which the counter told nothing, each moment counted once."""
        since_ns = max(awake_ns, self._unmetered_to_ns)
        self._unmetered_to_ns = self._at.awake_ns
        return max(0, self._at.awake_ns - since_ns)

    def _stand_in(self, busy_ns: int, *, idle: bool = False, unmetered_ns: int = 0) -> None:
        """Book the CPU time at the rate in force; idling only between two updates of a counter."""
        dynamic_nj = round(max(0, busy_ns - self._last.busy_cpu_ns) * self._in_force)
        idle_nj = self._idle_step_nj() if idle and self._idle.learned else 0
        self._book(self._last.host_nj + dynamic_nj + idle_nj, idle_nj, busy_ns, unmetered_ns)

    def _follow(self, total: Total, busy_ns: int, *, slept: bool) -> None:
        """The counter moved: book up to where it stands, never back."""
        host_nj = max(self._last.host_nj, total.nj + self._offset_nj)
        step_nj = host_nj - self._last.host_nj
        idle_nj = step_nj if slept else min(step_nj, self._idle_step_nj())
        self._book(host_nj, idle_nj, busy_ns, 0)
        self._learn_from(total, busy_ns, slept=slept)
        self._counted = total

    def _learn_from(self, total: Total, busy_ns: int, *, slept: bool) -> None:
        """Keep the counter as it stands, for the next rate; a suspend teaches nothing."""
        step_nj = total.nj - self._counted.nj
        idle_nj = int((self._at.awake_ns - self._fresh.at_ns) * self._idle.watts)
        self._fresh = Reading(
            self._fresh.host_nj + step_nj,
            self._fresh.idle_nj + min(step_nj, idle_nj),
            busy_ns,
            self._at.awake_ns,
        )
        if slept:
            self._rated = self._fresh

    def _begin_anew(self, total: Total) -> None:
        """Energy was lost: what is booked is the truth from here on, and nothing is learned."""
        self._offset_nj = self._last.host_nj - total.nj
        self._counted = total
        self._fresh = self._rated = Reading(0, 0, self._last.busy_cpu_ns, self._at.awake_ns)

    def _idle_step_nj(self) -> int:
        """What idling drew since it was booked last; one watt is one nanojoule per nanosecond."""
        return int((self._at.awake_ns - self._idle_to_ns) * self._idle.watts)

    def _book(self, host_nj: int, idle_nj: int, busy_ns: int, unmetered_ns: int) -> None:
        if idle_nj:
            self._idle_to_ns = self._at.awake_ns
        self._last = Reading(
            host_nj,
            self._last.idle_nj + idle_nj,
            busy_ns,
            self._at.awake_ns,
            unmetered_ns=self._last.unmetered_ns + unmetered_ns,
        )

    def rate(self, window: int) -> Rate:
        """Learned from the counter so far, starting at the published prior."""
        before, after = self._rated, self._fresh
        if after.at_ns > before.at_ns:
            self._rated = after
            self._learned.learn(before, after)
            self._idle.learn(before, after, self._learned.nj_per_cpu_ns)
        self._in_force = self._learned.nj_per_cpu_ns
        spread = self._idle.spread_of(before, after)
        return self._learned.rate(self._method_now(), self.source, window, spread)

    def _method_now(self) -> Method:
        if self._silent is not None:
            return Method.MODELLED
        if self._source.method is Method.MEASURED and not self._idle.learned:
            return Method.MIXED
        return self._source.method

    def close(self) -> None:
        """Let go of the source and of /proc/stat."""
        self._source.close()
        self._host.close()
