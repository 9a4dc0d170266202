"""What budgets say of jobs, at the door and before a start, by the files of all who spend."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from math import ceil

from lichen.carbon.budgets.budget import Budget, Verdict
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.carbon.budgets.budget_records import every_budget
from lichen.control.estimates import Estimate, upper_estimate
from lichen.control.jobs import Jobs
from lichen.control.rationing import Asked, Ruling, covers_job, ruling
from lichen.core.clock import Clock
from lichen.core.errors import OverBudget, StorageFailed, Unavailable
from lichen.protocol.admin import JobKind, JsonObject
from lichen.server.home import Home
from lichen.server.pricing import Pricing
from lichen.store.documents import DocumentStore

HISTORY = timedelta(days=60)
"""How far back receipts of earlier jobs are looked at."""


class JobBudgets:
    """Budgets that cover jobs, and what a job may cost."""

    def __init__(self, documents: DocumentStore, home: Home, prices: Pricing, clock: Clock) -> None:
        self._documents = documents
        self._folder = home.budgets
        self._prices = prices
        self._clock = clock
        self._jobs = Jobs(documents, clock)

    def check(self, kind: JobKind, spec: JsonObject, tenant: str) -> None:
        """Pass a job that is to be submitted; one that would have to wait passes, too.

        Raises:
            OverBudget: a budget refuses it; the error says when to come back.
        """
        for budget in self.covering(kind, tenant):
            estimate = self.estimate(kind, spec, tenant, budget)
            try:
                with self.opened(budget) as account:
                    found = ruling(self.asked(account, estimate, spent=0))
            except (StorageFailed, Unavailable):
                continue  # the worker will say so of the job
            if found.verdict is Verdict.REFUSE:
                raise OverBudget(found.says, self._seconds_until(found))

    def covering(self, kind: str, tenant: str) -> Sequence[Budget]:
        """The budgets that a job of this kind and tenant counts against."""
        return [one for one in every_budget(self._documents) if covers_job(one, kind, tenant)]

    def estimate(self, kind: JobKind, spec: JsonObject, tenant: str, budget: Budget) -> Estimate:
        """At most what a job costs in the budget's quantity."""
        since = self._clock.now() - HISTORY
        earlier = (job for job in self._jobs.since(since) if job.tenant == tenant)
        return upper_estimate(kind, spec, budget.quantity, earlier, self._grams)

    @contextmanager
    def opened(self, budget: Budget) -> Iterator[BudgetAccount]:
        """The budget's file, for a moment.

        Raises:
            StorageFailed: it cannot be read or written, or is damaged.
        """
        account = BudgetAccount.open(self._folder, budget, self._clock)
        try:
            yield account
        finally:
            account.close()

    @staticmethod
    def asked(account: BudgetAccount, estimate: Estimate, spent: int) -> Asked:
        """What a job asks of a budget as it stands now.

        Raises:
            Unavailable: the file is held by a process that was stopped.
        """
        standing = account.standing()
        budget = account.budget
        asked = Asked(budget, estimate, spent, standing.committed, standing.resets_at)
        fits_at = account.fits_at(asked.need) or standing.resets_at
        return Asked(budget, estimate, spent, standing.committed, fits_at)

    def _grams(self, nj: int) -> int:
        return self._prices.rate(self._clock.now()).grams(nj, nj // _NJ_PER_CPU_NS)

    def _seconds_until(self, found: Ruling) -> int | None:
        if found.again_at is None:
            return None
        return max(1, ceil((found.again_at - self._clock.now()).total_seconds()))


_NJ_PER_CPU_NS = 4
"""Of a usual hardware thread (M2): the embodied share of a prior needs a time."""
