"""What budgets say of a job before it starts: one pure function from figures to a ruling (B1)."""

from dataclasses import dataclass
from datetime import datetime

from lichen.carbon.budgets.budget import Budget, Quantity, ScopeKind, Verdict, judged_job
from lichen.control.estimates import Estimate
from lichen.core.clock import rfc3339
from lichen.core.ids import TenantId
from lichen.core.units import readable

LEAST_SHARE = 10
"""Of its whole estimate, a job that was begun is taken to need at least a tenth more."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a job may start; when not, `says` is why, and `again_at` when it may be tried."""

    verdict: Verdict
    says: str = ""
    again_at: datetime | None = None


ALLOWED = Ruling(Verdict.ALLOW)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job asks of one budget, and how that stands.

    Attributes:
        budget: whose limit it is.
        estimate: what the whole job may cost.
        spent: what earlier attempts of it cost.
        committed: what is spent or reserved of the budget by all.
        fits_at: when the job will fit if nothing more is spent, else when the period ends.
    """

    budget: Budget
    estimate: Estimate
    spent: int
    committed: int
    fits_at: datetime

    @property
    def need(self) -> int:
        """What is to be set aside for it: a guess never asks for more than the whole limit."""
        left = left_of(self.estimate, self.spent)
        return left if self.estimate.is_known else min(left, self.budget.limit)


def covers_job(budget: Budget, kind: str, tenant: str) -> bool:
    """Whether a job of this kind and tenant counts against a budget."""
    match budget.scope.kind:
        case ScopeKind.TENANT:
            return budget.scope.name == tenant
        case ScopeKind.JOBS:
            return budget.scope.name == kind and budget.tenant == TenantId(tenant)
        case ScopeKind.DEPLOYMENT | ScopeKind.ALIAS:
            return False


def left_of(estimate: Estimate, spent: int) -> int:
    """What a job may still cost that has spent some already."""
    return max(estimate.nano - spent, estimate.nano // LEAST_SHARE)


def ruling(asked: Asked) -> Ruling:
    """What a budget says of a job."""
    budget = asked.budget
    verdict = judged_job(budget, asked.committed, asked.need)
    if verdict is Verdict.ALLOW:
        return ALLOWED
    if asked.need > budget.limit:
        says = (
            f"{_allows(budget)}, less than the {asked.estimate}: raise the budget or ask for less"
        )
        return Ruling(Verdict.REFUSE, says, asked.fits_at)
    free = readable(max(0, budget.limit - asked.committed), symbol_of(budget))
    says = f"{_allows(budget)} and has {free} left, less than the {asked.estimate}"
    when = rfc3339(asked.fits_at.replace(microsecond=0))
    if verdict is Verdict.DEFER:
        return Ruling(
            verdict, f"{says}: it waits until {when}, or until the budget is changed", asked.fits_at
        )
    return Ruling(verdict, f"{says}: try again after {when}, or raise the budget", asked.fits_at)


def symbol_of(budget: Budget) -> str:
    """The unit in which people read a budget."""
    return "J" if budget.quantity is Quantity.JOULES else "g"


def _allows(budget: Budget) -> str:
    limit = readable(budget.limit, symbol_of(budget))
    return f"budget {budget.name!r} allows {limit} per {budget.period}"
