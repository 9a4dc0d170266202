"""What a tenant, a deployment, an alias or a kind of job may spend, and the verdict on more (B1).

Pure: what is committed is counted elsewhere (B2), here is only what it means.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lichen.core.errors import InvalidInput
from lichen.core.ids import DEFAULT_TENANT, TenantId, checked_name

BUDGETS = "budgets"
"""Document collection of `Budget`, by name: written by control, read by whoever spends."""

ROLLING_STEPS = 24
"""A rolling window moves on by so many steps: what was spent in a step leaves with all of it."""
SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 60, 366 * 86400
LARGEST_LIMIT = 2**60
_WINDOW = re.compile(r"(?P<count>[1-9][0-9]{0,7})(?P<unit>[smhdw])")
_UNIT_SECONDS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


class Quantity(StrEnum):
    """What is rationed: nanojoules or nanograms, counted as integers."""

    JOULES = "joules"
    GRAMS = "grams"


class ScopeKind(StrEnum):
    """Whose spending is rationed."""

    TENANT = "tenant"
    DEPLOYMENT = "deployment"
    ALIAS = "alias"
    JOBS = "jobs"


class Verdict(StrEnum):
    """What becomes of work that asks to spend."""

    ALLOW = "allow"
    DEGRADE = "degrade"
    DEFER = "defer"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose spending: a tenant or deployment by name, an alias as `MODEL@ALIAS`, jobs by kind."""

    kind: ScopeKind
    name: str

    def __post_init__(self) -> None:
        model, at, alias = self.name.partition("@")
        if self.kind is ScopeKind.ALIAS:
            if not at:
                raise InvalidInput(f"the alias {self.name!r} is not usable: write MODEL@ALIAS")
            checked_name(model, "model")
            checked_name(alias, "alias")
        else:
            checked_name(self.name, self.kind.value)

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read `tenant:T`, `deployment:D`, `alias:MODEL@ALIAS` or `jobs:KIND`.

        Raises:
            InvalidInput: the text has another form.
        """
        kind, _, name = text.partition(":")
        if kind not in list(ScopeKind) or not name:
            raise InvalidInput(
                f"a budget cannot be for {text!r}: write tenant:T, deployment:D, alias:MODEL@ALIAS "
                "or jobs:KIND"
            )
        return cls(ScopeKind(kind), name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class PeriodKind(StrEnum):
    """When what was spent is forgotten: with the hour, day or month in UTC, or step by step."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """How long a limit is for; `window_s` is the length of a rolling one, and 0 of any other."""

    kind: PeriodKind
    window_s: int = 0

    def __post_init__(self) -> None:
        if self.kind is not PeriodKind.ROLLING:
            if self.window_s:
                raise InvalidInput(f"a budget by the {self.kind} has no window of its own")
        elif not SHORTEST_WINDOW_S <= self.window_s <= LONGEST_WINDOW_S:
            raise InvalidInput(
                f"a rolling window of {self.window_s} s is not usable: give "
                f"{SHORTEST_WINDOW_S} s to {LONGEST_WINDOW_S} s"
            )

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read `hour`, `day`, `month`, or a rolling window such as `90m`, `6h`, `7d`.

        Raises:
            InvalidInput: the text has another form, or the window is too short or too long.
        """
        if text in (PeriodKind.HOUR, PeriodKind.DAY, PeriodKind.MONTH):
            return cls(PeriodKind(text))
        matched = _WINDOW.fullmatch(text)
        if matched is None:
            raise InvalidInput(
                f"a budget cannot be per {text!r}: write hour, day, month, or a rolling window "
                "such as 90m, 6h or 7d"
            )
        return cls(PeriodKind.ROLLING, int(matched["count"]) * _UNIT_SECONDS[matched["unit"]])

    def __str__(self) -> str:
        if self.kind is not PeriodKind.ROLLING:
            return self.kind.value
        unit = next(unit for unit, size in _UNIT_SECONDS.items() if self.window_s % size == 0)
        return f"{self.window_s // _UNIT_SECONDS[unit]}{unit}"

    @property
    def steps(self) -> int:
        """How many steps count at once: what a calendar period holds is one step of its own."""
        return ROLLING_STEPS + 1 if self.kind is PeriodKind.ROLLING else 1

    def step_at(self, moment: datetime) -> Span:
        """The step that holds the moment."""
        moment = moment.astimezone(UTC)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        match self.kind:
            case PeriodKind.HOUR:
                start = moment.replace(minute=0, second=0, microsecond=0)
                return Span(start, start + timedelta(hours=1))
            case PeriodKind.DAY:
                return Span(midnight, midnight + timedelta(days=1))
            case PeriodKind.MONTH:
                start = midnight.replace(day=1)
                return Span(start, (start + timedelta(days=32)).replace(day=1))
            case PeriodKind.ROLLING:
                length_us = self.window_s * 1_000_000 // ROLLING_STEPS
                epoch = datetime(1970, 1, 1, tzinfo=UTC)
                step = (moment - epoch) // timedelta(microseconds=length_us)
                start = epoch + step * timedelta(microseconds=length_us)
                return Span(start, start + timedelta(microseconds=length_us))


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit in nanojoules or nanograms for each period.

    `degrade_from` is the share of the limit from which on requests are answered by the cheaper
    deployment that theirs names, where it names one; None: they go on as they are. `defers_jobs`:
    a job that does not fit waits for the next period rather than being refused.
    """

    name: str
    scope: Scope
    quantity: Quantity
    limit: int
    period: Period
    tenant: TenantId = DEFAULT_TENANT
    degrade_from: float | None = None
    defers_jobs: bool = True

    def __post_init__(self) -> None:
        checked_name(self.name, "budget")
        if not 0 < self.limit <= LARGEST_LIMIT:
            raise InvalidInput(
                f"budget {self.name!r} has a limit of {self.limit / 1e9:g} {self.quantity}: give "
                f"more than 0 and at most {LARGEST_LIMIT / 1e9:.3g}"
            )
        if self.degrade_from is not None and not 0 <= self.degrade_from < 1:
            raise InvalidInput(
                f"budget {self.name!r} degrades from {self.degrade_from:g} of its limit on: give a "
                "share from 0 to below 1"
            )


def judged(budget: Budget, committed: int, estimate: int, *, can_degrade: bool) -> Verdict:
    """The verdict on a batch of requests; what is degraded is judged again by its new estimate.

    Args:
        budget: whose limit is asked.
        committed: what is spent or reserved in its period, in its own nano-unit.
        estimate: at most what the batch will cost (B2).
        can_degrade: whether a cheaper deployment within the quality floor stands by.
    """
    after = committed + estimate
    degrades = can_degrade and budget.degrade_from is not None
    if degrades and after > budget.limit * (budget.degrade_from or 0.0):
        return Verdict.DEGRADE
    return Verdict.ALLOW if after <= budget.limit else Verdict.REFUSE


def judged_job(budget: Budget, committed: int, estimate: int) -> Verdict:
    """The verdict on a job: one that would not fit an untouched period either never will."""
    if committed + estimate <= budget.limit:
        return Verdict.ALLOW
    waits = budget.defers_jobs and estimate <= budget.limit
    return Verdict.DEFER if waits else Verdict.REFUSE
