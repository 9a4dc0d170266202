"""What one process may spend of a budget: it leases slices and spends them without asking (B2).

A slice is committed in the budget's file before any of it is spent, so what is spent or reserved
never exceeds what is committed. A process that dies forfeits its open slice. Slices are small
beside what is left, and shrink with it, so little is stranded near the limit.

A changed limit counts what was spent before; a changed scope, period or quantity is another budget
with a file of its own, and returns to it when it is changed back.
"""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from threading import Lock

from lichen.carbon.allowance_file import StepFile, identity, leaves_at, microseconds
from lichen.carbon.budget import Budget, Span
from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput, Unavailable

SLICE_SHARE = 64
"""A slice is at most this part of what is left, or one estimate."""
_ESTIMATES = 8
_SHORT_NS, _LONG_NS = 50_000_000, 1_000_000_000
"""A slice that lasts less than the one is doubled, and halved beyond the other."""
_NO_STEP = Span(datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands, in its nano-unit. What other processes hold open counts as committed.

    `resets_at` is when the oldest of what is committed is forgotten; of nothing, when the step
    ends.
    """

    limit: int
    committed: int
    remaining: int
    resets_at: datetime


class Allowance:
    """One process's part of one budget; any thread may call it."""

    def __init__(self, file: StepFile, budget: Budget, clock: Clock) -> None:
        self._file = file
        self._budget = budget
        self._clock = clock
        self._lock = Lock()
        self._step = _NO_STEP
        self._start_s = self._end_s = 0
        self._left = self._in_flight = 0
        self._late: deque[tuple[int, int]] = deque()
        self._room = self._resets_s = 0
        self._slice = 0
        self._leased_ns = 0
        self._is_used = self._is_unwritten = self._is_closed = False

    @classmethod
    def open(cls, folder: Path, budget: Budget, clock: Clock) -> "Allowance":
        """Open the budget's file in `folder`, or begin it.

        Raises:
            StorageFailed: the folder cannot be read or written.
            Corrupt: the file is damaged or foreign: nothing may be spent until it is seen to.
        """
        return cls(StepFile.open(folder, budget), budget, clock)

    @property
    def budget(self) -> Budget:
        """Whose limit it keeps."""
        return self._budget

    def adopt(self, budget: Budget) -> None:
        """Keep another limit of the same budget from now on.

        Raises:
            InvalidInput: it is another budget, which has a file of its own.
        """
        if identity(budget) != identity(self._budget):
            raise InvalidInput(f"budget {budget.name!r} has changed: open it anew")
        with self._lock:
            self._room += budget.limit - self._budget.limit
            self._budget = budget

    def reserve(self, estimate: int) -> bool:
        """Set aside at most what work will cost; False when the budget does not hold it.

        Raises:
            InvalidInput: the estimate is below 0.
        """
        with self._lock:
            if (
                0 <= estimate <= self._left
                and self._start_s <= self._clock.unix_seconds() < self._end_s
            ):
                self._left -= estimate
                self._in_flight += estimate
                self._is_used = True
                return True
            return self._reserve_more(estimate)

    def settle(self, estimate: int, actual: int) -> None:
        """Say what work cost for which `estimate` was set aside here.

        After `close` nothing changes: the estimate stays committed.

        Raises:
            InvalidInput: it cost less than 0.
        """
        if actual < 0 or estimate < 0:
            raise InvalidInput(f"work cannot cost {actual} of {estimate}: give 0 or more")
        with self._lock:
            if self._late:
                self._settle_late(estimate, actual)
                return
            self._in_flight -= estimate
            self._left += estimate - actual
            if self._left < 0:
                self._cover()

    def hold(self, estimate: int) -> datetime | None:
        """Commit what work will cost that may outlive this process, as a job may; None: no room.

        Give the moment to `settle_held`, in whichever process.

        Raises:
            InvalidInput: the estimate is below 0.
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        if estimate < 0:
            raise InvalidInput(f"an estimate of {estimate} is not usable: give 0 or more")
        now = self._clock.now()
        with self._lock, self._open_file().locked():
            self._enter(now)
            self._give_back()
            if estimate > self._look():
                return None
            self._commit(estimate)
        return now

    def settle_held(self, since: datetime, estimate: int, actual: int) -> None:
        """Say what held work cost; what it cost beyond its estimate counts now.

        Raises:
            InvalidInput: it cost less than 0.
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        if actual < 0 or estimate < 0:
            raise InvalidInput(f"work cannot cost {actual} of {estimate}: give 0 or more")
        start_us = microseconds(self._budget.period.step_at(since).start)
        with self._lock, self._open_file().locked():
            self._enter(self._clock.now())
            if actual > estimate:
                self._commit(actual - estimate)
            else:
                self._file.give_back(start_us, estimate - actual)
            self._look()

    @property
    def remaining(self) -> int:
        """What is left as far as this process knows without asking: see `tend`."""
        return max(0, self._room + self._left)

    @property
    def resets_unix_s(self) -> int:
        """When some of it comes back, in seconds since 1970, as far as this process knows."""
        return self._resets_s

    def standing(self) -> Standing:
        """How the budget stands now.

        Raises:
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        now = self._clock.now()
        with self._lock:
            step, counted = self._counted(now)
            left = self._left if microseconds(self._step.start) in counted else 0
            limit = self._budget.limit
        committed = max(0, sum(counted.values()) - left)
        oldest = next(iter(counted), None)
        resets_at = step.end if oldest is None else leaves_at(self._budget.period, oldest)
        return Standing(limit, committed, max(0, limit - committed), resets_at)

    def fits_at(self, amount: int) -> datetime | None:
        """When `amount` will fit if nothing more is spent; None if it never will.

        Raises:
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        now = self._clock.now()
        with self._lock:
            _, counted = self._counted(now)
            limit = self._budget.limit
        committed = sum(counted.values())
        if committed + amount <= limit:
            return now
        for start_us, one in counted.items():
            committed -= one
            if committed + amount <= limit:
                return leaves_at(self._budget.period, start_us)
        return None

    def tend(self) -> None:
        """Look after it: for once a second, off the path of requests.

        Gives back what was not used since the last time, learns what the others took, and has the
        disk hold what was committed: a power failure loses what was committed since, and no more.
        What cannot be done now is left for the next time.

        Raises:
            StorageFailed: the disk does not take it.
        """
        now = self._clock.now()
        with self._lock:
            if self._is_closed:
                return
            try:
                self._refresh(now)
            except Unavailable:
                return
            is_unwritten, self._is_unwritten = self._is_unwritten, False
        if is_unwritten:
            self._file.sync()

    def close(self) -> None:
        """Give back the open slice; what is in flight stays committed by its estimate."""
        now = self._clock.now()
        with self._lock:
            if self._is_closed:
                return
            try:
                with self._file.locked():
                    self._enter(now)
                    self._give_back()
                self._file.sync()
            except Unavailable:
                pass  # the slice is forfeited, as a crash would
            finally:
                self._is_closed = True
                self._left = self._room = self._end_s = 0
                self._file.close()

    def _reserve_more(self, estimate: int) -> bool:
        """Lease another slice, in the step that is now."""
        if estimate < 0:
            raise InvalidInput(f"an estimate of {estimate} is not usable: give 0 or more")
        if self._is_closed or estimate > self._budget.limit:
            return False
        now = self._clock.now()
        if estimate > self._left or not self._step.start <= now < self._step.end:
            try:
                with self._file.locked():
                    self._enter(now)
                    self._lease(estimate)
            except Unavailable:
                return False
            if estimate > self._left:
                return False
        self._left -= estimate
        self._in_flight += estimate
        self._is_used = True
        return True

    def _lease(self, estimate: int) -> None:
        missing = estimate - self._left
        if missing <= 0:
            return
        available = self._look()
        if missing > available:
            return
        now_ns = self._clock.monotonic_ns()
        lasted_ns, self._leased_ns = now_ns - self._leased_ns, now_ns
        if lasted_ns < _SHORT_NS:
            self._slice *= 2
        elif lasted_ns > _LONG_NS:
            self._slice //= 2
        self._slice = min(max(self._slice, _ESTIMATES * estimate), available // SLICE_SHARE)
        amount = max(missing, self._slice)
        self._commit(amount)
        self._left += amount

    def _enter(self, now: datetime) -> None:
        """Be in the step that is now; what is left of another is given back to that one."""
        if self._step.start <= now < self._step.end:
            return
        former, self._step = self._step, self._budget.period.step_at(now)
        self._start_s = int(self._step.start.timestamp())
        self._end_s = int(self._step.end.timestamp())
        if former is _NO_STEP:
            return
        start_us = microseconds(former.start)
        if self._left > 0:
            self._file.give_back(start_us, self._left)
            self._left = 0
        if self._in_flight > 0:
            self._late.append((start_us, self._in_flight))
        self._in_flight = 0

    def _give_back(self) -> None:
        if self._left > 0:
            self._file.give_back(microseconds(self._step.start), self._left)
            self._room += self._left
            self._left = 0
            self._is_unwritten = True
        elif self._left < 0:
            self._commit(-self._left)
            self._left = 0

    def _commit(self, amount: int) -> None:
        self._file.add(self._step, amount)
        self._room -= amount
        self._is_unwritten = True

    def _look(self) -> int:
        """What nobody has committed of the limit now."""
        counted = self._file.counted(self._step)
        self._room = self._budget.limit - sum(counted.values())
        period, oldest = self._budget.period, next(iter(counted), None)
        leaves = self._step.end if oldest is None else leaves_at(period, oldest)
        self._resets_s = ceil(leaves.timestamp())
        return self._room

    def _settle_late(self, estimate: int, actual: int) -> None:
        """Something is in flight from an earlier step: what is over returns there, not here.

        Which of several it is nobody knows: the oldest, so out of order as much as was in flight
        when the step ended may be counted in the wrong one of the two.
        """
        start_us = self._late[0][0]
        rest = estimate
        while rest and self._late:
            step_us, amount = self._late.popleft()
            if amount > rest:
                self._late.appendleft((step_us, amount - rest))
            rest -= min(rest, amount)
        self._in_flight -= rest
        if actual > estimate:
            self._left -= actual - estimate
            if self._left < 0:
                self._cover()
        elif not self._is_closed:
            try:
                with self._file.locked():
                    self._file.give_back(start_us, estimate - actual)
            except Unavailable:
                pass  # it stays committed: errs towards refusing

    def _cover(self) -> None:
        """Commit what work cost beyond all that was leased, whatever the limit: it is spent."""
        if self._is_closed:
            return
        try:
            with self._file.locked():
                self._enter(self._clock.now())
                self._give_back()
        except Unavailable:
            pass  # it stays owed, and whatever is leased next pays it

    def _refresh(self, now: datetime) -> None:
        with self._file.locked():
            self._enter(now)
            if not self._is_used:
                self._give_back()
            self._is_used = False
            self._look()

    def _counted(self, now: datetime) -> tuple[Span, dict[int, int]]:
        step = self._budget.period.step_at(now)
        with self._open_file().locked():
            return step, dict(self._file.counted(step))

    def _open_file(self) -> StepFile:
        if self._is_closed:
            raise Unavailable(f"budget {self._budget.name!r} is closed here: open it anew")
        return self._file
