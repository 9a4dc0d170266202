"""How a budget stands, from what is committed in its steps: pure functions (B1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lichen.carbon.budgets.allowance_file import leaves_at
from lichen.carbon.budgets.budget import Budget, Span

Counted = Mapping[int, int]
"""What is committed by the start of its step in microseconds since 1970, oldest first."""


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


def standing_of(budget: Budget, step: Span, counted: Counted, unspent: int = 0) -> Standing:
    """How it stands while `step` is now; `unspent` of what is committed is the asker's to spend."""
    committed = max(0, sum(counted.values()) - unspent)
    resets_at = returns_at(budget, step, counted)
    return Standing(budget.limit, committed, max(0, budget.limit - committed), resets_at)


def returns_at(budget: Budget, step: Span, counted: Counted) -> datetime:
    """When the oldest of what is committed is forgotten; of nothing, when the step ends."""
    oldest = next(iter(counted), None)
    return step.end if oldest is None else leaves_at(budget.period, oldest)


def fitting_at(budget: Budget, counted: Counted, amount: int, now: datetime) -> datetime | None:
    """When `amount` will fit if nothing more is spent; None if it never will."""
    committed = sum(counted.values())
    if committed + amount <= budget.limit:
        return now
    for start_us, one in counted.items():
        committed -= one
        if committed + amount <= budget.limit:
            return leaves_at(budget.period, start_us)
    return None
