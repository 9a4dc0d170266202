"""A budget's file for those who lease no slice of it: how it stands, and what jobs hold (B2).

A job may outlive the process that set its cost aside, so what it holds is committed whole, and
whoever ends it settles it, by the moment in which it was set aside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock

from lichen.carbon.budgets.allowance_file import StepFile, identity, microseconds
from lichen.carbon.budgets.budget import Budget, Span
from lichen.carbon.budgets.standing import Counted, Standing, fitting_at, standing_of
from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput, Unavailable


class BudgetAccount:
    """The account of one budget, open in one process; any thread may ask."""

    def __init__(self, file: StepFile, budget: Budget, clock: Clock) -> None:
        self._file = file
        self._budget = budget
        self._clock = clock
        self._lock = Lock()
        self._known: Standing | None = None
        self._is_unwritten = self._is_closed = False

    @classmethod
    def open(cls, folder: Path, budget: Budget, clock: Clock) -> "BudgetAccount":
        """Open the budget's file in `folder`, or begin it.

        Raises:
            StorageFailed: the folder cannot be read or written.
            Corrupt: the file is damaged or foreign: nothing may be spent until it is seen to.
        """
        return cls(StepFile.open(folder, budget), budget, clock)

    @property
    def budget(self) -> Budget:
        """Whose account it is."""
        return self._budget

    def adopt(self, budget: Budget) -> None:
        """Take another limit of the same budget from now on.

        Raises:
            InvalidInput: it is another budget, which has a file of its own.
        """
        check_same(budget, self._budget)
        with self._lock:
            if budget != self._budget:
                self._budget, self._known = budget, None

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
        with self._locked(now) as step:
            if estimate > self._budget.limit - sum(self._file.counted(step).values()):
                return None
            self._add(step, estimate)
        return now

    def settle_held(self, since: datetime, estimate: int, actual: int) -> None:
        """Say what held work cost; what it cost beyond its estimate counts now.

        Raises:
            InvalidInput: it cost less than 0.
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        if actual < 0 or estimate < 0:
            raise InvalidInput(f"work cannot cost {actual} of {estimate}: give 0 or more")
        with self._locked(self._clock.now()) as step:
            if actual > estimate:
                self._add(step, actual - estimate)
            else:
                start_us = microseconds(self._budget.period.step_at(since).start)
                self._file.give_back(start_us, estimate - actual)

    def standing(self) -> Standing:
        """How the budget stands now.

        Raises:
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        now = self._clock.now()
        with self._lock:
            known = self._known
            if known is not None and not self._is_closed and self._file.is_unchanged(now):
                return known
        with self._locked(now) as step:
            known = self._known = standing_of(self._budget, step, self._file.counted(step))
        return known

    def fits_at(self, amount: int) -> datetime | None:
        """When `amount` will fit if nothing more is spent; None if it never will.

        Raises:
            Unavailable: it is closed, or the file's lock is held by a process that was stopped.
        """
        now = self._clock.now()
        return fitting_at(self._budget, self._counted(now)[1], amount, now)

    def close(self) -> None:
        """Let go of the file; what is held stays committed.

        Raises:
            StorageFailed: the disk does not take what was committed.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                if self._is_unwritten:
                    self._file.sync()
            finally:
                self._file.close()

    def _add(self, step: Span, amount: int) -> None:
        self._file.add(step, amount)
        self._is_unwritten = True

    def _counted(self, now: datetime) -> tuple[Span, Counted]:
        with self._locked(now) as step:
            return step, self._file.counted(step)

    @contextmanager
    def _locked(self, now: datetime) -> Iterator[Span]:
        step = self._budget.period.step_at(now)
        with self._lock:
            if self._is_closed:
                raise closed(self._budget)
            self._known = None  # whoever looks at the file knows another content of it
            with self._file.locked():
                yield step


def check_same(one: Budget, known: Budget) -> None:
    """Pass two limits of one budget.

    Raises:
        InvalidInput: they are two budgets, each with a file of its own.
    """
    if identity(one) != identity(known):
        raise InvalidInput(f"budget {one.name!r} has changed: open it anew")


def closed(budget: Budget) -> Unavailable:
    """What is told to those who ask after the end."""
    return Unavailable(f"budget {budget.name!r} is closed here: open it anew")
