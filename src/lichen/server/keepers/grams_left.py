"""What budgets of grams still hold for jobs, for the plan; the worker asks before each start."""

from collections.abc import Mapping, Sequence

from lichen.carbon.budgets.budget import Quantity
from lichen.control.rationing import covers_job
from lichen.control.transitions import JobRecord
from lichen.core.errors import LichenError
from lichen.core.units import grams
from lichen.server.keepers.budget_accounts import BudgetAccounts


def grams_left(accounts: BudgetAccounts, jobs: Sequence[JobRecord]) -> Mapping[str, float]:
    """Of each job that a budget of grams covers, what the tightest of them has left now, gCO2e.

    Raises:
        StorageFailed: the store cannot be read.
    """
    left: dict[str, float] = {}
    for budget in accounts.every().values():
        if budget.quantity is not Quantity.GRAMS:
            continue
        covered = [job for job in jobs if covers_job(budget, job.kind, job.tenant)]
        try:
            remaining = grams(accounts.standing(budget).remaining) if covered else 0.0
        except (
            LichenError
        ):  # its file is damaged: the worker says so of each job that it holds back
            continue
        for job in covered:
            left[job.id] = min(remaining, left.get(job.id, remaining))
    return left
