"""One job by itself: what it is planned for, and what is said of it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.plan import Intention, Method, Segment
from lichen.control.planning.planner import plan
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.workload import Site, Workload

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
SITES = (Site("DE", 8), Site("FR", 8))


def ensemble(*members: list[float], zone: str = "DE", start: datetime = NOW) -> Ensemble:
    return Ensemble(zone, NOW, start, HALF_HOUR, np.array(members, dtype=np.float64), "test")


def at(steps: float) -> datetime:
    return NOW + steps * HALF_HOUR


def workload(*, steps: float = 1, deadline: float = 8, **others: object) -> Workload:
    values: dict[str, object] = {
        "id": "job",
        "release": NOW,
        "deadline": at(deadline),
        "duration": steps * HALF_HOUR,
        "power_w": 1000.0,
        **others,
    }
    return Workload(**values)  # type: ignore[arg-type]


def planned(job: Workload, *outlooks: Ensemble, policy: PlanPolicy | None = None) -> Intention:
    made = plan([job], {one.zone: one for one in outlooks}, SITES, NOW, policy or PlanPolicy())
    assert made.method is Method.EXACT
    return made.intentions[0]


def spans(intention: Intention) -> list[tuple[float, float]]:
    return [
        ((one.start - NOW) / HALF_HOUR, (one.end - NOW) / HALF_HOUR) for one in intention.segments
    ]


def test_an_interruptible_job_takes_the_cheapest_steps() -> None:
    outlook = ensemble([400, 100, 300, 50, 400, 400, 400, 400])
    found = planned(workload(steps=2, interruptible=True), outlook)
    assert spans(found) == [(1, 2), (3, 4)]
    assert found.expected_g == pytest.approx(75)
    assert found.at_once_g == pytest.approx(250)
    assert found.saved_g == pytest.approx(175)


def test_a_part_of_a_step_lies_in_the_dearest_step_used_beside_what_follows() -> None:
    outlook = ensemble([400, 200, 100, 400, 400, 400, 400, 400])
    found = planned(workload(steps=1.5, interruptible=True), outlook)
    assert spans(found) == [(1.5, 3)]
    assert found.expected_g == pytest.approx(0.5 * (100 + 0.5 * 200))


def test_a_job_without_pause_starts_off_the_grid_where_that_is_cheaper() -> None:
    outlook = ensemble([400, 300, 100, 200, 400, 400, 400, 400])
    found = planned(workload(steps=1.5), outlook)
    assert spans(found) == [(2, 3.5)]
    early = planned(workload(steps=1.5), ensemble([400, 200, 100, 300, 400, 400, 400, 400]))
    assert spans(early) == [(1.5, 3)]


def test_a_deadline_off_the_grid_is_held_to_the_microsecond() -> None:
    outlook = ensemble([500, 400, 300, 200, 100, 50, 20, 10])
    found = planned(workload(steps=1, deadline=5.25), outlook)
    assert spans(found) == [(4.25, 5.25)]


def test_the_first_step_may_be_over_in_part() -> None:
    outlook = ensemble([100, 400, 400, 50, 400], start=NOW - timedelta(minutes=20))
    found = planned(workload(steps=1, deadline=4, interruptible=True), outlook)
    assert found.segments[0] == Segment(NOW + timedelta(minutes=70), NOW + timedelta(minutes=100))


def test_time_for_the_worst_case_is_kept_before_the_deadline() -> None:
    outlook = ensemble([500, 400, 300, 200, 100, 50, 20, 10])
    found = planned(workload(steps=1, longest=4 * HALF_HOUR), outlook)
    assert spans(found) == [(4, 5)]
    urgent = planned(workload(steps=1, longest=8 * HALF_HOUR), outlook)
    assert spans(urgent) == [(0, 1)]
    assert "leaves no time to wait" in urgent.why
    assert not urgent.is_late


def test_a_deadline_that_has_passed_is_missed_by_as_little_as_can_be() -> None:
    found = planned(workload(steps=2, deadline=1), ensemble([500, 100, 100, 100]))
    assert spans(found) == [(0, 2)]
    assert found.is_late
    assert "cannot be met" in found.why


def test_of_several_zones_the_cleanest_is_taken() -> None:
    found = planned(workload(steps=1), ensemble([300] * 8), ensemble([200] * 8, zone="FR"))
    assert found.zone == "FR"
    kept = planned(
        workload(steps=1, zones=("DE",)), ensemble([300] * 8), ensemble([200] * 8, zone="FR")
    )
    assert kept.zone == "DE"


def test_a_running_job_moves_only_if_that_pays_its_pause() -> None:
    outlooks = ensemble([300] * 8), ensemble([200] * 8, zone="FR")
    running = workload(steps=1, running_in="DE", interruptible=True, pause_cost_j=3.6e5)
    assert planned(running, *outlooks).zone == "FR"
    dear = workload(steps=1, running_in="DE", interruptible=True, pause_cost_j=3.6e6)
    assert planned(dear, *outlooks).zone == "DE"
    tied = workload(steps=1, running_in="DE")
    stays = planned(tied, *outlooks)
    assert (stays.zone, spans(stays)) == ("DE", [(0, 1)])


def test_without_any_outlook_it_runs_at_once_and_says_so() -> None:
    found = planned(workload(zones=("FR",)), ensemble([300, 100]))
    assert spans(found) == [(0, 1)]
    assert found.expected_g is None
    assert found.saved_g is None
    assert found.why == "runs at once: nothing is known of the intensity of FR"


def test_an_outlook_with_gaps_is_no_outlook() -> None:
    found = planned(workload(zones=("DE",)), ensemble([300, float("nan"), 100]))
    assert found.why == "runs at once: nothing is known of the intensity of DE"


def test_a_job_that_should_be_done_by_now_still_has_something_to_do() -> None:
    found = planned(workload(steps=0, interruptible=True), ensemble([300, 100]))
    assert found.segments[0].end > found.segments[0].start


def test_over_many_weeks_the_pauses_of_a_job_are_still_counted() -> None:
    course = [float(100 + 50 * (step % 2)) for step in range(48 * 34)]
    job = workload(steps=800, deadline=1600, interruptible=True, pause_cost_j=1e7)
    found = planned(job, ensemble(course))
    assert len(found.segments) == 1
    assert found.saved_g is not None
    assert found.saved_g >= 0


def test_a_job_no_worker_can_hold_is_not_planned() -> None:
    found = planned(workload(cores=9), ensemble([300, 100]))
    assert (found.zone, found.segments) == ("", ())
    assert found.why == "cannot run: no worker has 9 cores"


def test_an_outlook_that_ends_before_the_deadline_repeats_its_last_day() -> None:
    day = [300.0] * 47 + [100.0]
    made = plan([workload(deadline=200, release=at(60))], {"DE": ensemble(day)}, SITES[:1], NOW)
    assert spans(made.intentions[0]) == [(95, 96)]
    assert "beyond, its last day is repeated" in made.remarks[0]


def test_under_many_courses_it_abstains_when_little_is_to_be_gained() -> None:
    courses = [300.0, 299.8, 299.8, 299.8], [300.0, 299.75, 299.75, 299.75]
    found = planned(workload(deadline=4), ensemble(*courses))
    assert spans(found) == [(0, 1)]
    assert "not expected to save enough" in found.why
    one = planned(workload(deadline=4), ensemble(courses[0]))
    assert spans(one) == [(1, 2)]


def test_the_grams_have_quantiles_over_the_courses() -> None:
    found = planned(workload(deadline=2), *[ensemble([500, 100], [500, 200], [500, 300])])
    assert found.expected_g == pytest.approx(100)
    assert found.low_g == pytest.approx(60)
    assert found.high_g == pytest.approx(140)


def test_a_budget_that_cannot_be_held_is_named() -> None:
    found = planned(workload(deadline=2, budget_g=40), ensemble([500, 100]))
    assert found.why.endswith("; its budget of 40 g cannot be held: 50 g are expected")


def test_no_jobs_make_an_empty_plan() -> None:
    assert plan([], {}, SITES, NOW).intentions == ()
