"""The open slice of one process at its budget's file: leased, given back, moved on by steps (B2).

A slice is committed in the file before any of it is spent, so what is spent or reserved never
exceeds what is committed. Slices are small beside what is left, and shrink with it, so little is
stranded near the limit.
"""

from datetime import UTC, datetime
from math import ceil
from threading import Lock

from lichen.carbon.budgets.allowance_file import StepFile, microseconds
from lichen.carbon.budgets.budget import Budget, Span
from lichen.carbon.budgets.budget_account import closed
from lichen.carbon.budgets.late_work import LateWork
from lichen.carbon.budgets.slices import SliceSize
from lichen.carbon.budgets.standing import Counted, returns_at
from lichen.core.clock import Clock
from lichen.core.errors import Corrupt, InvalidInput, Unavailable

_NO_STEP = Span(datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))


class Lease:
    """What an `Allowance` does at the file, all with its lock held; the fields are its fast path's.

    `_left` of what was leased is not set aside; below 0 it is owed. `_in_flight` is set aside.
    `_room` is what nobody had committed of the limit when the file was looked at last.
    """

    def __init__(self, file: StepFile, budget: Budget, clock: Clock) -> None:
        self._file = file
        self._budget = budget
        self._clock = clock
        self._lock = Lock()
        self._step = _NO_STEP
        self._start_s = self._end_s = 0
        self._left = self._in_flight = 0
        self._late = LateWork()
        self._room = self._resets_s = 0
        self._looked: Counted | None = None
        self._slices = SliceSize()
        self._is_used = self._is_unwritten = self._is_closed = False

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
            except (Unavailable, Corrupt):
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
        amount = max(missing, self._slices.next(estimate, available, self._clock.monotonic_ns()))
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
        if counted is not self._looked:  # the same object as long as nothing has changed
            self._resets_s = ceil(returns_at(self._budget, self._step, counted).timestamp())
            self._looked = counted
        return self._room

    def _settle_late(self, estimate: int, actual: int) -> None:
        """Something is in flight from an earlier step: what is over returns there, not here."""
        start_us, rest = self._late.take(estimate)
        self._in_flight -= rest
        if actual > estimate:
            self._left -= actual - estimate
            if self._left < 0:
                self._cover()
        elif not self._is_closed:
            try:
                with self._file.locked():
                    self._file.give_back(start_us, estimate - actual)
            except (Unavailable, Corrupt):
                pass  # it stays committed: errs towards refusing

    def _cover(self) -> None:
        """Commit what work cost beyond all that was leased, whatever the limit: it is spent."""
        if self._is_closed:
            return
        try:
            with self._file.locked():
                self._enter(self._clock.now())
                self._give_back()
        except (Unavailable, Corrupt):
            pass  # it stays owed, and whatever is leased next pays it

    def _refresh(self, now: datetime) -> None:
        with self._file.locked():
            self._enter(now)
            if not self._is_used:
                self._give_back()
            self._is_used = False
            self._look()

    def _counted(self, now: datetime) -> tuple[Span, Counted]:
        if self._is_closed:
            raise closed(self._budget)
        step = self._budget.period.step_at(now)
        with self._file.locked():
            return step, self._file.counted(step)
