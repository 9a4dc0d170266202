"""What a job may cost, and what a budget says of that before it starts."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from lichen.carbon.budgets.budget import Budget, Period, PeriodKind, Quantity, Scope, Verdict
from lichen.control.estimates import PRIOR_JOULES, Estimate, upper_estimate
from lichen.control.rationing import Asked, covers_job, left_of, ruling
from lichen.control.transitions import JobRecord
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.ids import TenantId
from lichen.core.units import Nanograms, Nanojoules
from lichen.protocol.admin import JobKind, JobState, JsonObject

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
RIDGE: JsonObject = {"task": "forecast", "data": "vic", "algorithm": "ridge"}
TREES: JsonObject = {**RIDGE, "algorithm": "lightgbm"}
J = 10**9


def ended(
    spec: JsonObject, nj: int, ng: int | None = None, kind: JobKind = JobKind.TRAIN
) -> JobRecord:
    energy = EnergyFigure(Nanojoules(nj), Nanojoules(nj), Nanojoules(nj), Method.MODELLED, "a test")
    grams = None if ng is None else Nanograms(ng)
    carbon = None if grams is None else CarbonFigure(grams, grams, grams, "DE", "a test")
    return JobRecord(
        id="job-1",
        kind=kind,
        spec=spec,
        tenant="default",
        state=JobState.SUCCEEDED,
        created_at=NOW,
        receipt=Receipt(energy, carbon, 0),
    )


def estimated(earlier: Sequence[JobRecord], quantity: Quantity = Quantity.JOULES) -> Estimate:
    return upper_estimate(JobKind.TRAIN, RIDGE, quantity, earlier, lambda nj: nj // 1000)


def test_the_dearest_of_those_like_it_counts_with_a_margin() -> None:
    found = estimated([ended(RIDGE, 4 * J), ended(RIDGE, 8 * J), ended(TREES, 900 * J)])
    assert (found.nano, found.is_known) == (10 * J, True)
    assert found.basis == "like it: 2, the dearest 8 J"


def test_only_the_newest_of_them_are_looked_at() -> None:
    assert estimated([ended(RIDGE, 800 * J), *[ended(RIDGE, 4 * J)] * 20]).nano == 5 * J


def test_others_of_its_kind_are_a_guess_and_nobody_is_a_stated_prior() -> None:
    guess = estimated([ended(TREES, 8 * J), ended(RIDGE, 99 * J, kind=JobKind.IMPORT)])
    assert (guess.nano, guess.is_known) == (10 * J, False)
    prior = estimated([])
    assert (prior.nano, prior.is_known) == (PRIOR_JOULES[JobKind.TRAIN] * J, False)
    assert "assumed" in prior.basis


def test_grams_are_those_of_receipts_that_have_them() -> None:
    found = estimated([ended(RIDGE, 8 * J, 400), ended(RIDGE, 9 * J)], Quantity.GRAMS)
    assert (found.nano, found.is_known) == (500, True)
    assert estimated([], Quantity.GRAMS).nano == PRIOR_JOULES[JobKind.TRAIN] * J // 1000


def budget(scope: str = "jobs:train", *, limit: int = 100 * J, defers: bool = True) -> Budget:
    daily = Period(PeriodKind.DAY)
    return Budget(
        "lab", Scope.parse(scope), Quantity.JOULES, limit, daily, TenantId("t"), defers_jobs=defers
    )


@pytest.mark.parametrize(
    ("scope", "kind", "tenant", "covers"),
    [
        ("jobs:train", "train", "t", True),
        ("jobs:train", "ingest", "t", False),
        ("jobs:train", "train", "other", False),
        ("tenant:t", "ingest", "t", True),
        ("tenant:t", "ingest", "other", False),
        ("deployment:train", "train", "t", False),
        ("alias:train@t", "train", "t", False),
    ],
)
def test_which_budgets_a_job_counts_against(
    scope: str, kind: str, tenant: str, *, covers: bool
) -> None:
    assert covers_job(budget(scope), kind, tenant) is covers


def asked(of: Budget, nano: int, committed: int, *, known: bool = True, spent: int = 0) -> Asked:
    estimate = Estimate(Quantity.JOULES, nano, "like it: 2, the dearest 8 J", known)
    return Asked(of, estimate, spent, committed, MIDNIGHT)


def test_what_fits_may_start_to_the_last_nanojoule() -> None:
    assert ruling(asked(budget(), 40 * J, 60 * J)).verdict is Verdict.ALLOW
    assert ruling(asked(budget(), 40 * J, 60 * J + 1)).verdict is Verdict.DEFER


def test_what_does_not_fit_waits_and_the_sentence_says_for_what_and_until_when() -> None:
    found = ruling(asked(budget(), 10 * J, 95 * J))
    assert (found.verdict, found.again_at) == (Verdict.DEFER, MIDNIGHT)
    assert found.says == (
        "budget 'lab' allows 100 J per day and has 5 J left, less than the 10 J that it may cost "
        "(like it: 2, the dearest 8 J): it waits until 2026-11-22T00:00:00Z, or until the budget "
        "is changed"
    )


def test_where_nothing_waits_it_is_refused_until_then() -> None:
    found = ruling(asked(budget(defers=False), 10 * J, 95 * J))
    assert (found.verdict, found.again_at) == (Verdict.REFUSE, MIDNIGHT)
    assert "try again after 2026-11-22T00:00:00Z" in found.says


def test_what_no_period_would_hold_is_refused_and_never_on_a_guess() -> None:
    known = ruling(asked(budget(), 101 * J, 0))
    assert known.verdict is Verdict.REFUSE
    assert "raise the budget or ask for less" in known.says
    assert ruling(asked(budget(), 101 * J, 0, known=False)).verdict is Verdict.ALLOW
    assert ruling(asked(budget(), 101 * J, 1, known=False)).verdict is Verdict.DEFER


def test_a_job_that_was_begun_asks_for_the_rest_and_for_a_tenth_at_least() -> None:
    estimate = asked(budget(), 100 * J, 0).estimate
    assert [left_of(estimate, spent * J) for spent in (0, 30, 95, 500)] == [
        100 * J,
        70 * J,
        10 * J,
        10 * J,
    ]
    assert ruling(asked(budget(), 100 * J, 70 * J, spent=75 * J)).verdict is Verdict.ALLOW


@pytest.mark.parametrize(("size", "share"), [(400, 4.0), (100, 1.0), (50, 0.75), (None, 1.0)])
def test_a_job_on_a_larger_file_is_taken_to_cost_as_many_times_as_much(
    size: int | None, share: float
) -> None:
    earlier = ended({"deployment": "d", "size_bytes": 100}, 8 * J, kind=JobKind.PREDICT)
    asked: JsonObject = {"deployment": "d", **({} if size is None else {"size_bytes": size})}
    found = upper_estimate(JobKind.PREDICT, asked, Quantity.JOULES, [earlier], lambda nj: nj)
    assert found.is_known
    assert found.nano == 10 * share * J
