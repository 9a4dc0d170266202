"""Savings: hand-worked baselines, negative ones, and those that nobody can know."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.carbon.intensity import IntensityValue, Kind, Scope, Signal
from lichen.carbon.ledger.postings import Basis
from lichen.carbon.ledger.shares import Extent, Share
from lichen.carbon.levers import DeferredJob, DegradedRequests, ShiftedJob
from lichen.carbon.reports.savings import Saving, savings_section
from lichen.carbon.savings import Deeds, savings
from lichen.core.figures import Method

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NIGHT = NOON + timedelta(hours=12)
EXTENT = Extent(7, "d" * 64, NOON, NIGHT, NIGHT, 0, 0, 0)
KWH = 3_600_000 * 10**9
DEMAND, LITTLE = "work/t/demand/m@2/fp32", "work/t/little/m@1/fp32"
JOB = "work/t/job-1/vic/train"


def basis(g_per_kwh: float, pue: float = 1.0, spread: float = 0.0) -> Basis:
    value = IntensityValue(
        zone="DE",
        g_per_kwh=g_per_kwh,
        low=g_per_kwh - spread,
        high=g_per_kwh + spread,
        source="a test",
        signal=Signal.AVERAGE,
        scope=Scope.LIFECYCLE,
        kind=Kind.OBSERVED,
        resolution_s=3600,
    )
    return Basis(value, Method.MODELLED, "a test", 0.5, 2.0, pue, None)


def share(account: str, nj: int, of: Basis, units: int = 0) -> Share:
    ng = round(nj * of.intensity.g_per_kwh * of.pue * 10**9 / KWH)
    return Share(account, of, is_adjustment=False, nj=nj, ng=ng, units=units)


def degraded(requests: int, hour: datetime = NOON) -> DegradedRequests:
    return DegradedRequests(hour, "demand", "little", requests)


def found(
    shares: Sequence[Share], deeds: Deeds, submitted: Sequence[Share] = ()
) -> dict[str, Saving]:
    return {one.name: one for one in savings(EXTENT, shares, deeds, lambda _: submitted)}


def test_degraded_requests_save_the_difference_of_the_means() -> None:
    shares = [share(DEMAND, 40 * KWH, basis(100), 20), share(LITTLE, 5 * KWH, basis(100), 10)]
    deeds = Deeds(degraded=[degraded(4), degraded(4, NIGHT)])
    saving = found(shares, deeds)["degraded.demand.little"]
    assert saving.energy is not None
    assert saving.carbon is not None
    assert saving.energy.value == 8 * (2 * KWH - KWH // 2)
    assert (saving.energy.low, saving.energy.high) == (6 * KWH, 24 * KWH), "the slope moves both"
    assert saving.carbon.value == 8 * 150 * 10**9
    assert saving.label == "8 requests to demand answered by little"
    assert "8 requests at the mean of demand in this span" in saving.baseline
    assert "demand 20 requests, little 10" in saving.provenance


def test_a_stand_in_that_costs_more_saves_less_than_nothing() -> None:
    shares = [share(DEMAND, 10 * KWH, basis(100), 10), share(LITTLE, 30 * KWH, basis(100), 10)]
    saving = found(shares, Deeds(degraded=[degraded(3)]))["degraded.demand.little"]
    assert saving.energy is not None
    assert saving.energy.value == -6 * KWH


@pytest.mark.parametrize("answered_by", ["demand", "little"])
def test_what_answered_nothing_itself_has_no_mean_to_compare_with(answered_by: str) -> None:
    account = DEMAND if answered_by == "little" else LITTLE
    saving = found([share(account, KWH, basis(100), 5)], Deeds(degraded=[degraded(4)]))[
        "degraded.demand.little"
    ]
    assert (saving.energy, saving.carbon) == (None, None)
    assert saving.absent == f"the ledger holds no request that {answered_by} answered"


def deferred(submitted: datetime = NOON) -> Deeds:
    return Deeds(deferred=[DeferredJob("job-1", "t", submitted, NIGHT)])


def test_a_deferred_job_saves_the_difference_of_the_grids_at_the_same_joules() -> None:
    own = [share(JOB, 3 * KWH, basis(100, 1.2)), share(JOB, 2 * KWH, basis(50, 1.2))]
    other = share(DEMAND, 9 * KWH, basis(50), 5)
    submitted = [share("idle", 3 * KWH, basis(400, 1.2)), share("idle", KWH, basis(200, 1.2))]
    saving = found([*own, other], deferred(), submitted)["deferred.jobs"]
    assert saving.energy is not None
    assert saving.carbon is not None
    assert saving.energy.value == 0, "the same joules"
    mean = (3 * 400 + 200) / 4
    assert saving.carbon.value == round((3 * (mean - 100) + 2 * (mean - 50)) * 1.2 * 10**9)
    assert saving.label == "1 jobs that waited for a budget"


def test_waiting_for_a_dirtier_hour_cost_more_and_says_so() -> None:
    ran, then = share(JOB, KWH, basis(300, spread=20)), share("idle", KWH, basis(250, spread=10))
    saving = found([ran], deferred(), [then])["deferred.jobs"]
    assert saving.carbon is not None
    assert saving.carbon.value == -50 * 10**9
    assert (saving.carbon.low, saving.carbon.high) == (-160 * 10**9, -10 * 10**9)


def test_an_interval_holds_its_figure_whatever_the_signs() -> None:
    ran, then = share(JOB, KWH, basis(100, spread=60)), share("idle", KWH, basis(120, spread=30))
    carbon = found([ran], deferred(), [then])["deferred.jobs"].carbon
    assert carbon is not None
    assert carbon.low is not None
    assert carbon.high is not None
    assert carbon.low <= carbon.value <= carbon.high
    assert (carbon.low, carbon.high) == (-140 * 10**9, 220 * 10**9)


def test_an_hour_or_a_job_that_the_ledger_does_not_hold_is_said() -> None:
    ran, then = share(JOB, KWH, basis(100)), share("idle", KWH, basis(200))
    nowhere = found([ran], deferred(), [])["deferred.jobs"]
    assert (nowhere.carbon, "holds nothing of the hours" in nowhere.absent) == (None, True)
    both = replace(deferred(), deferred=[*deferred().deferred, DeferredJob("x", "t", NOON, NIGHT)])
    some = found([ran], both, [then])["deferred.jobs"]
    assert some.carbon is not None
    assert "1 more whose hour of submission or work it does not hold" in some.provenance


def test_levers_whose_baseline_nobody_measures_are_absent_with_the_reason() -> None:
    shares = [share(DEMAND, KWH, basis(100), 2), share(LITTLE, KWH, basis(100), 2)]
    told = found(shares, Deeds(degraded=[degraded(1)]))
    assert "one runtime" in told["runtime"].absent
    assert "books a batch as one" in told["batching"].absent
    section = savings_section(tuple(told.values()))
    absent = [one.absent for one in section.figures if one.value is None]
    assert len(absent) == 4
    assert found(shares, Deeds()) == {}


def test_no_saving_enters_a_sum_of_the_ledger() -> None:
    shares = [share(DEMAND, 40 * KWH, basis(100), 20), share(LITTLE, 5 * KWH, basis(100), 10)]
    before = [replace(one) for one in shares]
    found(shares, Deeds(degraded=[degraded(4)]))
    assert shares == before


def shifted(released: datetime = NOON, hours: float = 1.0) -> Deeds:
    duration = timedelta(hours=hours)
    return Deeds(shifted=[ShiftedJob("job-1", "t", released, duration, NIGHT)])


def over_hours(shares: Sequence[Share], deeds: Deeds, *grids: float) -> Saving:
    """The saving of shifted jobs where each hour from noon on had another grid."""

    def hour_of(moment: datetime) -> Sequence[Share]:
        place = int((moment - NOON) / timedelta(hours=1))
        return [share("idle", KWH, basis(grids[place]))] if place < len(grids) else []

    (found,) = (
        one for one in savings(EXTENT, shares, deeds, hour_of) if one.name == "shifted.jobs"
    )
    return found


def test_a_shifted_job_is_compared_with_the_hours_in_which_it_would_have_run() -> None:
    own = share(JOB, 4 * KWH, basis(100))
    saving = over_hours([own], shifted(NOON + timedelta(minutes=30), 2.0), 400, 300, 200)
    assert saving.carbon is not None
    mean = (400 + 2 * 300 + 200) / 4  # half an hour, an hour, half an hour
    assert saving.carbon.value == round(4 * (mean - 100) * 10**9)
    assert saving.energy is not None
    assert saving.energy.value == 0
    assert saving.label == "1 jobs that waited for a cleaner grid"


def test_a_job_shifted_into_a_dirtier_hour_saves_less_than_nothing() -> None:
    saving = over_hours([share(JOB, KWH, basis(300))], shifted(), 250)
    assert saving.carbon is not None
    assert saving.carbon.value == -50 * 10**9


def test_a_shifted_job_with_an_hour_that_nobody_booked_has_no_figure() -> None:
    saving = over_hours([share(JOB, KWH, basis(300))], shifted(hours=2), 250)
    assert saving.carbon is None
    assert "the hours of their release" in saving.absent
