"""What one process may spend of a budget: it leases slices and spends them without asking (B2).

Setting aside and paying within a slice take under a microsecond; the file is asked when a slice is
used up. A process that dies forfeits its open slice.

A changed limit counts what was spent before; a changed scope, period or quantity is another budget
with a file of its own, and returns to it when it is changed back.
"""

from datetime import datetime
from pathlib import Path

from lichen.carbon.budgets.allowance_file import StepFile, microseconds
from lichen.carbon.budgets.budget import Budget
from lichen.carbon.budgets.budget_account import check_same
from lichen.carbon.budgets.lease import Lease
from lichen.carbon.budgets.standing import Standing, fitting_at, standing_of
from lichen.core.clock import Clock
from lichen.core.errors import Corrupt, InvalidInput, Unavailable


class Allowance(Lease):
    """One process's part of one budget; any thread may call it."""

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
        check_same(budget, self._budget)
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
        return standing_of(self._budget, step, counted, left)

    def fits_at(self, amount: int) -> datetime | None:
        """When `amount` will fit if nothing more is spent; None if it never will.

        Raises:
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        now = self._clock.now()
        with self._lock:
            _, counted = self._counted(now)
        return fitting_at(self._budget, counted, amount, now)

    def tend(self) -> None:
        """Look after it: for once a second, off the path of requests.

        Gives back what was not used since the last time, learns what the others took, and has the
        disk hold what was committed: a power failure loses what was committed since, and no more.
        What cannot be done now is left for the next time.

        Raises:
            StorageFailed: the disk does not take it.
            Corrupt: the file was damaged or removed: open it anew.
        """
        now = self._clock.now()
        with self._lock:
            if self._is_closed:
                return
            if not (self._left or self._is_used or self._is_unwritten) and (
                self._file.is_unchanged(now)
            ):
                return  # so that a thousand idle budgets cost next to nothing
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
            except (Unavailable, Corrupt):
                pass  # the slice is forfeited, as a crash would
            finally:
                self._is_closed = True
                self._left = self._room = self._end_s = 0
                self._file.close()
