"""Messages of the control plane about budgets: limits, how much of each is left, alerts (B1).

Limits and what counts against them are integers in `unit`: `nj` nanojoules, `ng` nanograms CO2e.
"""

from datetime import datetime
from typing import Literal

import msgspec

Unit = Literal["nj", "ng"]
JobsChoice = Literal["defer", "refuse"]


class BudgetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT budgets/{name}`.

    `scope` is `tenant:T`, `deployment:D`, `alias:MODEL@ALIAS` or `jobs:KIND`; `per` is `hour`,
    `day`, `month` (UTC) or a rolling window such as `6h`. From the share `degrade_from` of the
    limit on, requests are answered by a cheaper deployment where theirs names one. `jobs` says
    what becomes of a job that does not fit. `tenant` is whose alias or jobs, the caller's unless
    said.
    """

    scope: str
    unit: Unit
    limit: int
    per: str
    degrade_from: float | None = None
    jobs: JobsChoice = "defer"
    tenant: str | None = None


class NewBudget(BudgetRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST budgets`: a budget whose name must be new."""

    name: str


class BudgetStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a budget's period is used: `committed` is what was spent or is reserved (B2).

    `resets_at` is when the first of it comes back.
    """

    committed: int
    remaining: int
    resets_at: datetime


class BudgetAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a budget's limit was reached: once in each period.

    `webhook` says what became of telling it: `off`, `pending`, `delivered` or `given up`.
    """

    budget: str
    tenant: str
    scope: str
    percent: int
    at: datetime
    unit: Unit
    limit: int
    committed: int
    resets_at: datetime
    webhook: str = "off"


class AlertNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook is sent: `text` for people, and an `id` by which a repetition is known."""

    id: str
    text: str
    alert: BudgetAlert


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget, how much of it is left and the alerts of its period.

    Without a `standing`, `problem` says why it is not known.
    """

    name: str
    scope: str
    tenant: str
    unit: Unit
    limit: int
    per: str
    degrade_from: float | None = None
    jobs: JobsChoice = "defer"
    standing: BudgetStanding | None = None
    problem: str | None = None
    alerts: list[BudgetAlert] = []
