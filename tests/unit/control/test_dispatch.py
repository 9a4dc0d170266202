"""Whether a job that can wait runs now, waits or pauses; and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.control.dispatch import (
    AWAKE,
    GRACE,
    HEARD_OF,
    LONG_GRACE,
    SHORTEST_RUN,
    SILENT_AFTER,
    Order,
    Verdict,
    has_waited,
    latest_start,
    order,
)
from lichen.control.intentions import StandingIntention
from lichen.control.planning.plan import Intention, Method, Segment
from lichen.control.transitions import Claim, JobRecord, Pause, Resume, step
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import Schedule

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SCHEDULE = Schedule(release=NOW, deadline=NOW + 20 * HOUR, interruptible=True)
JOB = JobRecord(
    id="job-1", kind=JobKind.TRAIN, spec={}, tenant="default", created_at=NOW, schedule=SCHEDULE
)
RUNNING = step(JOB, Claim("worker", NOW + HOUR), NOW)


def segments(*hours: tuple[float, float]) -> tuple[Segment, ...]:
    return tuple(Segment(NOW + start * HOUR, NOW + end * HOUR) for start, end in hours)


def row(
    *hours: tuple[float, float], is_late: bool = False, must_start_by: float = 18
) -> StandingIntention:
    intention = Intention(
        job_id="job-1",
        zone="DE",
        segments=segments(*hours),
        expected_g=1.0,
        low_g=0.5,
        high_g=2.0,
        at_once_g=3.0,
        why="the night is cleaner",
        is_late=is_late,
    )
    return StandingIntention(
        intention=intention,
        made_at=NOW,
        method=Method.EXACT,
        must_start_by=NOW + must_start_by * HOUR,
        fence=1,
    )


def ordered(
    job: JobRecord,
    standing: StandingIntention | None,
    after: timedelta = AWAKE,
    silent: timedelta = AWAKE,
) -> Order:
    return order(job, standing, NOW + after, silent)


def test_a_job_without_a_schedule_runs() -> None:
    assert ordered(replace(JOB, schedule=None), row((9, 10))) == Order(Verdict.RUN)


def test_it_waits_for_its_planned_time_and_runs_in_it() -> None:
    waiting = ordered(JOB, row((4, 6)))
    assert (waiting.verdict, waiting.until) == (Verdict.WAIT, NOW + 4 * HOUR)
    assert waiting.says == "it waits for 2026-11-22T16:00:00Z as planned: the night is cleaner"
    running = ordered(JOB, row((4, 6)), 4 * HOUR)
    assert (running.verdict, running.until) == (Verdict.RUN, NOW + 6 * HOUR)


def test_it_never_waits_past_the_moment_by_which_it_must_start() -> None:
    late = row((4, 6), must_start_by=3)
    assert ordered(JOB, late).until == NOW + 3 * HOUR
    forced = ordered(JOB, late, 3 * HOUR)
    assert (forced.verdict, forced.is_forced) == (Verdict.RUN, True)
    assert "to be done by its deadline 2026-11-23T08:00:00Z" in forced.says


def test_past_its_deadline_it_runs_at_once_and_so_it_does_when_it_will_be_late() -> None:
    assert "has passed" in ordered(JOB, row((30, 31)), 20 * HOUR).says
    assert ordered(JOB, None, 20 * HOUR).is_forced
    late = ordered(JOB, row((4, 6), is_late=True))
    assert (late.verdict, late.is_forced) == (Verdict.RUN, True)


def test_what_a_person_resumed_waits_for_the_planner_as_if_it_had_just_been_accepted() -> None:
    old = replace(JOB, created_at=NOW - HOUR, schedule=replace_release(NOW - HOUR))
    assert ordered(old, None).verdict is Verdict.RUN
    resumed = step(step(old, Pause(), NOW), Resume(), NOW)
    assert (ordered(resumed, None).verdict, ordered(resumed, None).until) == (
        Verdict.WAIT,
        NOW + LONG_GRACE,
    )
    assert ordered(resumed, None, LONG_GRACE).verdict is Verdict.RUN


@pytest.mark.parametrize(("silent", "grace"), [(HEARD_OF, GRACE), (AWAKE, LONG_GRACE)])
def test_without_a_row_it_waits_for_a_moment_and_then_runs(
    silent: timedelta, grace: timedelta
) -> None:
    fresh = ordered(JOB, None, silent=silent)
    assert (fresh.verdict, fresh.until) == (Verdict.WAIT, NOW + grace)
    assert ordered(JOB, None, grace, silent).verdict is Verdict.RUN
    assert "nothing is planned" in ordered(JOB, None, grace, silent).says
    assert ordered(JOB, None, -HOUR, silent).verdict is Verdict.WAIT, "its release is to come"
    old = replace(JOB, created_at=NOW - HOUR, schedule=replace_release(NOW - HOUR))
    assert ordered(old, None, silent=silent).verdict is Verdict.RUN
    assert ordered(old, None, -2 * HOUR + MINUTE, silent).verdict is Verdict.WAIT


def replace_release(release: datetime) -> Schedule:
    return Schedule(release=release, deadline=SCHEDULE.deadline, interruptible=True)


def test_a_tight_window_shortens_the_wait_for_the_planner() -> None:
    tight = replace(JOB, schedule=Schedule(release=NOW, deadline=NOW + 100 * MINUTE / 60))
    assert ordered(tight, None).until == NOW + 2 * MINUTE / 60


def test_a_planner_that_is_silent_for_minutes_holds_nothing_back_and_it_is_said() -> None:
    silent = ordered(JOB, row((4, 6)), silent=SILENT_AFTER)
    assert silent.verdict is Verdict.RUN
    assert "has said nothing for 5 minutes" in silent.says
    assert ordered(JOB, row((4, 6)), silent=SILENT_AFTER - MINUTE).verdict is Verdict.WAIT
    ran = ordered(RUNNING, row((4, 6)), HOUR, silent=SILENT_AFTER)
    assert ran.verdict is Verdict.RUN


def test_it_is_not_started_before_its_release_whatever_is_planned() -> None:
    later = replace(JOB, schedule=replace_release(NOW + HOUR))
    assert ordered(later, row((0, 2))).until == NOW + HOUR
    assert ordered(later, row((0, 2), must_start_by=-1)).until == NOW + HOUR


def test_one_that_is_not_to_be_shifted_runs_as_soon_as_it_may() -> None:
    plain = Schedule(release=NOW, deadline=SCHEDULE.deadline, green=False)
    assert ordered(replace(JOB, schedule=plain), None).verdict is Verdict.RUN


def test_one_of_which_the_planner_found_nothing_runs_and_says_why() -> None:
    assert ordered(JOB, row()).says == "it runs at once: the night is cleaner"


def test_an_interruptible_job_pauses_between_its_segments() -> None:
    plan = row((0, 1), (4, 6))
    assert ordered(RUNNING, plan, HOUR / 2).verdict is Verdict.RUN
    paused = ordered(RUNNING, plan, HOUR)
    assert (paused.verdict, paused.until) == (Verdict.PAUSE, NOW + 4 * HOUR)
    assert ordered(RUNNING, plan, 4 * HOUR).verdict is Verdict.RUN


def test_it_runs_on_when_its_planned_time_is_over_and_it_is_not_done() -> None:
    for job in (RUNNING, JOB):
        assert ordered(job, row((0, 1)), 2 * HOUR).verdict is Verdict.RUN


def test_it_runs_on_through_a_gap_that_is_too_short() -> None:
    assert ordered(RUNNING, row((0, 1), (1.05, 6)), HOUR).verdict is Verdict.RUN
    assert ordered(RUNNING, row((0, 1), (4, 6), must_start_by=1.05), HOUR).verdict is Verdict.RUN


def test_a_plan_that_changes_does_not_pause_what_has_just_begun() -> None:
    young = ordered(RUNNING, row((4, 6)), MINUTE)
    assert (young.verdict, young.until) == (Verdict.RUN, NOW + SHORTEST_RUN)
    assert ordered(RUNNING, row((4, 6)), SHORTEST_RUN).verdict is Verdict.PAUSE


def test_a_segment_that_is_all_but_over_starts_nothing() -> None:
    plan = row((0, 1), (4, 6))
    assert ordered(JOB, plan, HOUR - MINUTE).until == NOW + 4 * HOUR
    assert ordered(JOB, row((0, 1)), HOUR - MINUTE).verdict is Verdict.RUN
    assert ordered(JOB, row((0, 1), (1.05, 6)), HOUR - MINUTE).verdict is Verdict.RUN


def test_what_is_not_interruptible_is_never_paused() -> None:
    whole = replace(RUNNING, schedule=Schedule(release=NOW, deadline=SCHEDULE.deadline))
    assert ordered(whole, row((0, 1), (4, 6)), HOUR).verdict is Verdict.RUN
    assert ordered(RUNNING, None, HOUR).verdict is Verdict.RUN, "nothing is planned for it"


@pytest.mark.parametrize(
    ("standing", "after", "says"),
    [(row((1, 2)), 2 * MINUTE, True), (row((1, 2)), MINUTE, False), (None, HOUR, False)],
)
def test_a_job_waited_when_a_plan_kept_it_for_more_than_a_minute(
    standing: StandingIntention | None,
    after: timedelta,
    says: bool,  # noqa: FBT001
) -> None:
    assert has_waited(JOB, standing, NOW + after) is says


def test_the_latest_start_is_what_is_known_of_it() -> None:
    assert latest_start(JOB, row((1, 2))) == NOW + 18 * HOUR
    assert latest_start(JOB, None) == SCHEDULE.deadline
    assert latest_start(replace(JOB, schedule=None), None) is None
