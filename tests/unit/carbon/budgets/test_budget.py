"""Budgets: their periods, what they refuse to be, and their verdicts (B1)."""

from datetime import UTC, datetime, timedelta

import pytest

from lichen.carbon.budgets.budget import (
    ROLLING_STEPS,
    Budget,
    Period,
    PeriodKind,
    Quantity,
    Scope,
    ScopeKind,
    Verdict,
    judged,
    judged_job,
)
from lichen.core.errors import InvalidInput

DEMAND = Scope(ScopeKind.DEPLOYMENT, "demand")
DAILY = Period(PeriodKind.DAY)
LEAP_NIGHT = datetime(2028, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)


def budget(degrade_from: float | None = None, *, defers_jobs: bool = True) -> Budget:
    return Budget(
        "b",
        DEMAND,
        Quantity.JOULES,
        100,
        DAILY,
        degrade_from=degrade_from,
        defers_jobs=defers_jobs,
    )


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        (PeriodKind.HOUR, datetime(2028, 2, 29, 23, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (PeriodKind.DAY, datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (PeriodKind.MONTH, datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_calendar_period_holds_its_last_microsecond_and_not_the_next(
    kind: PeriodKind, start: datetime, end: datetime
) -> None:
    span = Period(kind).step_at(LEAP_NIGHT)
    assert (span.start, span.end) == (start, end)
    assert Period(kind).step_at(end).start == end


@pytest.mark.parametrize("window_s", [60, 100, 3600, 86400, 2_592_001])
def test_the_steps_of_a_rolling_window_touch_and_together_cover_it(window_s: int) -> None:
    period = Period(PeriodKind.ROLLING, window_s)
    span = period.step_at(LEAP_NIGHT)
    assert span.start <= LEAP_NIGHT < span.end
    assert period.step_at(span.end).start == span.end
    covered = (span.end - span.start) * (period.steps - 1)
    assert abs(covered - timedelta(seconds=window_s)) < timedelta(microseconds=ROLLING_STEPS)


def test_requests_are_allowed_up_to_the_limit_and_refused_beyond() -> None:
    assert judged(budget(), 90, 10, can_degrade=True) is Verdict.ALLOW
    assert judged(budget(), 90, 11, can_degrade=True) is Verdict.REFUSE


def test_requests_are_degraded_from_the_share_on_where_something_cheaper_stands_by() -> None:
    assert judged(budget(0.8), 79, 1, can_degrade=True) is Verdict.ALLOW
    assert judged(budget(0.8), 80, 1, can_degrade=True) is Verdict.DEGRADE
    assert judged(budget(0.8), 80, 1, can_degrade=False) is Verdict.ALLOW
    assert judged(budget(0.8), 100, 1, can_degrade=False) is Verdict.REFUSE


def test_a_job_that_could_never_fit_is_refused_and_any_other_waits_if_it_may() -> None:
    assert judged_job(budget(), 50, 50) is Verdict.ALLOW
    assert judged_job(budget(), 50, 51) is Verdict.DEFER
    assert judged_job(budget(), 0, 101) is Verdict.REFUSE
    assert judged_job(budget(defers_jobs=False), 50, 51) is Verdict.REFUSE


@pytest.mark.parametrize("limit", [0, -1, 2**60 + 1])
def test_a_limit_that_is_none_is_refused(limit: int) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        Budget("b", DEMAND, Quantity.GRAMS, limit, DAILY)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_the_limit_is_refused(share: float) -> None:
    with pytest.raises(InvalidInput, match="degrades from"):
        budget(share)


@pytest.mark.parametrize("window_s", [0, 59, 366 * 86400 + 1])
def test_a_window_that_cannot_roll_is_refused(window_s: int) -> None:
    with pytest.raises(InvalidInput, match="rolling window"):
        Period(PeriodKind.ROLLING, window_s)


def test_a_calendar_period_takes_no_window() -> None:
    with pytest.raises(InvalidInput, match="window of its own"):
        Period(PeriodKind.DAY, 60)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ScopeKind.ALIAS, "demand"), (ScopeKind.ALIAS, "a b@c"), (ScopeKind.TENANT, "a/b")],
)
def test_a_scope_without_a_usable_name_is_refused(kind: ScopeKind, name: str) -> None:
    with pytest.raises(InvalidInput):
        Scope(kind, name)


@pytest.mark.parametrize(
    "text", ["tenant:lab", "deployment:demand", "alias:vic@champion", "jobs:train"]
)
def test_a_scope_reads_back_as_it_is_written(text: str) -> None:
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "lab", "tenant", "tenant:", "team:lab", "alias:vic", "jobs:a b"]
)
def test_a_scope_of_another_form_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"write tenant:T|not usable"):
        Scope.parse(text)


@pytest.mark.parametrize(
    ("text", "window_s", "shown"),
    [
        ("hour", 0, "hour"),
        ("month", 0, "month"),
        ("6h", 21600, "6h"),
        ("90m", 5400, "90m"),
        ("60s", 60, "1m"),
        ("24h", 86400, "1d"),
        ("14d", 14 * 86400, "2w"),
    ],
)
def test_a_period_reads_back_as_it_is_shown(text: str, window_s: int, shown: str) -> None:
    period = Period.parse(text)
    assert (period.window_s, str(period)) == (window_s, shown)
    assert Period.parse(shown) == period


@pytest.mark.parametrize(
    "text", ["", "week", "6", "h", "6 h", "-6h", "0h", "1.5h", "30s", "500d", "6H"]
)
def test_a_period_of_another_form_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"write hour, day, month|rolling window of"):
        Period.parse(text)
