"""When a budget's use is worth an alert: at 50, 80 and 100 % of its limit, once in each period.

Pure: who looks, records and tells is `server/keepers/budget_keeper.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lichen.carbon.budgets.budget import Budget, PeriodKind, Quantity
from lichen.core.clock import rfc3339
from lichen.core.ids import TenantId
from lichen.core.units import readable

ALERTS = "budget-alerts"
"""Document collection of `Alert`, by `key`: written by the control plane."""
LEVELS = (50, 80, 100)
"""Per cent of the limit; what rounds to a level has reached it, since little that is left near the
end is too little for any work."""


class Telling(StrEnum):
    """What became of telling an alert to the webhook."""

    OFF = "off"
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Alert:
    """A budget reached `percent` of its limit; `committed` is what was used of it then (B2)."""

    budget: str
    tenant: TenantId
    scope: str
    percent: int
    at: datetime
    quantity: Quantity
    limit: int
    committed: int
    resets_at: datetime
    webhook: Telling = Telling.OFF

    @property
    def key(self) -> str:
        """Its place in the collection: alerts of one budget stand together, oldest first."""
        return f"{alert_prefix(self.budget)}{self.at.timestamp():017.6f}/{self.percent:03d}"


def sentence_of(alert: Alert) -> str:
    """An alert in one sentence, for logs and people."""
    symbol = "J" if alert.quantity is Quantity.JOULES else "g"
    return (
        f"budget {alert.budget!r} for {alert.scope} has used {alert.percent} % of "
        f"{readable(alert.limit, symbol)}: {readable(alert.committed, symbol)} by "
        f"{rfc3339(alert.at.replace(microsecond=0))}; some of it comes back from "
        f"{rfc3339(alert.resets_at.replace(microsecond=0))} on"
    )


def alert_prefix(budget: str) -> str:
    """With what the keys of a budget's alerts start."""
    return f"{budget}/"


def of_period(budget: Budget, alerts: Sequence[Alert], moment: datetime) -> list[Alert]:
    """The alerts that belong to the budget as it is now and to the period of the moment.

    A rolling window has no period of its own: an alert counts for as long as the window is.
    """
    if budget.period.kind is PeriodKind.ROLLING:
        start = moment - timedelta(seconds=budget.period.window_s)
    else:
        start = budget.period.step_at(moment).start
    return [
        one
        for one in alerts
        if one.at >= start and (one.quantity, one.limit) == (budget.quantity, budget.limit)
    ]


def reached_levels(limit: int, committed: int) -> list[int]:
    """The levels that are reached, lowest first."""
    return [level for level in LEVELS if 200 * committed >= (2 * level - 1) * limit]


def due_levels(budget: Budget, committed: int, of_now: Sequence[Alert]) -> list[int]:
    """The levels that are reached and for which there is no alert yet, lowest first.

    Args:
        budget: whose.
        committed: what is spent or reserved in its period.
        of_now: the alerts of this period, see `of_period`.
    """
    known = {one.percent for one in of_now}
    return [level for level in reached_levels(budget.limit, committed) if level not in known]
