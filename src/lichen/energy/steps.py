"""The steps of a raw energy counter, judged: what wrapped, what was reset, what cannot be (M1, M5).

A total is made of the steps that can be true and never goes back. One impossible value loses
nothing: the next good one carries on from the last. Where the counter itself began anew, the
energy between is not known; it is left out, and `losses` says so.
"""

from dataclasses import dataclass

from lichen.core.units import NANOSECONDS_PER_SECOND

SLACK_NS = NANOSECONDS_PER_SECOND
"""Counters are updated in lumps: a step may hold the energy of a second more than it seems to."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment by two clocks of the kernel, in nanoseconds: neither is the wall's.

    `awake_ns` stands while the machine is suspended, `boot_ns` runs on.
    """

    awake_ns: int
    boot_ns: int


class Steps:
    """One counter, in nanojoules; `most_watts` is more than what it covers can ever draw.

    `wraps_at_nj` is where the counter starts again at 0 by itself; None: it never does.
    """

    def __init__(
        self, raw_nj: int, at: Instant, most_watts: float, wraps_at_nj: int | None = None
    ) -> None:
        self.total_nj = 0
        self.losses = 0
        self.moved = at
        self._last_nj, self._last_at = raw_nj, at
        self._suspect: tuple[int, Instant] | None = None
        self._most_watts = most_watts
        self._wraps_at_nj = wraps_at_nj

    def take(self, raw_nj: int, at: Instant) -> None:
        """Take in what the counter shows now."""
        step_nj = self._forward(raw_nj - self._last_nj, self._last_at, at)
        if step_nj is None:
            step_nj = self._wrapped(raw_nj, at)
        if step_nj is None:
            step_nj = self._since_suspect(raw_nj, at)
        if step_nj is None:
            self._suspect = (raw_nj, at)
            return
        self._suspect = None
        if raw_nj != self._last_nj:
            self.total_nj += step_nj
            self._last_nj, self._last_at, self.moved = raw_nj, at, at

    def _forward(self, step_nj: int, since: Instant, at: Instant) -> int | None:
        """The step, if anything could have drawn it; in suspend a little is drawn as well."""
        elapsed_ns = max(0, at.boot_ns - since.boot_ns)
        return step_nj if 0 <= step_nj <= self._most_watts * (elapsed_ns + SLACK_NS) else None

    def _wrapped(self, raw_nj: int, at: Instant) -> int | None:
        """The step of a counter that went back, if it can have wrapped while the machine ran.

        After a suspend it is taken for one that began anew: nobody can tell the two apart.
        """
        if self._wraps_at_nj is None or raw_nj > self._last_nj:
            return None
        step_nj = raw_nj - self._last_nj + self._wraps_at_nj
        elapsed_ns = max(0, at.awake_ns - self._last_at.awake_ns)
        return step_nj if 0 <= step_nj <= self._most_watts * (elapsed_ns + SLACK_NS) else None

    def _since_suspect(self, raw_nj: int, at: Instant) -> int | None:
        """The step from the impossible value before, if the counter goes on from there: a loss."""
        if self._suspect is None:
            return None
        suspect_nj, since = self._suspect
        step_nj = self._forward(raw_nj - suspect_nj, since, at)
        if step_nj is not None:
            self.losses += 1
        return step_nj
