"""What the planner is asked: what is left of each job, and by when it must start."""

from datetime import UTC, datetime, timedelta

from lichen.control.agenda import (
    Known,
    Progressed,
    margin,
    must_start_by,
    rows,
    saved_g,
    workloads,
)
from lichen.control.expectations import Expectation, Spread
from lichen.control.intentions import StandingIntention, Totals
from lichen.control.planning.plan import Intention, Method, Plan
from lichen.control.planning.workload import checked_workload
from lichen.control.transitions import JobRecord
from lichen.core.figures import CarbonFigure, EnergyFigure, Receipt
from lichen.core.figures import Method as How
from lichen.core.units import Nanograms, Nanojoules
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.scheduling import Schedule
from lichen.protocol.segments import JobSegment

NOW = datetime(2026, 6, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
KNOWN = Expectation(
    seconds=Spread(3600, 3000, 4200),
    joules=Spread(36000, 30000, 42000),
    cpu_seconds=None,
    longest=2 * HOUR,
    pause_j=5.0,
    basis="a test",
    is_known=True,
)


def job(name: str, schedule: Schedule | None = None, **more: object) -> JobRecord:
    made = {"id": name, "kind": JobKind.TRAIN, "spec": {}, "tenant": "t", "created_at": NOW}
    return JobRecord(schedule=schedule, **{**made, **more})  # type: ignore[arg-type]


def window(hours: float = 12, **more: object) -> Schedule:
    said = {"release": NOW, "deadline": NOW + hours * HOUR, **more}
    return Schedule(**said)  # type: ignore[arg-type]


def test_a_workload_is_what_is_expected_of_the_job() -> None:
    schedule = window(interruptible=True, priority=3, zones=("DE",))
    (found,) = workloads([Known(job("a", schedule), KNOWN)], "DE", NOW, {"a": 7.0})
    assert (found.duration, found.at_worst, found.power_w) == (HOUR, 2 * HOUR, 10.0)
    assert (found.interruptible, found.priority, found.zones) == (True, 3, ("DE",))
    assert (found.pause_cost_j, found.budget_g, found.running_in) == (5.0, 7.0, None)
    assert found.deadline == schedule.deadline - margin(job("a", schedule))


def test_what_waits_for_a_budget_is_not_released_before() -> None:
    waiting = job("a", window(), not_before=NOW + 3 * HOUR)
    (found,) = workloads([Known(waiting, KNOWN)], "DE", NOW, {})
    assert found.release == NOW + 3 * HOUR


def test_what_runs_is_told_with_what_is_left_of_it() -> None:
    running = job("a", window(), state=JobState.RUNNING)
    known = Known(running, KNOWN, Progressed(1800, 0.5))
    (found,) = workloads([known], "DE", NOW, {})
    assert (found.duration, found.running_in) == (HOUR / 2, "DE")


def test_jobs_that_run_at_once_come_first_with_a_window_of_their_own_length() -> None:
    known = [
        Known(job("a", window()), KNOWN),
        Known(job("b"), KNOWN),
        Known(job("c", window(green=False, release=NOW + HOUR)), KNOWN),
        Known(job("d", state=JobState.RUNNING), KNOWN),
    ]
    found = workloads(known, "DE", NOW, {})
    assert [one.id for one in found] == ["d", "b", "c", "a"]
    assert [(one.release - NOW) / HOUR for one in found] == [0, 0, 1, 0]
    for one in found[:3]:
        assert checked_workload(one).deadline == one.release + HOUR


def test_jobs_that_are_being_cancelled_are_no_work() -> None:
    known = [Known(job("a", window(), state=JobState.RUNNING, cancelling=True), KNOWN)]
    assert workloads(known, "DE", NOW, {}) == []


def test_it_must_start_while_the_worst_case_still_fits() -> None:
    one = Known(job("a", window(12)), KNOWN)
    assert must_start_by(one) == NOW + 10 * HOUR - margin(one.job)
    short = Known(job("a", window(1)), KNOWN)
    assert must_start_by(short) == NOW


def test_progress_leaves_more_time() -> None:
    half = Known(job("a", window(12)), KNOWN, Progressed(1800, 0.5))
    assert must_start_by(half) > must_start_by(Known(job("a", window(12)), KNOWN))


def planned(
    one: Known, expected_g: float | None, at_once_g: float | None, *before: StandingIntention
) -> StandingIntention:
    """What stands of a plan of one job."""
    intention = Intention(
        job_id=one.job.id,
        zone="DE",
        segments=(),
        expected_g=expected_g,
        low_g=expected_g,
        high_g=expected_g,
        at_once_g=at_once_g,
        why="a test",
    )
    plan = Plan(NOW, Method.EXACT, (intention,))
    (row,) = rows(plan, [one], 1, {row.intention.job_id: row for row in before})
    return row


def half_done() -> JobSegment:
    """Half of the work: 18 kJ for 3 g."""
    nj = 18_000 * 10**9
    return JobSegment(
        fence=1,
        started_at=NOW,
        ended_at=NOW + HOUR / 2,
        nj=nj,
        nj_low=nj,
        nj_high=nj,
        ng=3 * 10**9,
        method=How.MODELLED,
    )


def test_the_baseline_stays_that_of_the_release_however_often_it_is_planned() -> None:
    one = Known(job("a", window()), KNOWN)
    first = planned(one, 4.0, 9.0)
    assert first.totals == Totals(4.0, 9.0, 9.0 / 36_000)
    later = planned(one, 3.5, 4.0, first)  # by now it is cleaner, so at once would cost less
    assert later.totals == Totals(3.5, 9.0, 9.0 / 36_000)


def test_what_has_run_of_a_paused_job_counts_and_its_rest_is_planned() -> None:
    first = planned(Known(job("a", window()), KNOWN), 4.0, 9.0)
    paused = Known(job("a", window(), segments=(half_done(),)), KNOWN, Progressed(1800, 0.5))
    totals = planned(paused, 1.0, 2.0, first).totals
    assert totals is not None
    assert (totals.expected_g, round(totals.at_once_g, 9)) == (4.0, 9.0)


def test_the_totals_of_a_job_stand_still_while_it_runs() -> None:
    first = planned(Known(job("a", window()), KNOWN), 4.0, 9.0)
    running = Known(job("a", window(), state=JobState.RUNNING), KNOWN, Progressed(1800, 0.5))
    assert planned(running, 2.0, 2.0, first).totals == first.totals


def test_where_nobody_foresees_the_grid_there_are_no_totals() -> None:
    assert planned(Known(job("a", window()), KNOWN), None, None).totals is None


def test_what_a_job_saved_is_by_its_own_joules_at_the_intensity_of_its_release() -> None:
    first = planned(Known(job("a", window()), KNOWN), 4.0, 9.0)
    nj = Nanojoules(18_000 * 10**9)  # it took half of what was expected
    energy = EnergyFigure(nj, nj, nj, How.MODELLED, "a test")
    ng = Nanograms(3 * 10**9)
    receipt = Receipt(energy, CarbonFigure(ng, ng, ng, "DE", "a test"), 0)
    saved = saved_g(first, job("a", window(), receipt=receipt))
    assert saved is not None
    assert round(saved, 9) == 4.5 - 3.0
    assert saved_g(first, job("a", window())) is None
