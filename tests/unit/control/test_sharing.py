"""By when jobs that share few places must start."""

from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.agenda import Known, margin, must_start_by, workloads
from lichen.control.expectations import Expectation, Spread
from lichen.control.planning.planner import plan
from lichen.control.planning.workload import Site
from lichen.control.sharing import sharing
from lichen.control.transitions import JobRecord
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.scheduling import Schedule

NOW = datetime(2026, 6, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEADLINE = NOW + 24 * HOUR


def known(number: int, deadline: datetime = DEADLINE, worst: timedelta = 2 * HOUR) -> Known:
    job = JobRecord(
        id=f"job-{number:03}",
        kind=JobKind.TRAIN,
        spec={},
        tenant="t",
        created_at=NOW,
        schedule=Schedule(release=NOW, deadline=deadline),
    )
    hour = HOUR.total_seconds()
    return Known(
        job,
        Expectation(
            seconds=Spread(hour, hour, hour),
            joules=Spread(4 * hour, 4 * hour, 4 * hour),
            cpu_seconds=None,
            longest=worst,
            pause_j=0.0,
            basis="a test",
            is_known=True,
        ),
    )


def last_start(one: Known) -> datetime:
    return must_start_by(one) + margin(one.job)


def test_of_jobs_that_share_a_place_each_leaves_time_for_those_after_it() -> None:
    starts = sorted(map(last_start, sharing([known(number) for number in range(4)], 1)))
    assert starts == [DEADLINE - hours * HOUR for hours in (8, 6, 4, 2)]


def test_where_there_are_places_enough_each_has_all_of_its_time() -> None:
    alone = last_start(known(0))
    assert {last_start(one) for one in sharing([known(0), known(1)], 2)} == {alone}
    apart = [known(0, DEADLINE - 6 * HOUR), known(1)]
    assert [last_start(one) for one in sharing(apart, 1)] == [alone - 6 * HOUR, alone]


def test_of_one_deadline_what_runs_already_comes_before_what_waits() -> None:
    waiting = known(1)
    runs = Known(_as(known(0).job, state=JobState.RUNNING), waiting.expected)
    for order in ([runs, waiting], [waiting, runs]):
        by_state = {one.job.state: last_start(one) for one in sharing(order, 1)}
        assert by_state[JobState.RUNNING] == by_state[JobState.QUEUED] - 2 * HOUR


def test_what_is_paused_by_a_person_or_runs_at_once_takes_no_time_from_others() -> None:
    still = known(0)
    paused = Known(_as(still.job, state=JobState.PAUSED), still.expected)
    at_once = Known(_as(still.job, schedule=None), still.expected)
    assert sharing([paused, at_once, known(1)], 1)[2:] == [known(1)]
    assert list(sharing([paused, at_once], 1)) == [paused, at_once]


def test_the_plan_keeps_to_it_though_the_last_hours_are_the_cleanest() -> None:
    jobs = sharing([known(number) for number in range(4)], 1)
    falling = np.linspace(500.0, 10.0, 24)[np.newaxis]
    outlook = Ensemble("DE", NOW, NOW, HOUR, falling, "a test", "a test")
    made = plan(workloads(jobs, "DE", NOW, {}), {"DE": outlook}, (Site("DE", 1),), NOW)
    starts = sorted(one.segments[0].start for one in made.intentions)
    latest = [DEADLINE - hours * HOUR for hours in (8, 6, 4, 2)]
    assert all(start <= by for start, by in zip(starts, latest, strict=True))
    assert starts[0] > NOW + 12 * HOUR


def test_more_work_than_there_is_time_for_runs_at_once() -> None:
    many = sharing([known(number, worst=8760 * HOUR) for number in range(300)], 1)
    assert {must_start_by(one) for one in many} == {NOW}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(1, 12)), min_size=1, max_size=12),
    st.integers(1, 3),
)
def test_jobs_that_start_when_they_must_are_all_done_in_time_at_worst(
    asked: list[tuple[int, int]], places: int
) -> None:
    jobs = [
        known(number, NOW + (500 + due) * HOUR, worst * HOUR)
        for number, (due, worst) in enumerate(asked)
    ]
    ends: list[datetime] = [NOW] * places
    for one in sorted(sharing(jobs, places), key=must_start_by):
        start = max(heappop(ends), must_start_by(one))
        end = start + one.expected.longest
        assert one.job.schedule is not None
        assert end <= one.job.schedule.deadline - margin(one.job)
        heappush(ends, end)


def _as(job: JobRecord, **changes: object) -> JobRecord:
    return JobRecord(**{**{name: getattr(job, name) for name in job.__slots__}, **changes})
