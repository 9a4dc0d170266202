"""What the worker's attempts have set aside of budgets: before they start, and on as they run (B2).

A reservation that an attempt leaves behind without a word stays committed until its period ends: it
errs towards refusing. Nothing of it is kept elsewhere, so a killed worker forfeits all of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path

from lichen.carbon.budgets.allowance_file import identity
from lichen.carbon.budgets.budget import Budget, Quantity, Verdict
from lichen.carbon.budgets.budget_records import budget_named
from lichen.control.estimates import Estimate, spent_of
from lichen.control.rationing import ALLOWED, Asked, Ruling, left_of, ruling, symbol_of
from lichen.control.transitions import JobRecord
from lichen.core.clock import Clock, rfc3339
from lichen.core.errors import LichenError
from lichen.core.units import NANOSECONDS_PER_SECOND, readable
from lichen.server.home import Home
from lichen.server.pricing import Pricing
from lichen.server.work.attempt import CHECKPOINTS
from lichen.server.work.job_budgets import JobBudgets
from lichen.server.work.spending import attempt_cost, kept_receipt
from lichen.store.documents import DocumentStore

LOOK_NS = NANOSECONDS_PER_SECOND
"""As often as jobs are charged (A4)."""
CHUNKS = 4
"""A job that costs more than was set aside gets more of it in such parts."""
WINDOWS_AHEAD, WINDOWS_A_CHUNK = 4, 10
"""More is asked for when so many windows at the last one's cost are left, and for so many at least;
with fewer to be had than the second, the attempt is to stop at its next checkpoint."""
BLOCKED_SECONDS = 60.0
"""A budget whose file cannot be read lets a job wait for so long."""


class Pace(IntEnum):
    """How a running attempt is to go on."""

    GO = 0
    STOP_SOON = 1
    STOP_NOW = 2


@dataclass(slots=True)
class Reservation:
    """What is set aside of one budget for one attempt.

    Attributes:
        budget: whose.
        estimate: what the whole job may cost.
        since: when it was set aside, in which step it is committed.
        amount: how much.
        base: what the attempt had been charged by then.
        chunk: by how much it grows.
        seen: what the attempt had been charged when it was last looked at.
    """

    budget: Budget
    estimate: Estimate
    since: datetime
    amount: int
    chunk: int
    base: int = 0
    seen: int = 0


@dataclass(slots=True)
class _Rationed:
    """One attempt, and what is set aside for it."""

    folder: Path
    reserved: list[Reservation]
    fence: int = 0
    look_at_ns: int = 0
    pace: Pace = Pace.GO
    stopped_by: Reservation | None = None

    @property
    def has_saved(self) -> bool:
        """Whether the attempt wrote a checkpoint, from which the next one goes on."""
        return any((self.folder / CHECKPOINTS).glob(f"*.{self.fence:06d}"))


class JobRations:
    """Sets aside for attempts, and settles; for the worker's one thread."""

    def __init__(self, documents: DocumentStore, home: Home, prices: Pricing, clock: Clock) -> None:
        self._documents = documents
        self._home = home
        self._prices = prices
        self._clock = clock
        self._budgets = JobBudgets(documents, home, prices, clock)
        self._attempts: dict[str, _Rationed] = {}

    def judge(self, job: JobRecord) -> Ruling:
        """Whether a job may start; if so, what it may cost is set aside of every budget."""
        held: list[Reservation] = []
        for budget in self._budgets.covering(job.kind, job.tenant):
            answer = self._begun(budget, job)
            if isinstance(answer, Ruling):
                for one in held:
                    self._settle(one, 0)
                return answer
            held.append(answer)
        self._attempts[job.id] = _Rationed(self._home.job(job.id), held)
        return ALLOWED

    def begin(self, job_id: str, fence: int) -> None:
        """The attempt runs under this fence."""
        self._attempts[job_id].fence = fence

    def look(self, job_id: str) -> Pace:
        """How an attempt is to go on; sets aside more for it where that is needed."""
        attempt = self._attempts.get(job_id)
        if attempt is None or not attempt.reserved:
            return Pace.GO
        now_ns = self._clock.monotonic_ns()
        if now_ns >= attempt.look_at_ns:
            attempt.look_at_ns = now_ns + LOOK_NS
            for one in list(attempt.reserved):
                charged = self._charged(attempt, one)
                pace = self._look_at(attempt, one, charged)
                if pace > attempt.pace:
                    attempt.pace, attempt.stopped_by = pace, one
        return attempt.pace

    def end(self, job_id: str, *, forfeits: bool = False) -> bool:
        """Settle what an attempt cost, or leave it committed; whether anything was set aside."""
        attempt = self._attempts.pop(job_id, None)
        if attempt is None:
            return False
        for one in attempt.reserved if not forfeits else ():
            self._settle(one, self._charged(attempt, one) - one.base)
        return bool(attempt.reserved)

    def stopped(self, job_id: str) -> Ruling | None:
        """What becomes of an attempt that was told to stop: it is settled; None if it was not."""
        attempt = self._attempts.get(job_id)
        if attempt is None or attempt.stopped_by is None:
            return None
        self.end(job_id)
        last = attempt.stopped_by
        if last.seen * 10 >= last.budget.limit * 9 and not attempt.has_saved:
            return _too_small(last)
        return self._out_of(last, attempt.folder)

    def _begun(self, budget: Budget, job: JobRecord) -> Reservation | Ruling:
        estimate = self._budgets.estimate(job.kind, job.spec, job.tenant, budget)
        spent = self._spent(self._home.job(job.id), budget)
        try:
            with self._budgets.opened(budget) as account:
                asked = self._budgets.asked(account, estimate, spent)
                since = account.hold(asked.need)
                if since is None:
                    return _not_now(ruling(self._budgets.asked(account, estimate, spent)), asked)
        except LichenError as error:
            later = self._clock.now() + timedelta(seconds=BLOCKED_SECONDS)
            return Ruling(Verdict.DEFER, f"{error}; it is asked again at {rfc3339(later)}", later)
        return Reservation(budget, estimate, since, asked.need, max(1, asked.need // CHUNKS))

    def _look_at(self, attempt: _Rationed, one: Reservation, charged: int) -> Pace:
        rate, one.seen = charged - one.seen, charged
        left = one.amount - (charged - one.base)
        period = one.budget.period
        has_moved = period.step_at(one.since) != period.step_at(self._clock.now())
        if not has_moved and left > max(one.chunk // 2, WINDOWS_AHEAD * rate):
            return Pace.GO
        more = max(one.chunk, WINDOWS_A_CHUNK * rate)
        wish = max(left, more) if has_moved else max(0, left) + more
        if not self._renew(attempt, one, charged, wish):
            return Pace.GO  # it limits this job no longer
        if one.amount <= rate:
            return Pace.STOP_NOW
        return Pace.STOP_SOON if one.amount < min(wish, WINDOWS_A_CHUNK * rate) else Pace.GO

    def _renew(self, attempt: _Rationed, one: Reservation, charged: int, wish: int) -> bool:
        """Settle what was charged so far and set aside anew, all there is if it is not enough.

        False when there is no such budget any more.
        """
        budget = budget_named(self._documents, one.budget.name)
        self._settle(one, charged - one.base)
        if budget is None or identity(budget) != identity(one.budget):
            attempt.reserved.remove(one)
            return False
        one.budget, one.base, one.amount = budget, charged, 0
        try:
            with self._budgets.opened(budget) as account:
                for amount in (wish, min(wish, account.standing().remaining)):
                    since = account.hold(amount)
                    if since is not None:
                        one.since, one.amount = since, amount
                        break
        except LichenError:
            one.amount = 0  # nobody knows what is left: nothing more is spent
        return True

    def _settle(self, one: Reservation, actual: int) -> None:
        try:
            with self._budgets.opened(one.budget) as account:
                account.settle_held(one.since, one.amount, max(0, actual))
        except LichenError:
            return  # it stays committed: errs towards refusing

    def _charged(self, attempt: _Rationed, one: Reservation) -> int:
        cost = attempt_cost(attempt.folder, attempt.fence)
        if cost is None:
            return one.seen
        return cost.nj if one.budget.quantity is Quantity.JOULES else cost.ng

    def _spent(self, folder: Path, budget: Budget) -> int:
        """What all attempts of a job have cost so far."""
        receipt = kept_receipt(folder, self._prices, self._clock)
        return 0 if receipt is None else spent_of(receipt, budget.quantity) or 0

    def _out_of(self, last: Reservation, folder: Path) -> Ruling:
        """What becomes of a job that was stopped since a budget held no more for it."""
        budget = last.budget
        spent = self._spent(folder, budget)
        need = min(budget.limit, left_of(last.estimate, spent))
        again_at = self._clock.now() + timedelta(seconds=BLOCKED_SECONDS)
        try:
            with self._budgets.opened(budget) as account:
                again_at = account.fits_at(need) or account.standing().resets_at
        except LichenError as error:
            return Ruling(Verdict.DEFER, str(error), again_at)
        says = (
            f"budget {budget.name!r} held no more for this job, which was stopped after "
            f"{readable(spent, symbol_of(budget))}"
        )
        if budget.defers_jobs:
            when = rfc3339(again_at.replace(microsecond=0))
            says += f": it goes on at {when}, or when the budget is changed"
            return Ruling(Verdict.DEFER, says, again_at)
        return Ruling(Verdict.REFUSE, f"{says}: raise the budget and submit it again", again_at)


def _too_small(last: Reservation) -> Ruling:
    """A whole period was not enough to get to a checkpoint: the next would be spent in vain."""
    budget = last.budget
    limit = readable(budget.limit, symbol_of(budget))
    return Ruling(
        Verdict.REFUSE,
        f"budget {budget.name!r} allows {limit} per {budget.period}, which this job spends without "
        "getting to a checkpoint: raise the budget or ask for less",
    )


def _not_now(found: Ruling, asked: Asked) -> Ruling:
    """What was not granted is not allowed, also when others gave some back in that moment."""
    if found.verdict is not Verdict.ALLOW:
        return found
    return Ruling(Verdict.DEFER, f"budget {asked.budget.name!r} is asked by others", asked.fits_at)
