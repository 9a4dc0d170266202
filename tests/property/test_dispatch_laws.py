"""Laws of dispatch: whatever is planned, no deadline is missed for it, and every wait ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.control.dispatch import LONG_GRACE, Verdict, order
from lichen.control.intentions import StandingIntention
from lichen.control.planning.plan import Intention, Method, Segment
from lichen.control.transitions import Claim, Hold, JobRecord, step
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.scheduling import Schedule

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STEP = timedelta(minutes=1)
minutes = st.integers(min_value=-60, max_value=600)
plans = st.one_of(st.none(), st.lists(st.tuples(minutes, minutes), max_size=4))


def row(spans: list[tuple[int, int]], must_start_by: datetime) -> StandingIntention:
    segments = tuple(
        Segment(NOW + start * STEP, NOW + (start + abs(length) + 1) * STEP)
        for start, length in sorted(spans)
    )
    intention = Intention(
        job_id="job-1",
        zone="DE",
        segments=segments,
        expected_g=None,
        low_g=None,
        high_g=None,
        at_once_g=None,
        why="a law",
    )
    return StandingIntention(
        intention=intention, made_at=NOW, method=Method.EXACT, must_start_by=must_start_by, fence=1
    )


@settings(max_examples=60, deadline=None)
@given(
    work=st.integers(1, 120),
    slack=st.integers(1, 300),
    interruptible=st.booleans(),
    replans=st.lists(plans, min_size=1, max_size=5),
    silences=st.lists(st.integers(0, 10), min_size=1, max_size=5),
    lost=st.integers(0, 3),
)
def test_a_deadline_that_can_be_met_at_worst_is_met(
    *,
    work: int,
    slack: int,
    interruptible: bool,
    replans: list[list[tuple[int, int]] | None],
    silences: list[int],
    lost: int,
) -> None:
    """Minute by minute, with plans that are nonsense but for the moment by which it must start."""
    deadline = NOW + (work + slack) * STEP
    schedule = Schedule(release=NOW, deadline=deadline, interruptible=interruptible)
    job = JobRecord(
        id="job-1", kind=JobKind.TRAIN, spec={}, tenant="t", created_at=NOW, schedule=schedule
    )
    now, left = NOW, work * STEP
    while left > timedelta(0):
        turn = int((now - NOW) / STEP) // 30
        spans = replans[turn % len(replans)]
        standing = None if spans is None else row(spans, deadline - left - lost * STEP)
        found = order(job, standing, now, silences[turn % len(silences)] * STEP)
        if found.verdict is Verdict.PAUSE:
            assert interruptible
            assert job.state is JobState.RUNNING
            job = step(job, Hold(job.fence), now)
            left += lost * STEP  # the work since the last checkpoint is done again
        elif found.verdict is Verdict.RUN and job.state is JobState.QUEUED:
            job = step(job, Claim("worker", deadline), now)
        else:
            assert found.verdict is Verdict.RUN or found.until is not None
            assert job.state is JobState.QUEUED or found.verdict is Verdict.RUN
        if job.state is JobState.RUNNING:
            left -= STEP
        now += STEP
    assert now <= deadline


@given(
    spans=plans,
    at=minutes,
    must=minutes,
    silent=st.integers(0, 10),
    runs=st.booleans(),
    since=minutes,
    green=st.booleans(),
    interruptible=st.booleans(),
)
def test_an_order_can_be_carried_out_at_any_time_by_any_clock(
    *,
    spans: list[tuple[int, int]] | None,
    at: int,
    must: int,
    silent: int,
    runs: bool,
    since: int,
    green: bool,
    interruptible: bool,
) -> None:
    schedule = Schedule(
        release=NOW, deadline=NOW + 400 * STEP, green=green, interruptible=interruptible
    )
    job = JobRecord(
        id="job-1", kind=JobKind.TRAIN, spec={}, tenant="t", created_at=NOW, schedule=schedule
    )
    if runs:
        job = replace(step(job, Claim("worker", NOW), NOW), running_since=NOW + since * STEP)
    now = NOW + at * STEP
    standing = None if spans is None else row(spans, NOW + must * STEP)
    found = order(job, standing, now, silent * STEP)
    if found.verdict is Verdict.WAIT:
        assert not runs
        assert found.until is not None
        assert now < found.until <= max(schedule.release, NOW + must * STEP, NOW + LONG_GRACE)
    if found.verdict is Verdict.PAUSE:
        assert runs
        assert interruptible
        assert found.until is not None
        assert now < found.until <= NOW + must * STEP
    if found.verdict is not Verdict.RUN:
        assert now < schedule.deadline
    assert found.says, "every order of a job with a schedule says why"
